"""A server's end of a connection whose every frame the test decides."""

import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import attrs
import trio
from google.protobuf.message import Message

from entrypoints.grpc.transport.engine import (
    DataReceived,
    Engine,
    EngineLimits,
    Event,
    HeadersReceived,
    StreamClosed,
    engine_factory,
)
from entrypoints.grpc.transport.messages import frame_message

E = TypeVar("E", bound=Event)

RESPONSE = ((b":status", b"200"), (b"content-type", b"application/grpc+proto"))
OK = ((b"grpc-status", b"0"),)
_LIMITS = EngineLimits()


@attrs.define
class Peer:
    """One accepted connection."""

    stream: trio.abc.Stream
    engine: Engine
    seen: deque[Event] = attrs.field(factory=deque)

    async def next(self, kind: type[E]) -> E:
        """Return the client's next event of `kind`; skip others."""
        while True:
            await self.flush()
            while self.seen:
                event = self.seen.popleft()
                if isinstance(event, kind):
                    return event
            data = await self.stream.receive_some(65536)
            assert data, f"the client left before any {kind.__name__}"
            for each in self.engine.receive(bytes(data)):
                if isinstance(each, DataReceived):
                    self.engine.acknowledge(each.stream_id, len(each.data))
                self.seen.append(each)

    async def call(self) -> HeadersReceived:
        """Return the headers of the client's next call."""
        return await self.next(HeadersReceived)

    async def closed(self) -> StreamClosed:
        """Return how the client's next stream to close was closed."""
        return await self.next(StreamClosed)

    async def say(self, stream_id: int, *messages: Message) -> None:
        """Answer with headers and `messages`, and leave the stream open."""
        self.engine.respond(stream_id, RESPONSE)
        for each in messages:
            self.engine.send(stream_id, frame_message(each.SerializeToString()))
        await self.flush()

    async def flush(self) -> None:
        """Write what is queued."""
        while data := self.engine.take():
            self.seen.extend(self.engine.events())
            await self.stream.send_all(data)
        self.seen.extend(self.engine.events())


@asynccontextmanager
async def peer(
    play: Callable[[Peer], Awaitable[None]],
    limits: EngineLimits = _LIMITS,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Have `play` act as the server of every connection; yield the address."""

    async def serve(plain: trio.SocketStream) -> None:
        stream: trio.abc.Stream = plain
        if tls is not None:
            stream = secure = trio.SSLStream(plain, tls, server_side=True, https_compatible=True)
            try:
                await secure.do_handshake()
            except trio.BrokenResourceError:
                # One of us has seen enough of the other. Trio keeps the alert that says so to itself.
                with suppress(trio.BrokenResourceError):
                    await plain.send_all(secure._outgoing.read())
                    await plain.send_eof()
                    while await plain.receive_some(65536):
                        pass
                await trio.aclose_forcefully(stream)
                return
        async with stream:
            end = engine_factory("auto")(False, limits)
            end.start()
            await play(Peer(stream, end))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, serve, listeners)
        yield f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()
