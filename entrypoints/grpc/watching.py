"""Calls are shown to whoever watches the service, from their headers to their status."""

import re
from collections.abc import Callable

import anyio
import attrs
from purerpc import StatusCode

from domain.model.call import ChatCall
from domain.model.caller import Caller
from domain.model.embedding import EmbeddingCall
from domain.model.errors import ErrorReason
from entrypoints.grpc.transport.call import Ending, ServerCall
from entrypoints.grpc.transport.dispatch import CallStatus
from ports.telemetry import CallEnd, CallWatch, Telemetry

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
ASKED = (ChatCall, EmbeddingCall)
"""What the context of a call is that asks something of a model."""
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""What is passed on. Source: https://www.w3.org/TR/trace-context/"""
_UNHEARD = CallStatus(StatusCode.CANCELLED, reason=ErrorReason.CALLER_CANCELLED.name)
_STATE = re.compile(r"[ -~]{1,512}")


@attrs.define(eq=False)
class WatchedCall:
    """A call as those see it who watch; see `ports.telemetry.LiveCall`."""

    _call: ServerCall
    request_id: str
    started_s: float
    method: str
    traceparent: str = ""
    tracestate: str = ""
    watch: CallWatch | None = None

    @property
    def peer(self) -> str:
        """The client's address."""
        return self._call.peer

    @property
    def caller(self) -> Caller:
        """Anonymous until somebody is known."""
        return self._call.caller

    @property
    def asked(self) -> ChatCall | EmbeddingCall | None:
        """What is asked of a model."""
        asked = self._call.context
        return asked if isinstance(asked, ASKED) else None

    def stop(self) -> None:
        """End the call, as an operator."""
        if self._call.ending is not None:
            return
        asked = self.asked
        if asked is not None:
            asked.ledger.stopped = True
        self._call.cancel(Ending.STOPPED)


@attrs.frozen
class Watching:
    """Tells of every call.

    Attributes:
        telemetry: Is told.
        clock: Seconds, the event loop's.
    """

    telemetry: Telemetry
    clock: Callable[[], float] = anyio.current_time

    def watched(self, call: ServerCall) -> None:
        """Have the call watched, from its beginning."""
        self._begun(call)

    def ended(self, call: ServerCall, status: CallStatus | None) -> None:
        """Tell how the call ended; None: nobody was listening any more."""
        # One that was reset at once was never begun.
        seen = call.watched if isinstance(call.watched, WatchedCall) else self._begun(call)
        # The two lead to one another: without this, only the collector would free what a call was.
        call.watched = None
        if seen.watch is None:
            return
        duration_s = self.clock() - seen.started_s
        if status is None:
            end = CallEnd(_UNHEARD.name, _UNHEARD.reason, duration_s, heard=False)
        else:
            end = CallEnd(status.name, status.reason, duration_s)
        seen.watch.ended(seen, end)

    def rejected(self, status: CallStatus) -> None:
        """Tell of headers that were no call."""
        self.telemetry.rejected(status.name, status.reason)

    def _begun(self, call: ServerCall) -> WatchedCall:
        parent = state = ""
        for name, value in call.head.metadata:
            if name == TRACEPARENT:
                parent = _fit(_PARENT, value)
            elif name == TRACESTATE:
                state = _fit(_STATE, value)
        head = call.head
        method = f"{head.service}/{head.method}"
        # Without its trace, what was said of it means nothing.
        call.watched = seen = WatchedCall(
            call, call.request_id, self.clock(), method, parent, state if parent else ""
        )
        seen.watch = self.telemetry.call(seen)
        return seen


def watch_of(call: ServerCall) -> tuple[CallWatch | None, str, str]:
    """Return who watches `call`, the trace it is part of, and what others have said of that."""
    seen = call.watched
    if isinstance(seen, WatchedCall):
        return seen.watch, seen.traceparent, seen.tracestate
    return None, "", ""


def _fit(form: re.Pattern[str], value: str | bytes) -> str:
    return value if isinstance(value, str) and form.fullmatch(value) else ""
