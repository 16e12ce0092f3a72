"""Settings of the log, section ``[logs]``."""

import re
from collections.abc import Mapping
from typing import Any

import attrs
from attrs.validators import ge, gt, in_, le

from entrypoints.settings.log_levels import LEVELS

_LIBRARY = re.compile(r"[A-Za-z_][\w.]*")


def _levels(
    _: Any, attribute: "attrs.Attribute[Mapping[str, str]]", value: Mapping[str, str]
) -> None:
    for name, level in value.items():
        if not _LIBRARY.fullmatch(name):
            raise ValueError(f"'{attribute.name}' {name!r} is no name of a library")
        if level not in LEVELS:
            raise ValueError(f"'{attribute.name}.{name}' must be one of {', '.join(LEVELS)}")


def _patterns(
    _: Any, attribute: "attrs.Attribute[tuple[str, ...]]", value: tuple[str, ...]
) -> None:
    for place, pattern in enumerate(value):
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"'{attribute.name}[{place}]' is not a regular expression: {error}"
            ) from None
        if compiled.match(""):
            raise ValueError(f"'{attribute.name}[{place}]' fits nothing at all, and so everywhere")


@attrs.frozen(kw_only=True)
class LogSettings:
    """What is logged, and how it looks; all of it goes to standard error.

    Attributes:
        level: The least that is logged; ``LLMSERVICE_LOG_LEVEL`` wins.
        format: ``json``, ``text``, or ``auto``: text on a terminal, JSON elsewhere.
        calls: A line for each call: ``all``, ``failed`` for those that were not served, or ``none``.
        libraries: The least that is heard of other libraries.
        library_levels: The same for single ones, by the beginning of their loggers' names.
        content: Whether the line of a call holds what was asked and answered.
        content_chars: Longest that each of the two is, in characters.
        hide_personal: Hide e-mail addresses and numbers of cards, accounts and telephones in content.
        hide: Regular expressions of what else is hidden, in content and everywhere.
        max_queue_bytes: What waits to be written, at most; lines beyond it are dropped, and counted.
        flush_s: How long the end of the program waits for the last lines, in seconds.
    """

    level: str = attrs.field(default="INFO", validator=in_(LEVELS))
    format: str = attrs.field(default="auto", validator=in_(("auto", "json", "text")))
    calls: str = attrs.field(default="all", validator=in_(("all", "failed", "none")))
    libraries: str = attrs.field(default="WARNING", validator=in_(LEVELS))
    library_levels: Mapping[str, str] = attrs.field(factory=dict, validator=_levels)
    content: bool = False
    content_chars: int = attrs.field(default=2_000, validator=[ge(1), le(100_000)])
    hide_personal: bool = True
    hide: tuple[str, ...] = attrs.field(default=(), validator=_patterns)
    max_queue_bytes: int = attrs.field(default=4_194_304, validator=ge(65_536))
    flush_s: float = attrs.field(default=2.0, validator=[gt(0), le(60)])
