"""Where the log goes: stderr, coloured lines on a terminal, else one JSON object a line.

Law: values of variables are never printed (loguru's `diagnose` would), because some are secrets.
"""

import json
import logging
import sys
from types import FrameType
from typing import TYPE_CHECKING

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record


def set_up_logs(level: str) -> None:
    """Send everything at `level` and above to stderr; other libraries' only from WARNING."""
    logger.remove()
    if sys.stderr.isatty():
        logger.add(sys.stderr, level=level, format=_line, diagnose=False, backtrace=False)
    else:
        logger.add(_write_json, level=level, format="", diagnose=False, backtrace=False)
    logging.basicConfig(handlers=[_Forwarding()], level=logging.WARNING, force=True)


def _line(record: "Record") -> str:
    fields = " ".join(f"{name}={_value(value)}" for name, value in record["extra"].items())
    # The template is filled from the record once more, so braces and tags in values do no harm there.
    record["fields"] = fields  # type: ignore[typeddict-unknown-key]
    return (
        "<dim>{time:HH:mm:ss.SSS}</dim> <level>{level: <7}</level> {message} <dim>{fields}</dim>\n"
        "{exception}"
    )


def _value(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and " " not in text else json.dumps(text)


def _write_json(message: "Message") -> None:
    record = message.record
    entry: dict[str, object] = {
        **record["extra"],
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "message": record["message"],
    }
    ordered = {name: entry.pop(name) for name in ("time", "level", "message")} | entry
    if record["exception"] is not None:
        # The format is empty, so what loguru has rendered is the traceback alone.
        ordered["exception"] = str(message).strip()
    sys.stderr.write(json.dumps(ordered, default=str) + "\n")
    sys.stderr.flush()


class _Forwarding(logging.Handler):
    """Hands the standard library's records on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log `record` as if its caller had used loguru."""
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        frame: FrameType | None = logging.currentframe()
        depth = 0
        while frame is not None and (depth == 0 or frame.f_code.co_filename == logging.__file__):
            frame = frame.f_back
            depth += 1
        logger.opt(depth=depth, exception=record.exc_info).bind(logger=record.name).log(
            level, "{}", record.getMessage()
        )
