"""Direct connections to providers, as an httpx transport that can be asked without httpx's values.

Laws: whoever holds a response closes its stream; if the body was read to its end the connection waits
for the next request, otherwise it is closed before control returns. A request is written once: a
connection that the server has closed meanwhile is found out before writing, and after that nobody can
know what was done with the request.

Source: RFC 9112
"""

from collections.abc import AsyncIterator, Callable

import anyio
import attrs
import httpx

from adapters.http.transport.asking import Asked, Asking, RawHeaders, address_of
from adapters.http.transport.connection import READ_BYTES, Connect, Connection, Origin
from adapters.http.transport.patience import Timeouts, timeouts_of, within
from adapters.http.transport.pool import Limits, Pool
from adapters.http.transport.translation import RECEIVING, SENDING
from adapters.http.transport.wire import ResponseReader, asked_bytes, request_bytes

CLOSE_S = 2.0
"""Longest that closing may take, in seconds; it takes none, since nothing is said to the other side."""


@attrs.define(eq=False)
class DirectTransport(Asking):
    """Sends requests over connections of its own; `open_transport` opens and closes it.

    Attributes:
        opened: Every open connection, busy and idle.
    """

    _connect: Connect
    _limits: Limits
    _clock: Callable[[], float] = anyio.current_time
    opened: set[Connection] = attrs.field(factory=set)
    _pools: dict[Origin, Pool] = attrs.field(factory=dict)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; return when the head of the response is there.

        Raises:
            httpx.TransportError: It did not work out; no connection is held.
        """
        stream = request.stream
        body = b"".join(stream) if isinstance(stream, httpx.ByteStream) else await request.aread()
        data, timeouts = request_bytes(request, body), timeouts_of(request)
        answer = await self._answer(address_of(request.url).origin, data, timeouts)
        return httpx.Response(answer.status, headers=answer.headers, stream=answer)

    async def ask(self, asked: Asked) -> "Answer":
        """Send `asked`; return when the head of the response is there.

        Raises:
            httpx.TransportError: It did not work out; no connection is held.
        """
        timeouts = Timeouts(connect=asked.wait_s, pool=asked.wait_s)
        return await self._answer(asked.address.origin, asked_bytes(asked), timeouts)

    async def aclose(self) -> None:
        """Close every connection, busy ones too."""
        while self.opened:
            await self.opened.pop().abort()

    async def _answer(self, origin: Origin, data: bytes, timeouts: Timeouts) -> "Answer":
        pool = self._pools.get(origin)
        if pool is None:
            pool = Pool(origin, self._connect, self._limits, self.opened, self._clock)
            self._pools[origin] = pool
        answer = Answer(pool, await pool.acquire(timeouts), timeouts.read)
        try:
            await answer.begin(data, timeouts.write)
        finally:
            if not answer.reader.head_complete:
                with anyio.move_on_after(CLOSE_S, shield=True):
                    await answer.aclose()
        return answer


@attrs.define(eq=False)
class Answer(httpx.AsyncByteStream):
    """A response while it is read: the body's iterator and, at its end, the way back to the pool."""

    _pool: Pool
    _connection: Connection
    _read_s: float | None
    reader: ResponseReader = attrs.field(factory=ResponseReader)
    _sent: bool = False
    _held: bool = True

    @property
    def status(self) -> int:
        """As the head says."""
        return self.reader.status

    @property
    def headers(self) -> RawHeaders:
        """As they came."""
        return self.reader.headers

    @property
    def whole(self) -> bool:
        """Whether the connection is back where it came from, or closed."""
        return not self._held and self.reader.complete

    async def begin(self, data: bytes, write_s: float | None) -> None:
        """Send `data` and read the head of the response."""
        try:
            with SENDING, within(write_s):
                await self._connection.stream.send(data)
            self._sent = True
        except httpx.WriteError as error:
            # A server that refuses a long body may answer, and close before it has read it all.
            await self._refusal(error)
        while not self.reader.head_complete:
            await self._receive()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of the body."""
        data = await self.read()
        if not data:
            raise StopAsyncIteration
        return data

    async def read(self) -> bytes:
        """Return the next piece of the body: what one read brought; empty: it has ended."""
        while True:
            data = self.reader.take()
            if self.reader.complete and self._held:
                await self._give_back()
            if data or self.reader.complete:
                return data
            await self._receive()

    async def aclose(self) -> None:
        """Give the connection up, in the way that the state of the body allows."""
        if self._held:
            await self._give_back()

    async def _refusal(self, error: httpx.WriteError) -> None:
        try:
            while not self.reader.head_complete:
                await self._receive()
        except httpx.TransportError:
            raise error from None

    async def _receive(self) -> None:
        done = False
        try:
            with RECEIVING, within(self._read_s):
                try:
                    data = await self._connection.stream.receive(READ_BYTES)
                except anyio.EndOfStream:
                    data = b""
            if data:
                self.reader.feed(data)
            else:
                self.reader.end()
            done = True
        finally:
            if not done and self._held:
                with anyio.move_on_after(CLOSE_S, shield=True):
                    await self._let_go()

    async def _give_back(self) -> None:
        if self._sent and self.reader.complete and self.reader.keeps_alive:
            self._held = False
            self._pool.release(self._connection)
            await self._pool.trim()
        else:
            await self._let_go()

    async def _let_go(self) -> None:
        self._held = False
        self.reader.abandon()
        await self._pool.discard(self._connection)
