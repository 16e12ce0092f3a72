"""Where the log goes: standard error, coloured lines on a terminal, else one JSON object a line."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TextIO

from adapters.telemetry.logs.lines import Render, as_colours, as_json, as_words
from adapters.telemetry.logs.log import Log, logging_to
from adapters.telemetry.logs.writer import LineWriter, open_writer, to_descriptor
from adapters.telemetry.redaction import PERSONAL, SECRETS, Redaction, Rule
from adapters.wire.failures import HIDDEN
from entrypoints.cli.main import log_level
from entrypoints.grpc.call_line import Tell
from entrypoints.grpc.content import Content
from entrypoints.grpc.told import Told
from entrypoints.known_secrets import known_secrets
from entrypoints.settings.logs import LogSettings
from entrypoints.settings.tree import Settings


@contextmanager
def open_log(
    settings: Settings,
    environment: Mapping[str, str] = os.environ,
    *,
    fields: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[Log]:
    """Have everything logged as `settings` say while the block runs; leaving it writes what is left.

    `fields` stand in every line.
    """
    logs = settings.logs
    render = _render(logs.format, sys.stderr, environment)
    if fields:
        render = partial(_with, fields, render)
    writer = LineWriter(_output(sys.stderr), partial(_dropped, render), logs.max_queue_bytes)
    log = Log(
        render,
        writer,
        Redaction(known_secrets(settings, environment), [*SECRETS, *_own(logs)]),
        log_level(logs.level),
        {"": logs.libraries, **logs.library_levels},
    )
    with open_writer(writer, logs.flush_s), logging_to(log):
        yield log


def told_to(log: Log, settings: LogSettings) -> Told:
    """Return what `log` is told of calls."""
    content = None
    if settings.content:
        personal: Sequence[Rule] = PERSONAL if settings.hide_personal else ()
        hiding = Redaction(log.redaction.secrets, [*log.redaction.rules, *personal])
        content = Content(hiding.text, settings.content_chars)
    calls: Mapping[str, Tell] = {"all": log.call, "failed": partial(_failed, log), "none": _nothing}
    return Told(
        call=calls[settings.calls],
        rejected=log.tell,
        content=content,
        dropped=lambda: log.writer.dropped,
    )


def _failed(log: Log, level: str, message: str, fields: Mapping[str, object]) -> None:
    if fields["code"] != "OK":
        log.call(level, message, fields)


def _nothing(level: str, message: str, fields: Mapping[str, object]) -> None:
    pass


def _render(wanted: str, stream: TextIO, environment: Mapping[str, str]) -> Render:
    terminal = stream.isatty()
    if wanted == "json" or (wanted == "auto" and not terminal):
        return as_json
    # Source: https://no-color.org
    return as_colours if terminal and not environment.get("NO_COLOR") else as_words


def _with(
    fixed: Mapping[str, object],
    render: Render,
    time: datetime,
    level: str,
    message: str,
    fields: Mapping[str, object],
    trace: str = "",
) -> str:
    return render(time, level, message, {**fixed, **fields}, trace)


def _dropped(render: Render, count: int) -> bytes:
    told = f"{count} lines of the log were dropped"
    return render(datetime.now(UTC), "WARNING", told, {"dropped": count}).encode() + b"\n"


def _own(settings: LogSettings) -> list[Rule]:
    return [(re.compile(pattern), HIDDEN) for pattern in settings.hide]


def _output(stream: TextIO) -> Callable[[bytes], None]:
    try:
        descriptor = stream.fileno()
    except OSError:
        return partial(_into, stream)
    return to_descriptor(descriptor)


def _into(stream: TextIO, data: bytes) -> None:
    stream.write(data.decode())
    stream.flush()
