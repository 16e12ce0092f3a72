"""What the options of `keys create` and `keys set` say: settings of a caller, checked like them."""

import argparse
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from entrypoints.cli.endings import BadUsage
from entrypoints.cli.moments import ahead
from entrypoints.settings.callers import CallerSettings
from entrypoints.settings.money import nano_usd

NONE = "none"
_NAMED = re.compile(r"'(\w+)' (.*)", re.DOTALL)
_OPTIONS = {"scopes": "scope"}
"""Settings whose option has another name."""


def said(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line names, by their names; cleared ones are None or empty.

    Raises:
        BadUsage: One of them makes no sense.
    """
    found: dict[str, Any] = {}
    if asked.scope is not None:
        found["scopes"] = () if asked.scope == [NONE] else tuple(asked.scope)
    if asked.allow is not None:
        found["allow"] = tuple(asked.allow)
    for name, read in _READ.items():
        text = getattr(asked, name)
        if text is not None:
            found[name] = None if text == NONE else _read(name, read, text)
    return found


def changed(settings: CallerSettings | None, wanted: Mapping[str, Any]) -> CallerSettings:
    """Return `settings` with what is `wanted`; ``None``: the defaults with it.

    Raises:
        BadUsage: It makes no sense; names the option.
    """
    try:
        if settings is None:
            return CallerSettings(**wanted)
        return attrs.evolve(settings, **wanted)
    except ValueError as error:
        text = str(error.args[0])
        named = _NAMED.fullmatch(text)
        raise BadUsage(f"{_option(named[1])}: {named[2]}" if named else text) from None


def _read(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise BadUsage(f"{_option(name)}: {error}") from None


def _option(name: str) -> str:
    return f"--{_OPTIONS.get(name, name).replace('_', '-')}"


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(f"must be a whole number, or {NONE}")
    return int(text)


def _expiry(text: str) -> datetime:
    now = datetime.now(UTC)
    moment = ahead(text, now)
    if moment <= now:
        raise ValueError(f"{text!r} has passed; `llmservice keys revoke` ends a key now")
    return moment


_READ: Mapping[str, Callable[[str], Any]] = {
    "requests_per_minute": _whole,
    "tokens_per_minute": _whole,
    "parallel_calls": _whole,
    "budget_usd_per_day": nano_usd,
    "budget_usd_per_month": nano_usd,
    "expires": _expiry,
}
