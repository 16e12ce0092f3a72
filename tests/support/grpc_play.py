"""A client whose every frame the test decides, on streams in memory.

It speaks through the engine that the server does not use, so that no engine is tested against itself.
"""

import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import trio
import trio.testing
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import StatusCode

from entrypoints.grpc.transport.connection import Connection
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import (
    CANCEL,
    DataReceived,
    Engine,
    EngineLimits,
    Event,
    GoAwayReceived,
    Headers,
    HeadersReceived,
    StreamClosed,
    TrailersReceived,
    engine_factory,
)
from entrypoints.grpc.transport.headers import EndedWith, read_status
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.messages import MessageReader, frame_message
from tests.support.grpc_service import NAME

Stream = trio.abc.HalfCloseableStream
Pair = Callable[[], tuple[Stream, Stream]]
OTHER = {"nghttp2": "h2", "h2": "nghttp2"}
PATIENCE_S = 15.0


def request_headers(
    method: str = "Unary", *, timeout: bytes = b"", metadata: Headers = (), path: str = ""
) -> list[tuple[bytes, bytes]]:
    """Return the headers of a call of the test's service."""
    return [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", (path or f"/{NAME}/{method}").encode()),
        (b":authority", b"test"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        *([(b"grpc-timeout", timeout)] if timeout else []),
        *metadata,
    ]


def framed(value: bytes) -> bytes:
    """Return a message of the test's service as it goes into a body."""
    return frame_message(BytesValue(value=value).SerializeToString())


@attrs.define(eq=False)
class Reply:
    """What came back on one stream."""

    stream_id: int
    headers: Headers = ()
    messages: list[bytes] = attrs.field(factory=list)
    trailers: Headers | None = None
    closed: int | None = None
    _reader: MessageReader = attrs.field(factory=lambda: MessageReader(2**24))
    _change: trio.Event = attrs.field(factory=trio.Event)

    def add(self, event: Event) -> None:
        if isinstance(event, HeadersReceived):
            self.headers = event.headers
            if event.ended:
                self.trailers = event.headers
        elif isinstance(event, TrailersReceived):
            self.trailers = event.headers
        elif isinstance(event, DataReceived):
            self.messages += [
                BytesValue.FromString(each).value for each in self._reader.feed(event.data)
            ]
        elif isinstance(event, StreamClosed):
            self.closed = event.code
        self._change.set()
        self._change = trio.Event()

    async def until(self, true: Callable[["Reply"], bool]) -> None:
        """Wait until `true` of this reply."""
        with trio.fail_after(PATIENCE_S):
            while not true(self):
                await self._change.wait()

    async def end(self) -> EndedWith | None:
        """Wait until the stream is over; return what the server said about it."""
        await self.until(lambda reply: reply.closed is not None)
        return self.ended

    async def code(self) -> StatusCode | None:
        """Wait until the stream is over; return its status code, None if it was not told."""
        ended = await self.end()
        return None if ended is None else ended.code

    @property
    def ended(self) -> EndedWith | None:
        return None if self.trailers is None else read_status(self.trailers)

    @property
    def http_status(self) -> bytes:
        return dict(self.headers)[b":status"]


@attrs.define(eq=False)
class Client:
    """One connection to the server under test.

    Attributes:
        acknowledges: Whether received bytes are given back to the server's windows.
        goaway: The code of the server's GOAWAY, if one came.
        limit: How many streams the server says it takes, if the client is not to hear it.
        left: Whether the server has closed the connection.
        reading: Cancelled, it reads no more.
    """

    engine: Engine
    stream: Stream
    acknowledges: bool = True
    goaway: int | None = None
    limit: int | None = None
    left: trio.Event = attrs.field(factory=trio.Event)
    replies: dict[int, Reply] = attrs.field(factory=dict)
    reading: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _owed: list[tuple[int, int]] = attrs.field(factory=list)
    _writing: trio.Lock = attrs.field(factory=trio.Lock)

    async def call(
        self,
        method: str = "Unary",
        *values: bytes,
        ended: bool = True,
        grpc_timeout: bytes = b"",
        metadata: Headers = (),
    ) -> Reply:
        """Open a call, send it `values` in one message each, and half-close it if `ended`."""
        headers = request_headers(method, timeout=grpc_timeout, metadata=metadata)
        body = b"".join(framed(each) for each in values)
        return await self.open(headers, body, ended=ended)

    async def open(self, headers: Headers, body: bytes = b"", *, ended: bool = True) -> Reply:
        """Open a stream with any headers and body."""
        reply = self.opened(headers, body, ended=ended)
        await self.flush()
        return reply

    def opened(self, headers: Headers, body: bytes = b"", *, ended: bool = True) -> Reply:
        """As `open`; nothing is written yet."""
        reply = Reply(self.engine.request(headers))
        self.replies[reply.stream_id] = reply
        if body or ended:
            self.engine.send(reply.stream_id, body, ended=ended)
        return reply

    async def send(self, reply: Reply, *values: bytes, ended: bool = False) -> None:
        """Send messages on an open call."""
        body = b"".join(framed(each) for each in values)
        self.engine.send(reply.stream_id, body, ended=ended)
        await self.flush()

    async def cancel(self, reply: Reply, code: int = CANCEL) -> None:
        """Reset the call's stream."""
        self.engine.reset(reply.stream_id, code)
        await self.flush()

    async def read_on(self) -> None:
        """Give back what was received so far."""
        self._give_back()
        await self.flush()

    async def raw(self, data: bytes) -> None:
        """Write any bytes, and in the same write what the engine says next."""
        async with self._writing:
            await self.stream.send_all(data + self.engine.take())

    async def flush(self) -> None:
        """Write what the engine has."""
        async with self._writing:
            while data := self.engine.take():
                self._handle(self.engine.events())
                await self.stream.send_all(data)

    async def pump(self) -> None:
        """Read until the server has left."""
        with self.reading:
            await self._pump()

    async def _pump(self) -> None:
        while True:
            try:
                data = await self.stream.receive_some(2**16)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                break
            if self.limit is not None:
                told, heard = (struct.pack(">HI", 3, each) for each in (self.limit, 2**31))
                data = bytes(data).replace(told, heard)
            self._handle(self.engine.receive(bytes(data)))
            try:
                await self.flush()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                break
            if self.engine.finished:
                # It may not even answer PINGs any more: what is left to do is to leave.
                break
        self.left.set()
        await self.stream.aclose()

    def _handle(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, GoAwayReceived):
                self.goaway = event.code
            if isinstance(event, DataReceived):
                self._owed.append((event.stream_id, len(event.data)))
            reply = self.replies.get(getattr(event, "stream_id", 0))
            if reply is not None:
                reply.add(event)
        if self.acknowledges:
            self._give_back()

    def _give_back(self) -> None:
        for stream_id, size in self._owed:
            self.engine.acknowledge(stream_id, size)
        self._owed.clear()


@attrs.define(eq=False)
class Play:
    """A server's connection and its client."""

    client: Client
    connection: Connection
    over: trio.Event = attrs.field(factory=trio.Event)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    def stop(self) -> None:
        """Cancel the connection, as a server that stops does."""
        self._scope.cancel()

    def count_writes(self) -> list[int]:
        """Return a list that grows by the size of each of the server's writes."""
        sizes: list[int] = []
        take = self.connection.engine.take

        def counted() -> bytes:
            data = take()
            if data:
                sizes.append(len(data))
            return data

        setattr(self.connection.engine, "take", counted)  # noqa: B010
        return sizes

    async def run(self) -> None:
        with self._scope:
            async with self.connection._stream:
                await self.connection.run()
        self.over.set()


@asynccontextmanager
async def playing(
    dispatcher: Dispatcher,
    engine: str,
    *,
    limits: Limits | None = None,
    client_limits: EngineLimits | None = None,
    obedient: bool = True,
    speaks: str = "",
    pair: Pair = trio.testing.memory_stream_pair,
) -> AsyncIterator[Play]:
    """Serve one connection; when the block ends the client leaves, and the server must end by itself.

    A client that is not `obedient` opens more streams than it is told it may. `speaks` names its engine.
    """
    limits = limits or Limits()
    theirs, ours = pair()
    server = Connection(
        ours, engine_factory(engine)(False, limits.engine), "client:1", dispatcher, limits
    )
    client = Client(
        engine_factory(speaks or OTHER[engine])(True, client_limits or EngineLimits()), theirs
    )
    client.limit = None if obedient else limits.engine.max_streams
    play = Play(client, server)
    client.engine.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play.run)
        nursery.start_soon(client.pump)
        await client.flush()
        yield play
        await theirs.aclose()
        with trio.fail_after(PATIENCE_S):
            await play.over.wait()
    assert not server._calls
