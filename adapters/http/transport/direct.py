"""Direct connections to providers, as an httpx transport that can be asked without httpx's values.

Laws: whoever holds a response closes its stream; if the body was read to its end the connection waits
for the next request, otherwise it is closed before control returns. A request is written once: a
connection that the server has closed meanwhile is found out before writing, and after that nobody can
know what was done with the request.

Source: RFC 9112
"""

import math
from collections.abc import AsyncIterator, Callable

import anyio
import attrs
import httpx

from adapters.http.transport.asking import Asked, Asking, RawHeaders, address_of
from adapters.http.transport.connection import READ_BYTES, Connect, Connection, Origin
from adapters.http.transport.patience import Timeouts, timeouts_of
from adapters.http.transport.pool import Limits, Pool
from adapters.http.transport.translation import GONE, lost
from adapters.http.transport.watchdog import Watchdog
from adapters.http.transport.wire import ResponseReader, asked_bytes, request_bytes

CLOSE_S = 2.0
"""Longest that closing may take, in seconds; it takes none, since nothing is said to the other side."""


@attrs.define(eq=False)
class DirectTransport(Asking):
    """Sends requests over connections of its own; `open_transport` opens and closes it.

    Attributes:
        watchdog: Ends what is overdue; runs for as long as requests are sent.
        opened: Every open connection, busy and idle.
    """

    _connect: Connect
    _limits: Limits
    watchdog: Watchdog
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
        pool = self._pool(address_of(request.url).origin)
        connection = await pool.acquire(timeouts)
        sent_by_s = math.inf if timeouts.write is None else self._clock() + timeouts.write
        # A read without a bound of its own must not be given that of the writing.
        read_s = math.inf if timeouts.read is None else timeouts.read
        answer = Answer(pool, connection, self.watchdog, sent_by_s, read_s)
        await answer.begin(data)
        return httpx.Response(answer.status, headers=answer.headers, stream=answer)

    async def ask(self, asked: Asked) -> "Answer":
        """Send `asked`; return when the head of the response is there.

        Raises:
            httpx.TransportError: It did not work out; no connection is held.
        """
        pool = self._pool(asked.address.origin)
        # Written before anything is held: it may be no request.
        data = asked_bytes(asked)
        connection = pool.ready() or await self._acquired(pool, asked)
        answer = Answer(pool, connection, self.watchdog, asked.due_s)
        await answer.begin(data)
        return answer

    async def aclose(self) -> None:
        """Close every connection, busy ones too."""
        while self.opened:
            await self.opened.pop().abort()

    async def _acquired(self, pool: Pool, asked: Asked) -> Connection:
        with anyio.CancelScope(deadline=asked.due_s):
            return await pool.acquire(Timeouts(connect=asked.wait_s, pool=asked.wait_s))
        raise httpx.ReadTimeout("the time was up before there was a connection")

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = Pool(origin, self._connect, self._limits, self.opened, self._clock)
            self._pools[origin] = pool
        return pool


@attrs.define(eq=False)
class Answer(httpx.AsyncByteStream):
    """A response while it is read: the body's iterator and, at its end, the way back to the pool.

    Attributes:
        due_s: When what it waits for is overdue, on the event loop's clock; infinite: it waits for nothing.
    """

    _pool: Pool
    _connection: Connection
    _watchdog: Watchdog
    due_s: float = math.inf
    # How long each read may take; None: as `due_s` says.
    _read_s: float | None = None
    reader: ResponseReader = attrs.field(factory=ResponseReader)
    _sent: bool = False
    _held: bool = True
    _expired: bool = False

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

    async def begin(self, data: bytes) -> None:
        """Send `data` and read the head of the response; where that fails, nothing is held any more."""
        self._watchdog.watch(self)
        reader = self.reader
        try:
            try:
                await self._connection.stream.send(data)
                self._sent = True
            except GONE as error:
                # A server that refuses a long body may answer, and close before it has read it all.
                await self._refusal(lost(error, httpx.WriteError), error)
            while not reader.head_complete:
                await self._receive()
            self.due_s = math.inf
        finally:
            if not reader.head_complete:
                with anyio.move_on_after(CLOSE_S, shield=True):
                    await self.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of the body."""
        data = await self.read()
        if not data:
            raise StopAsyncIteration
        return data

    async def read(self, due_s: float = math.inf) -> bytes:
        """Return the next piece of the body: what one read brought; empty: it has ended.

        Args:
            due_s: When it has to be there, on the event loop's clock.

        Raises:
            httpx.TransportError: It broke off, or was not there in time.
        """
        reader = self.reader
        while True:
            data = reader.take()
            if reader.complete and self._held:
                await self._give_back()
            if data or reader.complete:
                return data
            self.due_s = due_s
            await self._receive()
            # Only who waits can be overdue: the time that our reader takes is not the other side's.
            self.due_s = math.inf

    async def aclose(self) -> None:
        """Give the connection up, in the way that the state of the body allows."""
        if self._held:
            await self._give_back()

    async def expire(self) -> None:
        """Close the connection; whoever reads or writes is told that it took too long."""
        self._expired = True
        await self._connection.abort()

    async def _refusal(self, broken: httpx.TransportError, error: Exception) -> None:
        if self._expired:
            raise httpx.WriteTimeout("the request took too long to send") from None
        try:
            while not self.reader.head_complete:
                await self._receive()
        except httpx.TransportError:
            raise broken from error

    async def _receive(self) -> None:
        if self._read_s is not None:
            self.due_s = self._pool.clock() + self._read_s
        if self.due_s < self._watchdog.wakes_s:
            self._watchdog.look_at(self.due_s)
        reader = self.reader
        done = False
        try:
            try:
                data = await self._connection.stream.receive(READ_BYTES)
            except anyio.EndOfStream:
                data = b""
            except GONE as error:
                if not self._expired:
                    raise lost(error, httpx.ReadError) from error
                data = b""
            # Asked first: a connection that was closed here looks like one that the other side has closed.
            if self._expired:
                raise httpx.ReadTimeout("the answer took too long")
            if data:
                reader.feed(data)
            else:
                reader.end()
            done = True
        finally:
            if not done and self._held:
                with anyio.move_on_after(CLOSE_S, shield=True):
                    await self._let_go()

    async def _give_back(self) -> None:
        reader = self.reader
        if self._sent and reader.complete and reader.keeps_alive and not self._expired:
            self._held = False
            self._watchdog.leave(self)
            self._pool.release(self._connection)
            await self._pool.trim()
        else:
            await self._let_go()

    async def _let_go(self) -> None:
        self._held = False
        self._watchdog.leave(self)
        self.reader.abandon()
        await self._pool.discard(self._connection)
