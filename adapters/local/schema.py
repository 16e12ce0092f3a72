"""A JSON schema that this model can be held to, or the reason why it cannot.

llama.cpp makes a grammar of it, in this process. Law: what would be long in the making, and what would be
silently left out of the grammar, is refused. Both also make llama.cpp print the schema on stderr, which it
still does for the rarer ways to fail (nested repetitions, left recursion).

Source: llama.cpp, grammars/README.md, JSON Schemas -> GBNF
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

from domain.model.json_value import Json

MAX_SCHEMA_BYTES = 8192
"""1,000 enum values in 8 KB take 2 s, 20,000 more than a minute, and every other answer waits meanwhile."""

MAX_REPEAT = 1000
"""Longest string or array that a schema may count; the grammar takes no more than 2,000."""

_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_DATA = frozenset({"const", "default", "enum", "examples"})


def parse_schema(text: str) -> Json:
    """Return the schema in `text`.

    Raises:
        ValueError: It cannot be held; the message says why, for the caller.
    """
    if len(text.encode()) > MAX_SCHEMA_BYTES:
        raise ValueError(f"is longer than the {MAX_SCHEMA_BYTES} bytes that this model takes")
    try:
        schema: Json = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    for key, value in _keywords(schema):
        problem = _CHECKS[key](value) if key in _CHECKS else ""
        if problem:
            raise ValueError(f"{key} {problem}")
    return schema


def _keywords(schema: Json) -> Iterator[tuple[str, Json]]:
    """Give every key with its value, at any depth, but for those inside plain data."""
    nodes = [schema]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Mapping):
            yield from node.items()
            nodes += (value for key, value in node.items() if key not in _DATA)
        elif isinstance(node, list):
            nodes += node


def _count(value: Json) -> str:
    many = isinstance(value, int | float) and value > MAX_REPEAT
    return f"is more than the {MAX_REPEAT} that this model takes" if many else ""


def _pattern(value: Json) -> str:
    # A property may be called so, and then it is no text.
    if not isinstance(value, str):
        return ""
    if not (value.startswith("^") and value.endswith("$")):
        return "must begin with ^ and end with $, or it would not be heeded"
    counts = (int(digits) for pair in _REPEAT.findall(value) for digits in pair if digits)
    return _count(max(counts, default=0))


_CHECKS: Mapping[str, Callable[[Json], str]] = {
    "maxItems": _count,
    "maxLength": _count,
    "minItems": _count,
    "minLength": _count,
    "pattern": _pattern,
}
