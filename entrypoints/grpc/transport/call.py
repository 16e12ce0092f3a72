"""One call as its handler sees it.

Laws: the scope of a call is cancelled by the peer's reset, by the loss of its connection and by its deadline;
the reason is known before the scope is cancelled. Every send and receive looks for cancellation, a send for
that of its call, and every sixteenth for any: what else ends a call comes between two turns of the loop.
Received bytes are given back to the peer's window when the handler takes them, or while it waits for the rest
of a message.
"""

import math
import time
from collections import deque
from collections.abc import AsyncIterator
from enum import Enum
from typing import TypeVar

import attrs
import trio
import trio.lowlevel
from google.protobuf.message import DecodeError, Message
from purerpc import RpcFailedError, Status, StatusCode

from domain.model.caller import ANONYMOUS, Caller
from domain.model.errors import ErrorReason, ServiceFailure
from entrypoints.grpc.transport.client_certificate import ClientCertificate
from entrypoints.grpc.transport.headers import CallHead, Metadata, write_metadata
from entrypoints.grpc.transport.messages import (
    PREFIX,
    PREFIX_SIZE,
    MessageReader,
    MessageWriter,
    Packed,
)
from entrypoints.grpc.transport.wire import Wire

M = TypeVar("M", bound=Message)

_RESPONSE = ((b":status", b"200"), (b"content-type", b"application/grpc+proto"))
_GZIP = (b"grpc-encoding", b"gzip")
_SENDS_PER_TURN = 16


class Ending(Enum):
    """Why a call's scope was cancelled, if not by its deadline."""

    RESET = "the client cancelled the call"
    LOST = "the connection was lost"
    DRAIN = "the server is going away"
    STOPPED = "an operator ended the call"


@attrs.define(eq=False)
class ServerCall:
    """The context given to handlers, and to what is done ahead of them.

    Attributes:
        head: Service, method, metadata, timeout.
        request_id: Set by whoever knows it; appears in logs and replies.
        caller: For whom it is made; set by whoever has made sure.
        scope: The call's cancel scope; its deadline is the caller's.
        due_s: That deadline, on the event loop's clock.
        context: Whatever the handler keeps for those who see the call end; `watched`: for those who watch it.
        ending: Why its scope was cancelled, if not by its deadline.
        unheard: Whether nobody listens any more.
        arrived_s: When its headers came, on the machine's monotonic clock.
        initial: Fields that go out with the response's headers; `trailing`: with the status.
        headers_sent: Whether initial metadata can no longer be set.
        said_all: Set by who sends what ends its answer, just before: what cancels it then comes too late.
        input_ended: Whether the client has said all it will say.
    """

    stream_id: int
    head: CallHead
    scope: trio.CancelScope
    _wire: Wire = attrs.field(repr=False)
    _reader: MessageReader = attrs.field(repr=False)
    _framing: MessageWriter = MessageWriter()
    due_s: float = math.inf
    request_id: str = ""
    caller: Caller = ANONYMOUS
    context: object = attrs.field(default=None, repr=False)
    watched: object = attrs.field(default=None, repr=False)
    ending: Ending | None = None
    arrived_s: float = attrs.field(factory=time.monotonic)
    initial: list[tuple[bytes, bytes]] = attrs.field(factory=list, repr=False)
    trailing: list[tuple[bytes, bytes]] = attrs.field(factory=list, repr=False)
    unheard: bool = False
    headers_sent: bool = False
    said_all: bool = False
    input_ended: bool = False
    _inbox: deque[Packed] = attrs.field(factory=deque, repr=False)
    _unacknowledged: int = 0
    _held: int = 0
    _arrival: trio.Event | None = None
    _sends: int = 0

    @property
    def peer(self) -> str:
        """The client's address."""
        return self._wire.peer

    @property
    def client(self) -> ClientCertificate | None:
        """The certificate that the client has shown; None without TLS, or if it has shown none."""
        return self._wire.client

    @property
    def metadata(self) -> Metadata:
        """The client's metadata, in the order received."""
        return self.head.metadata

    def set_initial_metadata(self, *metadata: tuple[str, str | bytes]) -> None:
        """Add metadata that goes out before the first message.

        Raises:
            ValueError: It cannot be sent.
            RuntimeError: The first message is on its way.
        """
        if self.headers_sent:
            raise RuntimeError("initial metadata has been sent")
        self.initial += write_metadata(metadata)

    def set_trailing_metadata(self, *metadata: tuple[str, str | bytes]) -> None:
        """Add metadata that goes out with the status.

        Raises:
            ValueError: It cannot be sent.
        """
        self.trailing += write_metadata(metadata)

    def cancel(self, ending: Ending) -> None:
        """End the call now, because of `ending`."""
        # Of one that is ended by us it matters still whether somebody listens.
        if not self.unheard:
            self.ending = ending
            self.unheard = ending is Ending.RESET or ending is Ending.LOST
        self.scope.cancel()

    def initial_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the response's headers and count them as sent."""
        self.headers_sent = True
        if self._framing.gzip_from is not None:
            return [*_RESPONSE, _GZIP, *self.initial]
        return [*_RESPONSE, *self.initial]

    async def send(self, message: Message) -> None:
        """Send a message; wait while too much is queued for a client that does not read.

        Raises:
            RpcFailedError: The message is too long.
        """
        wire, stream_id = self._wire, self.stream_id
        payload, framing = message.SerializeToString(), self._framing
        if framing.gzip_from is None and len(payload) <= framing.max_size:
            # As `frame_message` does it, without a call of a function for every message.
            framed = PREFIX.pack(0, len(payload)) + payload
        else:
            framed = await self._framed(payload)
        if not self.headers_sent:
            wire.engine.respond(stream_id, self.initial_headers())
        queued = wire.engine.send(stream_id, framed)
        if wire.writer.idle:
            wire.writer.wake()
        if queued > wire.pressure.high_water:
            await wire.pressure.wait(stream_id)
        self._sends += 1
        if not self._sends % _SENDS_PER_TURN:
            # A full turn of the loop a message would cost as much as the message.
            await trio.lowlevel.checkpoint()
        elif self.ending is not None:
            await trio.lowlevel.checkpoint_if_cancelled()

    async def _framed(self, payload: bytes) -> bytes:
        self._framing.check(payload)
        if self._framing.is_slow(payload):
            # It may be cancelled before it is said.
            said_all, self.said_all = self.said_all, False
            framed = await trio.to_thread.run_sync(self._framing.frame, payload)
            self.said_all = said_all
            return framed
        return self._framing.frame(payload)

    async def receive(self, kind: type[M]) -> M | None:
        """Return the client's next message; None after its last.

        Raises:
            RpcFailedError: The message is too long or malformed.
        """
        while not self._inbox:
            if self._reader.failure is not None:
                raise self._reader.failure
            if self.input_ended:
                return None
            # The rest of a message larger than the window can only come if we give back what is there.
            self.release()
            self._arrival = trio.Event()
            await self._arrival.wait()
        await trio.lowlevel.checkpoint_if_cancelled()
        packed = self._inbox.popleft()
        size = len(packed) + PREFIX_SIZE
        self._held -= size
        self._wire.budget.held_in -= size
        self._acknowledge(min(self._unacknowledged, size))
        try:
            # One that came as it is needs no reader.
            whole = packed if isinstance(packed, bytes) else self._reader.unpacked(packed)
            return kind.FromString(whole)
        except DecodeError as error:
            what = f"a message is not a valid {kind.DESCRIPTOR.full_name}"
            raise RpcFailedError(Status(StatusCode.INTERNAL, what)) from error

    async def receive_only(self, kind: type[M]) -> M:
        """Return the only message of a unary request, once the client has said that there is no other.

        Raises:
            RpcFailedError: There is none or more than one, or it is malformed.
        """
        message = await self.receive(kind)
        # A request that has come as a whole, as most do, need not be asked for more.
        over = self.input_ended and not self._inbox and self._reader.failure is None
        if message is None or not (over or await self.receive(kind) is None):
            what = "the request must have exactly one message"
            raise RpcFailedError(Status(StatusCode.UNIMPLEMENTED, what))
        return message

    def messages(self, kind: type[M]) -> AsyncIterator[M]:
        """Return the client's messages, as they come."""
        return _Messages(self, kind)

    def arrived(self, data: bytes, *, ended: bool = False) -> None:
        """Take body bytes in, with which the client may have half-closed; called by the connection."""
        size, reader, budget = len(data), self._reader, self._wire.budget
        self._unacknowledged += size
        self._held += size
        budget.held_in += size
        if budget.held_in > budget.max_in and reader.failure is None:
            reader.failure = ServiceFailure(
                "the server holds too many unread requests", ErrorReason.SERVICE_OVERLOADED
            )
        self._inbox += reader.split(data)
        if reader.failure is not None:
            # Nobody will take what follows.
            self.release()
            if self._arrival is not None:
                self._notify()
        elif self._arrival is not None:
            if self._inbox:
                self._notify()
            else:
                self.release()
        if ended:
            self.input_over()

    def input_over(self) -> None:
        """Know that the client has half-closed; called by the connection."""
        self.input_ended = True
        if self._reader.rest:
            self._reader.failure = RpcFailedError(
                Status(StatusCode.INTERNAL, "the last message is not complete")
            )
        if self._arrival is not None:
            self._notify()

    def release(self) -> None:
        """Give all that was received back to the client's windows."""
        self._acknowledge(self._unacknowledged)

    def close(self) -> None:
        """Let go of all that was received, or the connection's window would leak; called at the end."""
        if self._held:
            self._wire.budget.held_in -= self._held
            self._held = 0
        if self._unacknowledged:
            self.release()

    def _notify(self) -> None:
        assert self._arrival is not None
        self._arrival.set()
        self._arrival = None

    def _acknowledge(self, size: int) -> None:
        if size:
            self._unacknowledged -= size
            self._wire.engine.acknowledge(self.stream_id, size)
            # Most of what is given back is told with more of it.
            if self._wire.writer.idle and not self._wire.engine.silent:
                self._wire.writer.wake()


@attrs.define
class _Messages(AsyncIterator[M]):
    _call: ServerCall
    _kind: type[M]

    async def __anext__(self) -> M:
        message = await self._call.receive(self._kind)
        if message is None:
            raise StopAsyncIteration
        return message
