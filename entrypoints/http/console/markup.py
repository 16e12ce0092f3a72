"""Markup made of parts; what is not markup already is escaped, so nothing that strangers wrote is obeyed."""

from html import escape


class Html(str):
    """Markup, to be taken as it is."""

    __slots__ = ()


def tag(name: str, /, *content: object, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: Of the element.
        content: In it; whatever is not `Html` is shown as text.
        attributes: ``class_`` is class, ``aria_label`` is aria-label; None and False are left out, and True
            has no value.
    """
    said = "".join(_attribute(each, value) for each, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{said}>")
    return Html(f"<{name}{said}>{joined(*content)}</{name}>")


def joined(*content: object) -> Html:
    """Return `content` as one; whatever is not `Html` is shown as text."""
    return Html("".join(each if isinstance(each, Html) else escape(str(each)) for each in content))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


_VOID = frozenset({"input", "link", "meta"})
