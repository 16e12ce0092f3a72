"""How a line looks: one JSON object for programs, or words and colours for people.

Law: a line is one line. What was logged cannot begin another, nor command the terminal that shows it.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import orjson

MAX_TEXT = 8_192
"""Longest message, in characters."""
MAX_TRACE = 32_768
"""Longest traceback, in characters: its beginning and its end are kept."""


class Render(Protocol):
    """Writes a line, without its end."""

    def __call__(
        self,
        time: datetime,
        level: str,
        message: str,
        fields: Mapping[str, object],
        trace: str = "",
        /,
    ) -> str:
        """Return the line; `fields` are what it is about, `trace` is a traceback or empty."""
        ...


_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TERMINAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_OWN = frozenset({"time", "level", "message"})
_LEVELS: Mapping[str, str] = {
    "TRACE": "36",
    "DEBUG": "34",
    "INFO": "1",
    "SUCCESS": "32;1",
    "WARNING": "33;1",
    "ERROR": "31;1",
    "CRITICAL": "41;1",
}
"""Colours, in the words of ECMA-48."""


def as_json(
    time: datetime, level: str, message: str, fields: Mapping[str, object], trace: str = ""
) -> str:
    """Return a line as one object; its time is UTC."""
    short = message if len(message) <= MAX_TEXT else _bounded(message, MAX_TEXT)
    said: dict[str, object] = {"time": time, "level": level, "message": short}
    said.update(fields if _OWN.isdisjoint(fields) else _others(fields))
    if trace:
        said["exception"] = _bounded(trace.strip(), MAX_TRACE)
    try:
        return orjson.dumps(said, default=str, option=_OPTIONS).decode()
    except TypeError:
        # Half a character, or a number of more than 64 bits.
        return _somehow(said | {"time": time.isoformat()})


def as_words(
    time: datetime, level: str, message: str, fields: Mapping[str, object], trace: str = ""
) -> str:
    """Return a line for people, without colours."""
    return _in_words(_plain, time, level, message, fields, trace)


def as_colours(
    time: datetime, level: str, message: str, fields: Mapping[str, object], trace: str = ""
) -> str:
    """Return a line for people at a terminal."""
    return _in_words(_coloured, time, level, message, fields, trace)


def _in_words(
    painted: Callable[[str, str], str],
    time: datetime,
    level: str,
    message: str,
    fields: Mapping[str, object],
    trace: str,
) -> str:
    said = " ".join(
        f"{_shown(str(name))}={_value(value)}"
        for name, value in fields.items()
        if value not in ("", None)
    )
    parts = [
        painted(time.astimezone().strftime("%H:%M:%S.%f")[:-3], "2"),
        painted(f"{level: <7}", _LEVELS.get(level, "1")),
        _shown(_bounded(message, MAX_TEXT)),
    ]
    if said:
        parts.append(painted(said, "2"))
    line = " ".join(parts)
    return f"{line}\n{_TERMINAL.sub('', _bounded(trace.strip(), MAX_TRACE))}" if trace else line


def _plain(text: str, _: str) -> str:
    return text


def _coloured(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def _others(fields: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in fields.items() if name not in _OWN}


def _value(value: object) -> str:
    if isinstance(value, list | tuple | dict):
        return _shown(_somehow(value))
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if text and text.isprintable() and " " not in text else json.dumps(text)


def _somehow(value: object) -> str:
    try:
        return json.dumps(value, default=str, skipkeys=True)
    except ValueError:
        # It holds itself.
        return json.dumps(repr(value))


def _shown(text: str) -> str:
    """Return `text` with what would begin a line or command a terminal written out."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def _bounded(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} [... {len(text) - 2 * half} characters ...] {text[-half:]}"
