"""The log itself: lines come from loguru, from the standard library, and, once a call, without a detour.

Laws: whoever logs never waits and never fails; a line holds no secret; values of variables are in no
traceback (loguru's `diagnose` would show them).
"""

import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from loguru import logger

from adapters.telemetry.logs.lines import Render
from adapters.telemetry.logs.writer import LineWriter
from adapters.telemetry.redaction import Redaction

if TYPE_CHECKING:
    from loguru import Message

_LEVELS = ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")


@attrs.frozen(eq=False)
class Log:
    """Where all lines go.

    Attributes:
        level: The least that is told, by name.
        libraries: The least that other libraries are heard with, by their loggers' names; empty stands
            for all the rest.
    """

    render: Render
    writer: LineWriter
    redaction: Redaction = Redaction()
    level: str = "INFO"
    libraries: Mapping[str, str] = attrs.field(factory=lambda: {"": "WARNING"})
    _told: frozenset[str] = attrs.field(
        init=False, default=attrs.Factory(lambda self: _from(self.level), takes_self=True)
    )

    def call(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        """Tell of a call; past loguru, which would take longer than all the rest of the line.

        `fields` hold nothing that strangers wrote but what has a form: only known secrets are looked for.
        """
        if level in self._told:
            line = self.redaction.known(self.render(datetime.now(UTC), level, message, fields))
            self.writer.put(line.encode("utf-8", "replace") + b"\n")

    def tell(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        """Tell of what strangers have a hand in."""
        if level in self._told:
            line = self.render(datetime.now(UTC), level, message, fields)
            self._put(self.redaction.text(line))

    def take(self, message: "Message") -> None:
        """Take a line of loguru's; its format is empty, so what it has rendered is the traceback alone."""
        record = message.record
        line = self.render(
            datetime.now(UTC),
            record["level"].name,
            record["message"],
            record["extra"],
            str(message) if record["exception"] is not None else "",
        )
        self._put(self.redaction.text(line))

    def _put(self, line: str) -> None:
        self.writer.put(line.encode("utf-8", "replace") + b"\n")


def _from(least: str) -> frozenset[str]:
    number = _number(least)
    return frozenset(name for name in _LEVELS if _number(name) >= number)


@contextmanager
def logging_to(log: Log) -> Iterator[None]:
    """Have everything logged in `log` while the block runs; then nothing is changed any more."""
    logger.remove()
    number = logger.add(log.take, level=log.level, format="", diagnose=False, backtrace=False)
    try:
        with _libraries(log), _forgotten():
            yield
    finally:
        logger.remove(number)


@contextmanager
def _libraries(log: Log) -> Iterator[None]:
    """Hear the standard library's loggers."""
    rest = {name: level for name, level in log.libraries.items() if name}
    before = {name: logging.getLogger(name).level for name in rest}
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers[:] = [_Forwarding()]
    root.setLevel(_number(log.libraries.get("", "WARNING")))
    for name, each in rest.items():
        logging.getLogger(name).setLevel(_number(each))
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for name, each_before in before.items():
            logging.getLogger(name).setLevel(each_before)
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def _forgotten() -> Iterator[None]:
    """Log what Python itself would print: what broke in threads and where nobody could catch it."""
    in_threads, unraisable = threading.excepthook, sys.unraisablehook

    def thread_failed(args: Any) -> None:
        logger.bind(thread=getattr(args.thread, "name", "")).opt(exception=args.exc_value).error(
            "a thread failed: this is a bug"
        )

    def not_raised(args: Any) -> None:
        # Not the object: how it shows itself is not known here.
        logger.opt(exception=args.exc_value).error("an error had nowhere to go: this is a bug")

    threading.excepthook, sys.unraisablehook = thread_failed, not_raised
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = in_threads, unraisable


class _Forwarding(logging.Handler):
    """Hands the standard library's records on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log `record` as if its caller had used loguru."""
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # The library's mistake: its arguments do not fit. They are not shown.
            message = str(record.msg)
        logger.opt(exception=record.exc_info).bind(logger=record.name).log(level, "{}", message)


def _number(level: str) -> int:
    return logger.level(level).no
