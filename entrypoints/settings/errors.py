"""What is wrong with settings, in sentences: the path as one writes it, then what is expected there."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import attrs
import cattrs

_NAMED = re.compile(r"'([^']+)' (.*)", re.DOTALL)
"""How attrs' validators begin: with the attribute's name, or a path below it, which belongs into the path."""


def sentences(error: BaseException, path: str = "") -> Iterator[str]:
    """Say everything that cattrs found wrong, each with its path below `path`."""
    if isinstance(error, cattrs.ClassValidationError):
        fields, whole = error.group_exceptions()
        for inner, field in fields:
            yield from sentences(inner, _joined(path, field.name))
        for inner in whole:
            yield from sentences(inner, path)
    elif isinstance(error, cattrs.IterableValidationError):
        for inner, place in error.group_exceptions()[0]:
            # `place` is a str, whose own `index` hides the one that was set from the type checker.
            yield from sentences(inner, _joined(path, vars(place)["index"]))
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = tuple(each.name for each in attrs.fields(error.cl))
        yield from (
            _unknown(_joined(path, name), name, known) for name in sorted(error.extra_fields)
        )
    elif isinstance(error, KeyError):
        yield f"{path}: is missing"
    elif isinstance(error, ValueError):
        text = str(error.args[0])
        named = _NAMED.fullmatch(text)
        yield f"{_joined(path, named[1])}: {named[2]}" if named else f"{path}: {text}"
    else:
        yield f"{path}: has the wrong type"


def _unknown(path: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"{path}: is not known: {remedy}"


def _joined(path: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step
