"""Calls are shown to whoever watches the service, from their headers to their status."""

from collections.abc import Callable

import anyio
import attrs
from purerpc import StatusCode

from domain.model.call import ChatCall
from domain.model.caller import Caller
from domain.model.embedding import EmbeddingCall
from domain.model.errors import ErrorReason
from entrypoints.grpc.transport.call import Ending, ServerCall
from entrypoints.grpc.transport.dispatch import CallStatus, Next
from ports.telemetry import CallEnd, CallWatch, Telemetry

TRACEPARENT = "traceparent"
_ASKED = (ChatCall, EmbeddingCall)
_LONGEST = 64
"""What is longer is none of ours: version 00 has 55 characters."""


@attrs.define(eq=False)
class WatchedCall:
    """A call as those see it who watch; see `ports.telemetry.LiveCall`."""

    _call: ServerCall
    started_s: float
    method: str
    traceparent: str = ""
    watch: CallWatch | None = None

    @property
    def request_id(self) -> str:
        """The call's."""
        return self._call.request_id

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
        return asked if isinstance(asked, _ASKED) else None

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

    async def watched(self, call: ServerCall, proceed: Next) -> None:
        """Have the call watched, from its beginning; an interceptor."""
        self._begun(call)
        await proceed(call)

    def ended(self, call: ServerCall, status: CallStatus | None) -> None:
        """Tell how the call ended; None: nobody was listening any more."""
        # One that was reset at once never came by the interceptor.
        seen = call.watched if isinstance(call.watched, WatchedCall) else self._begun(call)
        if seen.watch is None:
            return
        duration_s = self.clock() - seen.started_s
        if status is None:
            cancelled = ErrorReason.CALLER_CANCELLED.name
            end = CallEnd(StatusCode.CANCELLED.name, cancelled, duration_s, heard=False)
        else:
            end = CallEnd(status.code.name, status.reason, duration_s)
        seen.watch.ended(seen, end)

    def rejected(self, status: CallStatus) -> None:
        """Tell of headers that were no call."""
        self.telemetry.rejected(status.code.name, status.reason)

    def _begun(self, call: ServerCall) -> WatchedCall:
        told = ""
        for name, value in call.metadata:
            if name == TRACEPARENT and isinstance(value, str) and len(value) <= _LONGEST:
                told = value
        head = call.head
        method = f"{head.service}/{head.method}"
        call.watched = seen = WatchedCall(call, self.clock(), method, told)
        seen.watch = self.telemetry.call(seen)
        return seen


def watch_of(call: ServerCall) -> tuple[CallWatch | None, str]:
    """Return who watches `call`, and the trace it is part of."""
    seen = call.watched
    return (seen.watch, seen.traceparent) if isinstance(seen, WatchedCall) else (None, "")
