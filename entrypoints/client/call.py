"""One call as the client sees it: bytes of a stream in, messages and one outcome out.

Laws: an outcome is final; what arrived before it is still given out. Received bytes are given back to the
server's window when the caller takes them, or while it waits for the rest of a message. Whatever ends a
stream without saying OK is a failure.
Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md,
https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
"""

import math
from collections import deque
from collections.abc import Mapping
from typing import Protocol

import anyio
import anyio.lowlevel
import attrs
from purerpc import RpcFailedError, StatusCode

from entrypoints.client.errors import CallFailed, deadline_passed, failure_of
from entrypoints.grpc.transport.engine import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    REFUSED_STREAM,
    Engine,
    Headers,
)
from entrypoints.grpc.transport.headers import Metadata, read_metadata, read_status
from entrypoints.grpc.transport.messages import PREFIX_SIZE, MessageReader

_TAKES_PER_TURN = 16

_OF_HTTP: Mapping[bytes, StatusCode] = {
    b"400": StatusCode.INTERNAL,
    b"401": StatusCode.UNAUTHENTICATED,
    b"403": StatusCode.PERMISSION_DENIED,
    b"404": StatusCode.UNIMPLEMENTED,
    b"429": StatusCode.UNAVAILABLE,
    b"502": StatusCode.UNAVAILABLE,
    b"503": StatusCode.UNAVAILABLE,
    b"504": StatusCode.UNAVAILABLE,
}
_OF_RESET: Mapping[int, tuple[StatusCode, str]] = {
    REFUSED_STREAM: (
        StatusCode.UNAVAILABLE,
        "the server refused the call: it has too many on this connection",
    ),
    CANCEL: (StatusCode.CANCELLED, "the server cancelled the call"),
    ENHANCE_YOUR_CALM: (StatusCode.RESOURCE_EXHAUSTED, "the server asks for fewer calls"),
    0xC: (StatusCode.PERMISSION_DENIED, "the server asks for a safer connection"),
}


class Wire(Protocol):
    """What a call needs of its connection."""

    engine: Engine

    def acknowledge(self, stream_id: int, size: int) -> None:
        """Give `size` received bytes back to the server's windows."""
        ...

    def wake(self) -> None:
        """Have the engine's output written soon."""
        ...


@attrs.define(eq=False)
class ClientCall:
    """One stream.

    Attributes:
        deadline: On the event loop's clock, in seconds; infinite if there is none.
        initial_metadata: Empty until the server's headers came.
        trailing_metadata: Empty until the call has ended.
    """

    stream_id: int
    deadline: float
    _wire: Wire
    _reader: MessageReader
    initial_metadata: Metadata = ()
    trailing_metadata: Metadata = ()
    _inbox: deque[bytes] = attrs.field(factory=deque)
    _over: bool = False
    _failure: CallFailed | None = None
    _closed: bool = False
    _reset: bool = False
    _unacknowledged: int = 0
    _arrival: anyio.Event | None = None
    _takes: int = 0

    async def message(self) -> bytes | None:
        """Return the server's next message; None once the call has ended with OK.

        Raises:
            CallFailed: It ended in another way.
        """
        if not self._inbox:
            await self._news()
            if not self._inbox:
                if self._failure is not None:
                    raise self._failure
                return None
        else:
            self._takes += 1
            if self._takes % _TAKES_PER_TURN:
                # Deaf to cancellation never; but a full turn of the loop costs more than the message.
                await anyio.lowlevel.checkpoint_if_cancelled()
            else:
                await anyio.lowlevel.checkpoint()
        payload = self._inbox.popleft()
        self._acknowledge(min(self._unacknowledged, len(payload) + PREFIX_SIZE))
        return payload

    async def _news(self) -> None:
        if self._over:
            await anyio.lowlevel.checkpoint()
            return
        # The rest of a message larger than the window can only come if we give back what is there.
        self._acknowledge(self._unacknowledged)
        self._arrival = anyio.Event()
        if self.deadline == math.inf:
            await self._arrival.wait()
            return
        with anyio.CancelScope(deadline=self.deadline):
            await self._arrival.wait()
            return
        self.abort(deadline_passed())

    # --- what the connection says ---------------------------------------------------------------------------

    def headers(self, headers: Headers, *, ended: bool) -> None:
        """Take the response's headers in; `ended` if they are also its trailers."""
        fields = dict(headers)
        status = fields.get(b":status", b"")
        if status.startswith(b"1"):
            return
        if ended:
            self._ended(headers, fields)
            return
        self.initial_metadata = read_metadata(headers)
        if status != b"200" or not fields.get(b"content-type", b"").startswith(b"application/grpc"):
            self.abort(_not_grpc(fields))
        self._reader.encoding = fields.get(b"grpc-encoding", b"identity").decode("ascii", "replace")

    def data(self, data: bytes) -> None:
        """Take body bytes in."""
        self._unacknowledged += len(data)
        if self._over:
            self._acknowledge(self._unacknowledged)
            return
        try:
            self._inbox.extend(self._reader.feed(data))
        except RpcFailedError as error:
            self.abort(CallFailed(error.status.status_code, error.status.status_message))
            return
        if self._arrival is not None:
            if self._inbox:
                self._notify()
            else:
                self._acknowledge(self._unacknowledged)

    def trailers(self, headers: Headers) -> None:
        """Take the status in."""
        self._ended(headers, dict(headers))

    def closed(self, code: int) -> None:
        """The stream is over; if its status has not come, it never will."""
        self._closed = True
        if self._over:
            return
        if code:
            status, message = _OF_RESET.get(
                code, (StatusCode.INTERNAL, f"the server reset the call (HTTP/2 error {code})")
            )
            refused = code == REFUSED_STREAM
            self.fail(
                CallFailed(
                    status, message, initial_metadata=self.initial_metadata, unprocessed=refused
                )
            )
        else:
            self.fail(self._without_status())

    # --- ends -----------------------------------------------------------------------------------------------

    def fail(self, failure: CallFailed) -> None:
        """End the call with `failure`, unless it has ended."""
        if not self._over:
            self._over = True
            self._failure = failure
            self._notify()

    def abort(self, failure: CallFailed) -> None:
        """End the call from our side; the server is told that nobody listens."""
        self.fail(failure)
        self._stop()

    def release(self) -> bool:
        """Give everything back; return whether the server had to be told that nobody listens."""
        self._over = True
        self._inbox.clear()
        self._stop()
        return self._reset

    def _stop(self) -> None:
        self._acknowledge(self._unacknowledged)
        if not self._closed:
            self._closed = self._reset = True
            self._wire.engine.reset(self.stream_id, CANCEL)
            self._wire.wake()

    def _ended(self, headers: Headers, fields: Mapping[bytes, bytes]) -> None:
        if self._over:
            return
        ended = read_status(headers)
        if ended is None:
            http_status = fields.get(b":status", b"200")
            self.fail(_not_grpc(fields) if http_status != b"200" else self._without_status())
            return
        self.trailing_metadata = read_metadata(headers)
        if ended.code is not StatusCode.OK:
            told = attrs.evolve(ended, metadata=self.trailing_metadata)
            self.fail(failure_of(told, self.initial_metadata or self.trailing_metadata))
        elif self._reader.rest:
            self.fail(self._broken("the answer ended in the middle of a message"))
        else:
            self._over = True
            self._notify()

    def _without_status(self) -> CallFailed:
        return self._broken("the answer ended without a status")

    def _broken(self, message: str) -> CallFailed:
        return CallFailed(
            StatusCode.INTERNAL,
            message,
            initial_metadata=self.initial_metadata,
            trailing_metadata=self.trailing_metadata,
        )

    def _notify(self) -> None:
        if self._arrival is not None:
            self._arrival.set()
            self._arrival = None

    def _acknowledge(self, size: int) -> None:
        if size:
            self._unacknowledged -= size
            self._wire.acknowledge(self.stream_id, size)


def _not_grpc(fields: Mapping[bytes, bytes]) -> CallFailed:
    status = fields.get(b":status", b"?")
    kind = fields.get(b"content-type", b"none").decode("ascii", "replace")
    shown = status.decode("ascii", "replace")
    return CallFailed(
        _OF_HTTP.get(status, StatusCode.UNKNOWN),
        f"not a gRPC answer: HTTP status {shown}, content-type {kind[:80]}",
    )
