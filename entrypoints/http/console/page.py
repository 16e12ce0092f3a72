"""The whole page, and that where one signs in."""

from collections.abc import Mapping

import attrs

from entrypoints.http.console.calls import CANCEL_FORM
from entrypoints.http.console.markup import Html, joined, tag
from entrypoints.http.console.view import SIDES, WINDOWS, View

_TITLES = {
    "flights": "Calls in flight",
    "charts": "Over time",
    "used": "Tokens and cost",
    "failures": "Failures, by whose fault they are",
    "routes": "Routes, breakers and keys",
    "limits": "Limits in use",
    "account": "Usage log",
    "last": "Last calls",
}


@attrs.frozen(kw_only=True)
class Viewer:
    """Who looks at the page.

    Attributes:
        name: Of the caller; empty: nobody has signed in, and nobody need.
        may_cancel: Whether calls may be cancelled.
        csrf: Proves that what is sent comes from this page.
        session: Whether one can sign out.
    """

    name: str = ""
    may_cancel: bool = False
    csrf: str = attrs.field(default="", repr=False)
    session: bool = False


def page(regions: Mapping[str, Html], view: View, viewer: Viewer) -> Html:
    """Return the page with what is in its regions now."""
    return _document(
        "llmservice",
        tag(
            "header",
            tag("h1", "llmservice"),
            tag("p", "connecting …", id="live", role="status"),
            _who(viewer),
        ),
        tag(
            "main",
            tag("section", _region("summary", regions), aria_label="At a glance"),
            _section("flights", regions),
            tag("nav", _choices("window", WINDOWS, view), _choices("by", SIDES, view),
                aria_label="What is shown"),
            *(_section(each, regions) for each in _TITLES if each != "flights"),
        ),
        tag(
            "form",
            tag("input", type="hidden", name="csrf", value=viewer.csrf),
            id=CANCEL_FORM,
            method="post",
            action=f"/console/cancel{view.query}",
        )
        if viewer.may_cancel
        else "",
        tag("p", id="said", role="status", class_="unseen"),
        events=f"/console/events{view.query}",
        class_=None if viewer.may_cancel else "looks-only",
    )  # fmt: skip


def sign_in(said: str = "") -> Html:
    """Return the page where one signs in; `said` is why that did not work."""
    return _document(
        "Sign in · llmservice",
        tag("header", tag("h1", "llmservice")),
        tag(
            "main",
            tag("h2", "Sign in"),
            tag("p", said, class_="alarm", role="alert") if said else "",
            tag(
                "form",
                tag("label", "Token of a caller with the scope console", for_="token"),
                tag("input", id="token", name="token", type="password", required=True,
                    autocomplete="current-password"),
                tag("button", "Sign in", type="submit"),
                method="post",
                action="/console/sign-in",
                class_="sign-in",
            ),
            tag("p", "An operator makes one: ",
                tag("code", "llmservice keys create NAME --scope console --scope console.cancel")),
        ),
    )  # fmt: skip


def _document(title: str, *body: object, events: str = "", class_: str | None = None) -> Html:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="stylesheet", href="/console/console.css"),
        tag("link", rel="icon", href="/console/icon.svg"),
        tag("script", src="/console/console.js", type="module") if events else "",
    )
    content = tag("body", *body, data_events=events or None, class_=class_)
    return joined(Html("<!doctype html>"), tag("html", head, content, lang="en"))


def _who(viewer: Viewer) -> Html:
    if viewer.session:
        return tag(
            "form",
            tag("input", type="hidden", name="csrf", value=viewer.csrf),
            tag("span", f"{viewer.name} "),
            tag("button", "Sign out", type="submit"),
            method="post",
            action="/console/sign-out",
        )
    if viewer.may_cancel:
        return Html()
    return tag("p", tag("a", "Sign in to cancel calls", href="/console/sign-in"))


def _region(name: str, regions: Mapping[str, Html]) -> Html:
    return tag("div", regions[name], id=f"region-{name}")


def _section(name: str, regions: Mapping[str, Html]) -> Html:
    title = tag("h2", _TITLES[name], id=f"title-of-{name}")
    return tag(
        "section", title, _region(name, regions), id=name, aria_labelledby=f"title-of-{name}"
    )


def _choices(what: str, names: Mapping[str, object], view: View) -> Html:
    chosen = getattr(view, what)
    said = {"5m": "5 minutes", "1h": "1 hour"}
    links = (
        tag(
            "li",
            tag(
                "a",
                said.get(each, f"by {each}"),
                href=f"/console{attrs.evolve(view, **{what: each}).query}",
                aria_current="true" if each == chosen else None,
            ),
        )
        for each in names
    )
    return tag("ul", *links)
