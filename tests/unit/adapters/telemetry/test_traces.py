"""Traces without a network: what is kept, where it hangs, and what the conventions call it."""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from adapters.telemetry.traces.context import Parent, parent_in, traceparent_of
from adapters.telemetry.traces.names import Place
from adapters.telemetry.traces.opening import Sending, _Telling, open_tracer
from adapters.telemetry.traces.watcher import Traces
from domain.model.call import ChatCall, Ledger
from domain.model.caller import Caller
from domain.model.chat import JsonObjectFormat
from domain.model.embedding import EmbeddingCall, EmbeddingRequest
from domain.model.errors import ErrorReason
from domain.model.response_cache import CacheStatus
from domain.model.usage import Attempt, AttemptOutcome, Usage
from domain.model.watch import Operation, Resort, ResortKind
from ports.telemetry import CallEnd, CallWatch, LiveCall
from tests.support.core_model import question

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@attrs.define
class Seen:
    """A call as one sees it who watches."""

    traceparent: str = ""
    tracestate: str = ""
    request_id: str = "call-1"
    method: str = "llmservice.v1.LLMService/Invoke"
    peer: str = "[::1]:4711"
    caller: Caller = Caller("anna")
    started_s: float = 0.0
    asked: ChatCall | EmbeddingCall | None = None

    def stop(self) -> None:
        """End."""


@attrs.define
class Live:
    """An attempt as far as it has come."""

    request_id: str = "call-1"
    caller: str = "anna"
    provider: str = "google"
    model: str = "gemini-9"
    operation: Operation = Operation.CHAT
    streamed: bool = True
    start_s: float = 0.0
    first_token_s: float | None = None
    arrived: int = 0
    chunks: int = 0
    reported_model: str = "gemini-9-001"
    response_id: str = "answer-1"
    finish_reason: str = "STOP"
    traceparent: str = ""


@attrs.frozen
class Kept:
    """Traces that stay in memory."""

    traces: Traces
    exporter: InMemorySpanExporter

    def watch(self, call: LiveCall) -> CallWatch:
        """Return who watches a call that is kept."""
        watch = self.traces.call(call)
        assert watch is not None
        return watch

    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()


def kept(ratio: float = 1.0, chance: float = 0.5) -> Kept:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    places = {"google": Place("gemini", "g.example", 443)}
    return Kept(Traces(provider.get_tracer("t"), ratio, places, lambda: chance), exporter)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def place(span: ReadableSpan) -> SpanContext:
    context: SpanContext | None = span.context
    assert context is not None
    return context


SERVED = Attempt(index=0, provider="google", model="gemini-9", outcome=AttemptOutcome.SERVED)
OK = CallEnd("OK", "", 0.1)


@pytest.mark.parametrize(
    ("text", "parent"),
    [
        (f"00-{TRACE}-{SPAN}-01", Parent(int(TRACE, 16), int(SPAN, 16), True)),
        (f"00-{TRACE}-{SPAN}-00", Parent(int(TRACE, 16), int(SPAN, 16), False)),
        (f"00-{TRACE}-{SPAN}-03", Parent(int(TRACE, 16), int(SPAN, 16), True)),
        (f"01-{TRACE}-{SPAN}-01-more", Parent(int(TRACE, 16), int(SPAN, 16), True)),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        ("", None),
    ],
)
def test_a_parent_is_read_as_it_is_written(text: str, parent: Parent | None) -> None:
    assert parent_in(text) == parent


def test_a_place_is_written_as_it_is_read() -> None:
    assert parent_in(traceparent_of(1, 2)) == Parent(1, 2, True)


@pytest.mark.parametrize(
    ("ratio", "chance", "traceparent", "is_kept"),
    [
        (0.5, 0.49, "", True),
        (0.5, 0.5, "", False),
        (0.0, 0.0, "", False),
        (1.0, 0.999, "", True),
        (0.0, 0.9, f"00-{TRACE}-{SPAN}-01", True),
        (1.0, 0.0, f"00-{TRACE}-{SPAN}-00", False),
    ],
)
def test_whoever_made_the_trace_decides_and_else_the_ratio(
    ratio: float, chance: float, traceparent: str, is_kept: bool
) -> None:
    keeping = kept(ratio, chance)
    call = Seen(traceparent)
    watch = keeping.traces.call(call)
    assert (watch is not None) is is_kept
    if watch is not None:
        live = Live()
        watch.attempt(live).ended(live, SERVED)
        watch.ended(call, OK)
    assert len(keeping.spans()) == (2 if is_kept else 0)
    assert (call.traceparent != traceparent) is is_kept


def test_attempts_hang_below_their_call_and_events_tell_between_them() -> None:
    keeping = kept()
    call = Seen(f"00-{TRACE}-{SPAN}-01", "vendor=1")
    watch = keeping.watch(call)
    first, second = Live(), Live(provider="elsewhere", model="m", streamed=False)
    watch.admitted(0.25)
    failed = attrs.evolve(
        SERVED,
        outcome=AttemptOutcome.FAILED,
        error_reason=ErrorReason.PROVIDER_OVERLOADED,
        upstream_status=503,
    )
    watch.attempt(first).ended(first, failed)
    watch.resorted(
        Resort(
            kind=ResortKind.FALLBACK,
            provider="elsewhere",
            model="m",
            reason=ErrorReason.PROVIDER_OVERLOADED,
            pause_s=0.5,
        )
    )
    watch.refused(ErrorReason.POLICY_RATE_LIMITED)
    watch.attempt(second).ended(second, attrs.evolve(SERVED, first_token_s=0.125))
    watch.ended(call, OK)
    one, two, above = keeping.spans()
    assert above.parent is not None
    assert f"{above.parent.span_id:016x}" == SPAN
    assert place(above).trace_state.to_header() == "vendor=1"
    assert {f"{place(each).trace_id:032x}" for each in (one, two, above)} == {TRACE}
    assert [each.parent and each.parent.span_id for each in (one, two)] == [
        place(above).span_id
    ] * 2
    assert first.traceparent == traceparent_of(place(one).trace_id, place(one).span_id)
    assert [event.name for event in above.events] == ["admitted", "fallback", "refused"]
    assert dict(above.events[1].attributes or {}) == {
        "llmservice.provider": "elsewhere",
        "gen_ai.request.model": "m",
        "llmservice.pause_s": 0.5,
        "error.type": "PROVIDER_OVERLOADED",
    }
    assert not one.status.is_ok
    assert attributes(one)["error.type"] == "PROVIDER_OVERLOADED"
    assert attributes(one)["http.response.status_code"] == 503
    assert (one.kind.name, two.kind.name) == ("CLIENT", "INTERNAL")
    (begun,) = two.events
    assert begun.name == "first_token"
    assert begun.timestamp == (two.start_time or 0) + 125_000_000


def test_an_attempt_is_told_in_the_words_of_the_conventions() -> None:
    keeping = kept()
    request = attrs.evolve(
        question("very private"),
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        max_tokens=9,
        seed=3,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        stop=("private",),
        response_format=JsonObjectFormat(),
    )
    call = Seen(asked=ChatCall(request=request))
    watch = keeping.watch(call)
    live = Live()
    usage = Usage(
        input_tokens=7,
        output_tokens=3,
        cache_read_tokens=2,
        cache_write_tokens=1,
        reasoning_tokens=1,
        cost_nano_usd=1_500_000,
    )
    watch.attempt(live).ended(
        live,
        attrs.evolve(SERVED, usage=usage, credential_alias="k1", upstream_request_id="up-1"),
    )
    (span,) = keeping.spans()
    assert span.name == "chat gemini-9"
    assert attributes(span) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-9",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.seed": 3,
        "gen_ai.request.presence_penalty": 0.1,
        "gen_ai.request.frequency_penalty": 0.2,
        "gen_ai.output.type": "json",
        "server.address": "g.example",
        "server.port": 443,
        "gen_ai.response.id": "answer-1",
        "gen_ai.response.model": "gemini-9-001",
        "gen_ai.response.finish_reasons": ("STOP",),
        "llmservice.upstream_request_id": "up-1",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 2,
        "gen_ai.usage.cache_write.input_tokens": 1,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "llmservice.outcome": "served",
        "llmservice.credential": "k1",
        "llmservice.cost_usd": 0.0015,
    }


def test_embeddings_are_told_in_the_words_of_the_conventions() -> None:
    keeping = kept()
    request = EmbeddingRequest(model="e", inputs=("very private",), dimensions=64)
    watch = keeping.watch(Seen(asked=EmbeddingCall(request=request)))
    live = Live(operation=Operation.EMBEDDINGS, model="e", streamed=False)
    watch.attempt(live).ended(live, SERVED)
    (span,) = keeping.spans()
    assert span.name == "embeddings e"
    assert attributes(span)["gen_ai.embeddings.dimension.count"] == 64
    assert "private" not in span.to_json()


@pytest.mark.parametrize(
    ("code", "is_error"), [("INTERNAL", True), ("NOT_FOUND", False), ("CANCELLED", False)]
)
def test_a_call_is_told_as_a_servers_span(code: str, is_error: bool) -> None:
    keeping = kept()
    ledger = Ledger(attempts=[SERVED], queued_s=0.5, cache_status=CacheStatus.MISS)
    call = Seen(asked=ChatCall(request=question(), ledger=ledger))
    keeping.watch(call).ended(call, CallEnd(code, "WHATEVER", 0.1))
    (span,) = keeping.spans()
    assert span.status.is_ok is not is_error
    assert attributes(span) == {
        "rpc.system.name": "grpc",
        "rpc.method": "llmservice.v1.LLMService/Invoke",
        "rpc.response.status_code": code,
        "client.address": "::1",
        "client.port": 4711,
        "error.type": "WHATEVER",
        "llmservice.request_id": "call-1",
        "llmservice.caller": "anna",
        "llmservice.attempts": 1,
        "llmservice.queued_s": 0.5,
        "llmservice.cache": "miss",
    }


def test_an_attempt_for_which_no_provider_was_asked_is_none() -> None:
    keeping = kept()
    watch = keeping.watch(Seen())
    live = Live()
    watch.attempt(live).ended(live, None)
    assert keeping.spans() == ()


@attrs.define(eq=False)
class Gate:
    """A collector that stands still."""

    shut: threading.Event = attrs.field(factory=threading.Event)


def test_the_end_waits_for_the_last_spans_only_as_long_as_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate()

    def stuck(_: object, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        gate.shut.wait(20)
        return SpanExportResult.FAILURE

    monkeypatch.setattr(
        "opentelemetry.exporter.otlp.proto.http.trace_exporter.OTLPSpanExporter.export", stuck
    )
    begun_s = time.monotonic()
    with open_tracer(Sending(endpoint="http://127.0.0.1:1", flush_s=0.1), lambda _: None) as tracer:
        spent_s = time.monotonic()
        for _ in range(5_000):
            tracer.start_span("s").end()
        spent_s = time.monotonic() - spent_s
    assert time.monotonic() - begun_s < 10
    gate.shut.set()
    # That many spans are made while not one can be sent.
    assert spent_s < 10


def test_that_a_collector_is_away_is_told_once_and_that_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    answers = iter([False, False, True, True, False])

    class Moody(InMemorySpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.SUCCESS if next(answers) else SpanExportResult.FAILURE

    telling = _Telling(Moody(), told.append)
    for _ in range(5):
        telling.export([ReadableSpan("s")])
    assert told == [
        "the collector does not take traces; they are lost until it does",
        "traces are taken again; 2 spans were lost",
        "the collector does not take traces; they are lost until it does",
    ]


def test_a_server_without_traces_does_not_import_opentelemetry() -> None:
    program = (
        "import os, sys\n"
        "import entrypoints.cli.serve\n"
        "from entrypoints.settings.tree import Settings\n"
        "from entrypoints.traces import open_traces\n"
        "with open_traces(Settings(), os.environ, print) as none:\n"
        "    assert none is None\n"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry', 'requests'))]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
