"""Typed look-ups in JSON that somebody else wrote.

Law: an odd shape is the same as an absent one; nothing here raises.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from domain.model.json_value import JsonObject

_NOTHING: Mapping[str, Any] = {}
_BOM = b"\xef\xbb\xbf"
_MAX_INTEGER = 2**63 - 1
_MAX_COUNT = 10**9  # no call has so many tokens; sums of them, and what they cost, fit 64 bits


def json_of(data: bytes) -> Any:
    """Return what `data` says; None: it is not JSON.

    Broken UTF-8 and halves of characters are mended, and a byte-order mark is passed over, as readers of text
    do. Numbers are such as every reader of JSON takes; what is beyond them is None.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    text = data.removeprefix(_BOM).decode(errors="replace")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return _mended(_READER.decode(text))
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> float | None:
    # Longer digits fit no 64 bits, and int() would take quadratic time for them.
    found = int(digits) if len(digits) < 20 else _MAX_INTEGER + 1
    return found if abs(found) <= _MAX_INTEGER else _real(digits)


def _real(digits: str) -> float | None:
    found = float(digits)
    return found if math.isfinite(found) else None


# It takes what the fast one does not: numbers that are too long for a float, and words that are no numbers.
_READER = json.JSONDecoder(parse_int=_integer, parse_float=_real, parse_constant=lambda _: None)


def _mended(value: Any) -> Any:
    """Return `value` with U+FFFD in the place of each half of a character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    return value


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
    """Return the whole number at `path`, 4.0 and "4" included, if it fits 64 bits; else None."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    found = None
    if type(value) is int:
        found = value
    elif isinstance(value, float):
        found = int(value) if value.is_integer() else None
    # Longer digits are no count, and int() would take quadratic time for them.
    elif isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        found = int(value)
    return found if found is not None and abs(found) <= _MAX_INTEGER else None


def count_in(value: object, *path: str) -> int | None:
    """Return the count at `path`; None if there is none, or nobody can have counted that."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    found = value if type(value) is int else integer_in(value)
    return found if found is not None and 0 <= found <= _MAX_COUNT else None


def counts_in(value: JsonObject, *keys: str) -> Sequence[int | None]:
    """Return the counts at `keys`, each as `count_in` does."""
    found = []
    for key in keys:
        count = value.get(key)
        if type(count) is not int:
            count = None if count is None else integer_in(count)
        found.append(count if count is not None and 0 <= count <= _MAX_COUNT else None)
    return found
