"""Plain values of settings: typed in TOML, text in the environment; what fits neither is an error."""

import re
from contextlib import suppress
from typing import Any

import cattrs


def plain_converter() -> cattrs.Converter:
    """Return a converter for plain values that refuses what it does not know."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(bool, _flag)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
    return converter


def _flag(value: Any, _: type) -> bool:
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
    lowered = value.lower() if isinstance(value, str) else value
    if not isinstance(lowered, bool | str) or lowered not in known:
        raise ValueError("must be true or false")
    return known[lowered]


def _texts(value: Any, _: type) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError("must be a list of strings")
    return tuple(value)


def _text(value: Any, _: type) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _whole(value: Any, _: type) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


def _number(value: Any, _: type) -> float:
    if not isinstance(value, bool):
        with suppress(ValueError, TypeError):
            return float(value)
    raise ValueError("must be a number")
