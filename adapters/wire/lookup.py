"""Typed look-ups in JSON that somebody else wrote.

Law: an odd shape is the same as an absent one; nothing here raises.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from domain.model.json_value import JsonObject

_NOTHING: Mapping[str, Any] = {}


def json_of(data: bytes) -> Any:
    """Return what `data` says; None: it is not JSON. Broken UTF-8 is mended, as readers of text do."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return orjson.loads(data.decode(errors="replace"))
    except orjson.JSONDecodeError:
        return None


def object_in(value: object, *path: str) -> JsonObject:
    """Return the object at `path` below `value`; empty if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else _NOTHING


def objects_in(value: object, key: str) -> Sequence[JsonObject]:
    """Return the objects in the list at `key`; what is no object is left out."""
    found = value.get(key) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else ()


def text_in(value: object, *path: str) -> str:
    """Return the string at `path`; empty if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def integer_in(value: object, *path: str) -> int | None:
    """Return the whole number at `path`, 4.0 and "4" included; None if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if type(value) is int:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    # Longer digits are no count, and int() would take quadratic time for them.
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        return int(value)
    return None
