"""What it costs to be watched: the line, the metrics and the trace of a call, beside one that nobody watches.

    just bench telemetry [--rounds N] [--calls N] [--chunks N] [--json FILE]

A model whose answer is ready is asked through the layer that settles attempts, and the call is ended as the
server ends it. Chunks are measured as the difference between a long stream and a short one. It is the
processor's time, of one task on one core; the log is written to nowhere.
"""

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import TypeAlias

import attrs
import trio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.telemetry.console.registry import Registry
from adapters.telemetry.prometheus.metrics import Metrics
from adapters.telemetry.traces.watcher import Traces
from domain.model.call import ChatCall, Ledger
from domain.services.settle import Settled
from domain.services.watching import together
from entrypoints.cli.logs import open_log, told_to
from entrypoints.grpc.endings import endings
from entrypoints.grpc.told import Told
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import OK
from entrypoints.grpc.watching import Watching, watch_of
from entrypoints.settings.tree import Settings
from tests.benchmarks.layers import REQUEST, SHORT, Ready
from tests.benchmarks.machine import cores, subject_core
from tests.benchmarks.table import Figures
from tests.support.core_call import server_call

NOBODY = "nobody watches"
METHOD = "llmservice.v1.LLMService/Invoke"
TRACED = (("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),)
Ask: TypeAlias = Callable[[], Awaitable[None]]


@attrs.frozen
class Silent:
    """Is told of everything, and does nothing: what there is to pay before anybody does anything."""

    def call(self, call: object, /) -> "Silent":
        return self

    def rejected(self, code: str, reason: str, /) -> None:
        pass

    def attempt(self, live: object, /) -> "Silent":
        return self

    def admitted(self, queued_s: float, /) -> None:
        pass

    def refused(self, reason: object, /) -> None:
        pass

    def resorted(self, resort: object, /) -> None:
        pass

    def ended(self, subject: object, end: object, /) -> None:
        pass


@attrs.frozen
class Rig:
    """One way to be watched.

    Attributes:
        watching: ``None``: nobody is.
        told: Takes the call's line; ``None``: there is none.
        metadata: Of the call.
    """

    watching: Watching | None = None
    told: Told | None = None
    metadata: tuple[tuple[str, str], ...] = ()

    def asked(self, bottom: Ready) -> Ask:
        """Return how a whole call is made."""
        settled = Settled(bottom, "upstream", MemoryUsageLog())
        ended = None if self.told is None else endings(self.told, self.watching).ended

        async def proceed(call: ServerCall) -> None:
            watch, traceparent, tracestate = watch_of(call)
            asked = ChatCall(
                request=REQUEST,
                request_id="call-1",
                ledger=Ledger(watch=watch),
                traceparent=traceparent,
                tracestate=tracestate,
            )
            call.context = asked
            async with settled.stream(asked) as events:
                async for _ in events:
                    pass

        async def ask() -> None:
            call = server_call(self.metadata, request_id="call-1")
            if self.watching is not None:
                self.watching.watched(call)
            await proceed(call)
            if ended is not None:
                ended(call, OK)
            elif self.watching is not None:
                self.watching.ended(call, OK)

        return ask


def rigs(told: Told) -> Mapping[str, Rig]:
    """Return everything that is measured, the one that pays nothing first."""
    metrics = Watching(Metrics(frozenset({METHOD})))
    return {
        NOBODY: Rig(),
        "metrics": Rig(metrics),
        "nothing but being told": Rig(Watching(Silent())),
        "the console": Rig(Watching(Registry())),
        "metrics, of a traced call": Rig(metrics, metadata=TRACED),
        "metrics, callers apart": Rig(Watching(Metrics(frozenset({METHOD}), told_apart=100))),
        "the log's line": Rig(told=told),
        "metrics and the log's line": Rig(metrics, told),
        "traces, 1 % kept": Rig(Watching(Traces(tracer(), 0.01))),
        "metrics, the log's line, and traces, 1 % kept": Rig(
            Watching(together([Traces(tracer(), 0.01), metrics.telemetry]) or Silent()), told
        ),
    }


class Nowhere(SpanExporter):
    """Takes spans, and does nothing with them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def tracer() -> Tracer:
    """Return what makes spans that go nowhere, in batches and from a thread as in a server."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return provider.get_tracer("benchmark")


async def measure(told: Told, rounds: int, calls: int, chunks: int) -> Figures:
    """Ask in every way in turn; the first round, which warms up, does not count."""
    figures = Figures()
    bottom = Ready()
    found = {name: rig.asked(bottom) for name, rig in rigs(told).items()}
    for turn in range(rounds + 1):
        plain = 0.0
        for name, ask in found.items():
            bottom.chunks = 1
            call_us = await _spent_us(ask, calls)
            bottom.chunks = SHORT
            short_us = await _spent_us(ask, max(calls // 10, 1))
            bottom.chunks = SHORT + chunks
            long_us = await _spent_us(ask, max(calls // 10, 1))
            plain = call_us if name == NOBODY else plain
            if turn:
                spent = {
                    "us a call": call_us,
                    "adds": call_us - plain,
                    "us a chunk": (long_us - short_us) / chunks,
                }
                figures.add("being watched", name, spent)
    return figures


async def _spent_us(ask: Ask, times: int) -> float:
    began = process_time()
    for _ in range(times):
        await ask()
    return (process_time() - began) / times * 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--json", type=Path)
    asked_for = parser.parse_args()
    if len(cores()) > 1:
        os.sched_setaffinity(0, {subject_core()})
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stderr = nowhere
        settings = Settings()
        with open_log(settings, {}) as log:
            told = told_to(log, settings.logs)
            measured = trio.run(measure, told, asked_for.rounds, asked_for.calls, asked_for.chunks)
        sys.stderr = sys.__stderr__
    measured.report("telemetry", NOBODY, asked_for.json)
