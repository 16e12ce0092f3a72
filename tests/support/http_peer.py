"""A provider made of memory streams or sockets, whose every byte and pause a test decides.

A test writes what happens on a connection as an async function over a trio stream. `Far.connect` takes
the place of the network in the transport, so that the mock clock governs everything.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import anyio
import anyio.abc
import attrs
import httpx
import trio
import trio.testing

from adapters.http.chat_model import HttpChatModel
from adapters.http.endpoint import Credential, Endpoint
from adapters.http.exchange import HttpBounds
from adapters.http.transport.connection import Origin
from adapters.http.transport.opening import open_transport
from adapters.http.transport.pool import Limits
from adapters.wire.codec import Codec
from domain.model.call import ChatCall
from domain.model.events import ChatEvent
from domain.policy.patience import Patience
from ports.chat_model import ChatModel
from tests.support.http_calls import CODEC
from tests.support.planted import planted

SECRET = planted("sk")
Handler = Callable[[trio.abc.Stream], Awaitable[None]]


@attrs.define(eq=False)
class MemoryStream(anyio.abc.ByteStream):
    """The near end of a connection in memory."""

    near: trio.abc.Stream
    closed: bool = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return what has come."""
        try:
            data = await self.near.receive_some(max_bytes)
        except trio.ClosedResourceError:
            raise anyio.ClosedResourceError from None
        except trio.BrokenResourceError:
            raise anyio.BrokenResourceError from None
        if not data:
            raise anyio.EndOfStream
        return bytes(data)

    async def send(self, item: bytes) -> None:
        """Send `item`."""
        try:
            await self.near.send_all(item)
        except trio.ClosedResourceError:
            raise anyio.ClosedResourceError from None
        except trio.BrokenResourceError:
            raise anyio.BrokenResourceError from None

    async def send_eof(self) -> None:
        """Not needed."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close, and tell the test."""
        self.closed = True
        await self.near.aclose()


@attrs.define(eq=False)
class Far:
    """A provider in memory.

    Attributes:
        handler: What happens on each connection.
        streams: The near ends of all connections so far.
        connect_s: How long connecting takes.
    """

    handler: Handler
    nursery: trio.Nursery
    streams: list[MemoryStream] = attrs.field(factory=list)
    connect_s: float = 0.0

    async def connect(self, origin: Origin) -> anyio.abc.ByteStream:
        """Open a connection."""
        await trio.sleep(self.connect_s)
        near, far = trio.testing.memory_stream_pair()
        stream = MemoryStream(near)
        self.streams.append(stream)
        self.nursery.start_soon(self._serve, far)
        return stream

    async def _serve(self, far: trio.abc.Stream) -> None:
        # The near side may be gone before the handler is done.
        async with far:
            with suppress(trio.BrokenResourceError):
                await self.handler(far)

    @property
    def all_closed(self) -> bool:
        """Whether no connection is open."""
        return all(stream.closed for stream in self.streams)


@asynccontextmanager
async def far_model(
    handler: Handler,
    *,
    limits: Limits = Limits(),  # noqa: B008  # a frozen value
    patience: Patience = Patience(),  # noqa: B008  # a frozen value
    bounds: HttpBounds = HttpBounds(),  # noqa: B008  # a frozen value
    connect_s: float = 0.0,
    codec: Codec = CODEC,
) -> AsyncIterator[tuple[HttpChatModel, Far]]:
    """Open a model whose provider plays `handler` on each connection."""
    async with trio.open_nursery() as nursery:
        far = Far(handler, nursery, connect_s=connect_s)
        async with open_transport(limits, connect=far.connect) as transport:
            yield model_over(transport, patience=patience, bounds=bounds, codec=codec), far
        nursery.cancel_scope.cancel()


def model_over(
    transport: httpx.AsyncBaseTransport, base_url: str = "http://far.test/v1", **fields: Any
) -> HttpChatModel:
    """Return a model behind `transport`."""
    return HttpChatModel(
        codec=fields.pop("codec", CODEC),
        endpoint=Endpoint(base_url=base_url, credential=Credential("key#1", SECRET)),
        transport=transport,
        **fields,
    )


async def drained(model: ChatModel, asked: ChatCall) -> list[ChatEvent]:
    """Return all events of the answer to `asked`."""
    async with model.stream(asked) as stream:
        return [event async for event in stream]


async def request_on(stream: trio.abc.Stream) -> bytes | None:
    """Return the next request on `stream`, head and body; None: the near side has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = await stream.receive_some()
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        more = await stream.receive_some()
        if not more:
            return None
        body += more
    return head + b"\r\n\r\n" + body


def head(status: str = "200 OK", **headers: str) -> bytes:
    """Return a response's head; underscores in names become hyphens."""
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def sized(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return a response with a content-length."""
    return head(status, content_length=str(len(body)), **headers) + body


def piece(data: bytes) -> bytes:
    """Return `data` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


CHUNKED = head(content_type="text/event-stream", transfer_encoding="chunked")
LAST = b"0\r\n\r\n"


Part: TypeAlias = bytes | float
"""Bytes, or a pause in seconds."""


def answering(*parts: Part) -> Handler:
    """Return a handler that answers every request with `parts`."""

    async def handler(stream: trio.abc.Stream) -> None:
        while await request_on(stream) is not None:
            await _play(stream, parts)

    return handler


def answering_once(*parts: Part) -> Handler:
    """Return a handler that answers one request with `parts` and closes the connection."""

    async def handler(stream: trio.abc.Stream) -> None:
        await request_on(stream)
        await _play(stream, parts)

    return handler


async def _play(stream: trio.abc.Stream, parts: Sequence[Part]) -> None:
    for part in parts:
        if isinstance(part, bytes):
            await stream.send_all(part)
        else:
            await trio.sleep(part)
