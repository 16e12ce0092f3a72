"""One connection to a server: a reader and a writer, and the calls that share them.

Laws: a lost connection fails every call on it at once. Nothing that the server sends raises here: what
cannot be understood ends the connection with a reason. All that is queued in one turn of the loop leaves in
one write.
"""

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.abc
import attrs
from purerpc import StatusCode

from entrypoints.client.call import ClientCall
from entrypoints.client.dial import cannot_connect
from entrypoints.client.errors import CallFailed
from entrypoints.client.greeting import MISBEHAVED, how_lost, not_http2, unheard
from entrypoints.client.keepalive import Heard
from entrypoints.client.limits import Limits
from entrypoints.client.target import Target
from entrypoints.grpc.transport.engine import (
    NO_ERROR,
    REFUSED_STREAM,
    DataReceived,
    Engine,
    EngineError,
    GoAwayReceived,
    Headers,
    HeadersReceived,
    StreamClosed,
    TrailersReceived,
)
from entrypoints.grpc.transport.messages import MessageReader, frame_message

_READ_SIZE = 64 * 1024
_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
GOODBYE_S = 1.0
"""How long a server that reads nothing can hold up those who leave."""

CLOSED = "was closed"
# A window update that waits for the next write costs nothing while this is small beside the windows.
_OWED_AT_MOST = 16 * 1024


@attrs.define(eq=False)
class Connection:
    """Many calls on one connection; `open_connection` makes it and owns its tasks.

    Attributes:
        target: As the caller named it.
        heard: Whether the server is alive.
    """

    target: Target
    engine: Engine
    _stream: anyio.abc.ByteStream
    _limits: Limits
    heard: Heard = attrs.field(factory=Heard)
    _why: str = ""
    _lost: bool = False
    _dismissed: bool = False
    _owed: int = 0
    _greeted: bool = False
    _calls: dict[int, ClientCall] = attrs.field(factory=dict)
    _sleep: anyio.Event | None = None
    _flushes: list[anyio.Event] = attrs.field(factory=list)
    _change: anyio.Event = attrs.field(factory=anyio.Event)

    @property
    def usable(self) -> bool:
        """Whether it takes new calls."""
        return not self._why

    @property
    def busy(self) -> bool:
        """Whether any call is open."""
        return bool(self._calls)

    async def greeted(self, patience_s: float) -> None:
        """Wait for the server's first frame: it says how many calls at once it takes.

        Raises:
            CallFailed: UNAVAILABLE: the other end is no server of ours, or silent for too long.
        """
        with anyio.move_on_after(patience_s):
            while not (self._greeted or self._lost):
                await self._change.wait()
        if self._lost:
            raise self._unavailable()
        if not self._greeted:
            raise cannot_connect(self.target, f"no answer in {patience_s:g} s")

    async def open(self, headers: Headers, message: bytes, deadline: float) -> ClientCall:
        """Send a call with its only message. Waits while the server takes no more calls at once.

        Whoever opened a call must `close` it.

        Raises:
            CallFailed: The connection cannot take it.
        """
        stream_id = await self._stream_id(headers)
        call = ClientCall(stream_id, deadline, self, MessageReader(self._limits.max_message))
        self._calls[stream_id] = call
        self.engine.send(stream_id, frame_message(message), ended=True)
        self.wake()
        return call

    async def close(self, call: ClientCall) -> None:
        """Give back all that `call` holds; if it is unfinished, the server knows when this returns."""
        self._calls.pop(call.stream_id, None)
        self._changed()
        if call.release():
            await self._flush()

    def acknowledge(self, stream_id: int, size: int) -> None:
        """Give `size` received bytes back to the server's windows."""
        self.engine.acknowledge(stream_id, size)
        self._owed += size
        if self._owed >= _OWED_AT_MOST:
            self._owed = 0
            self.wake()

    def wake(self) -> None:
        """Have the engine's output written soon."""
        if self._sleep is not None:
            self._sleep.set()
            self._sleep = None

    def dismiss(self) -> None:
        """Take no more calls, and end what is still open."""
        self._dismissed = True
        self._refuse(CLOSED)

    async def disused(self) -> None:
        """Wait until it is lost or dismissed, or until no call is left and none can come."""
        while not (self._lost or self._dismissed) and (self.usable or self._calls):
            await self._change.wait()

    async def goodbye(self) -> None:
        """Tell the server that we leave, and end what is still open."""
        self.engine.goaway(NO_ERROR)
        await self._flush()
        self.lose(CLOSED)

    def lose(self, why: str) -> None:
        """End the connection and every call on it; the first reason stays."""
        self._lost = True
        self._refuse(why)
        for call in self._calls.values():
            call.fail(self._unavailable())
        for each in self._flushes:
            each.set()
        self.wake()

    async def read(self) -> None:
        """Take in what the server sends, until there is no more."""
        while not self._lost:
            try:
                data = await self._stream.receive(_READ_SIZE)
            except _GONE as error:
                why = how_lost(error)
                self.lose(why if self._greeted else unheard(why, self._stream))
            else:
                self._received(data)
                self.wake()

    async def write(self) -> None:
        """Write what the engine has, whenever it has something."""
        try:
            while not self._lost:
                if not await self._write_once():
                    self._sleep = anyio.Event()
                    await self._sleep.wait()
        finally:
            # Nobody may wait for a writer that is no more.
            self.lose(CLOSED)

    async def _write_once(self) -> bool:
        """Write what there is; return whether there was anything to do."""
        asked, self._flushes = self._flushes, []
        data = self.engine.take()
        self._handle(self.engine.events())
        try:
            if data:
                await self._stream.send(data)
            elif self.engine.finished:
                self.lose(MISBEHAVED)
        except _GONE as error:
            # The reader may know better: what the server said before it closed.
            with anyio.move_on_after(GOODBYE_S):
                await self.disused()
            self.lose(how_lost(error))
        finally:
            for each in asked:
                each.set()
        return bool(data or asked or self._lost)

    async def _stream_id(self, headers: Headers) -> int:
        while self.usable:
            try:
                return self.engine.request(headers)
            except EngineError:
                if self._calls:
                    await self._change.wait()
                else:
                    self._refuse("takes no more calls")
        raise self._unavailable(unprocessed=True)

    async def _flush(self) -> None:
        if self._lost:
            return
        written = anyio.Event()
        self._flushes.append(written)
        self.wake()
        await written.wait()

    def _received(self, data: bytes) -> None:
        self.heard.note()
        if not self._greeted:
            wrong = not_http2(data)
            if wrong is not None:
                self.lose(wrong)
                return
            self._greeted = True
            self._changed()
        try:
            self._handle(self.engine.receive(data))
        except EngineError as error:
            self.lose(f"{MISBEHAVED} ({error})")

    def _handle(self, events: list[Any]) -> None:
        for event in events:
            rule = _RULES.get(type(event))
            if rule is not None:
                rule(self, event)

    def _headers(self, event: HeadersReceived) -> None:
        call = self._calls.get(event.stream_id)
        if call is not None:
            call.headers(event.headers, ended=event.ended)

    def _data(self, event: DataReceived) -> None:
        call = self._calls.get(event.stream_id)
        if call is not None:
            call.data(event.data)
        else:
            # Nobody takes it any more; the connection's window must not shrink for that.
            self.acknowledge(event.stream_id, len(event.data))

    def _trailers(self, event: TrailersReceived) -> None:
        call = self._calls.get(event.stream_id)
        if call is not None:
            call.trailers(event.headers)

    def _closed(self, event: StreamClosed) -> None:
        if event.code and self.engine.finished:
            # Our own end closed it, with the connection.
            self._refuse(MISBEHAVED)
        call = self._calls.get(event.stream_id)
        if call is not None:
            if event.code == REFUSED_STREAM and not self.usable:
                call.fail(self._unavailable(unprocessed=True))
            call.closed(event.code)
        self._changed()

    def _going_away(self, event: GoAwayReceived) -> None:
        self._refuse("is being closed by the server")
        for stream_id, call in self._calls.items():
            if stream_id > event.last_stream_id:
                call.fail(self._unavailable(unprocessed=True))

    def _refuse(self, why: str) -> None:
        self._why = self._why or why
        self._changed()

    def _changed(self) -> None:
        self._change.set()
        self._change = anyio.Event()

    def _unavailable(self, *, unprocessed: bool = False) -> CallFailed:
        return CallFailed(
            StatusCode.UNAVAILABLE,
            f"the connection to {self.target} {self._why}",
            unprocessed=unprocessed,
        )


# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type, Callable[[Connection, Any], None]] = {
    HeadersReceived: Connection._headers,
    DataReceived: Connection._data,
    TrailersReceived: Connection._trailers,
    StreamClosed: Connection._closed,
    GoAwayReceived: Connection._going_away,
}
