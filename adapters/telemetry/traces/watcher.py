"""Watches calls and makes spans of them: one for each call, and under it one for each attempt.

Laws: what becomes of a call is decided when it begins, before anything of OpenTelemetry's is asked: what is
not kept costs a number. A span that is over is put into a queue; sending is a thread's business.
"""

import random
import time
from collections.abc import Callable, Mapping

import attrs
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from adapters.telemetry.traces.context import parent_in, traceparent_of
from adapters.telemetry.traces.names import (
    ERRORS,
    Place,
    of_attempt,
    of_call,
    of_end,
    of_request,
    rpc_name,
)
from domain.model.errors import ErrorReason
from domain.model.usage import Attempt
from domain.model.watch import AttemptWatch, LiveAttempt, Resort
from ports.telemetry import CallEnd, CallWatch, LiveCall


@attrs.frozen
class Traces:
    """Keeps traces; see `ports.telemetry.Telemetry`.

    Attributes:
        tracer: Makes spans; whoever opened it closes it.
        ratio: Of calls that come without a trace, in [0, 1]: how many are kept. Those that come with one are
            kept if whoever made it keeps it.
        places: By provider's name.
        chance: In [0, 1).
        clock_ns: Nanoseconds since the Unix epoch.
    """

    tracer: Tracer
    ratio: float
    places: Mapping[str, Place] = attrs.field(factory=dict)
    chance: Callable[[], float] = random.random
    clock_ns: Callable[[], int] = time.time_ns

    def call(self, call: LiveCall, /) -> CallWatch | None:
        """Begin the span of `call`, if it is to be kept."""
        parent = parent_in(call.traceparent) if call.traceparent else None
        if not (self.chance() < self.ratio if parent is None else parent.sampled):
            return None
        context = Context()
        if parent is not None:
            above = SpanContext(
                parent.trace_id,
                parent.span_id,
                is_remote=True,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
                trace_state=TraceState.from_header([call.tracestate]),
            )
            context = set_span_in_context(NonRecordingSpan(above), context)
        span = self.tracer.start_span(
            call.method,
            context,
            SpanKind.SERVER,
            of_call(call),
            start_time=self.clock_ns(),
            record_exception=False,
        )
        call.traceparent = _told(span)
        return _CallTrace(self, call, span)

    def rejected(self, code: str, reason: str, /) -> None:
        """Keep nothing of what was no call."""


@attrs.frozen
class _CallTrace:
    _traces: Traces
    _call: LiveCall
    _span: Span

    def attempt(self, live: LiveAttempt, /) -> AttemptWatch:
        traces = self._traces
        place = traces.places.get(live.provider, Place(live.provider))
        begun_ns = traces.clock_ns()
        span = traces.tracer.start_span(
            f"{live.operation.value} {live.model}",
            set_span_in_context(self._span, Context()),
            SpanKind.CLIENT if place.address else SpanKind.INTERNAL,
            of_request(live, place, self._call.asked),
            start_time=begun_ns,
            record_exception=False,
        )
        live.traceparent = _told(span)
        return _AttemptTrace(traces, span, begun_ns)

    def admitted(self, queued_s: float, /) -> None:
        if queued_s > 0:
            self._event("admitted", {"llmservice.queued_s": queued_s})

    def refused(self, reason: ErrorReason, /) -> None:
        self._event("refused", {"error.type": reason.name})

    def resorted(self, resort: Resort, /) -> None:
        said: dict[str, str | float] = {
            "llmservice.provider": resort.provider,
            "gen_ai.request.model": resort.model,
            "llmservice.pause_s": resort.pause_s,
        }
        if resort.reason is not None:
            said["error.type"] = resort.reason.name
        self._event(resort.kind.value, said)

    def ended(self, call: LiveCall, end: CallEnd, /) -> None:
        span = self._span
        span.update_name(rpc_name(call.method, end.code))
        span.set_attributes(of_end(call, end))
        if end.code in ERRORS:
            span.set_status(Status(StatusCode.ERROR, end.reason))
        span.end(self._traces.clock_ns())

    def _event(self, name: str, said: Mapping[str, str | float]) -> None:
        self._span.add_event(name, said, self._traces.clock_ns())


@attrs.frozen
class _AttemptTrace:
    _traces: Traces
    _span: Span
    _begun_ns: int

    def ended(self, live: LiveAttempt, attempt: Attempt | None, /) -> None:
        if attempt is None:
            # No provider was asked: a span that is never over is never sent.
            return
        span = self._span
        if attempt.first_token_s is not None:
            at_ns = self._begun_ns + round(attempt.first_token_s * 1e9)
            span.add_event("first_token", None, at_ns)
        span.set_attributes(of_attempt(live, attempt))
        if attempt.error_reason is not None:
            span.set_status(Status(StatusCode.ERROR, attempt.error_reason.name))
        span.end(self._traces.clock_ns())


def _told(span: Span) -> str:
    context = span.get_span_context()
    return traceparent_of(context.trace_id, context.span_id)
