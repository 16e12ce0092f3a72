"""grpclib, which shares no code with grpcio: pure Python on asyncio and h2."""

import ssl
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import attrs
from grpclib.client import (
    Channel,
    StreamStreamMethod,
    StreamUnaryMethod,
    UnaryStreamMethod,
    UnaryUnaryMethod,
)
from grpclib.exceptions import GRPCError

from tests.support.interop.cases import CANCELLED, DEADLINE_EXCEEDED, Answer, Failed, Metadata
from tests.support.interop.messages import KINDS
from tests.support.interop.where import Where

_NO_GZIP = "grpclib does not compress"
UNFIT: Mapping[str, str] = {
    "client_compressed_unary": _NO_GZIP,
    "client_compressed_streaming": _NO_GZIP,
}


async def connected(where: Where) -> "Caller":  # noqa: ASYNC124 - as others connect
    host, port = where.address.rsplit(":", 1)
    return Caller(Channel(host, int(port), ssl=context(where)))


def context(where: Where) -> ssl.SSLContext | None:
    """Return what Python's own TLS needs for the address."""
    if where.security == "plain":
        return None
    made = ssl.create_default_context(cafile=str(where.ca))
    made.set_alpn_protocols(["h2"])
    if where.security == "mtls":
        made.load_cert_chain(where.certificate, where.key)
    return made


def _pairs(metadata: Any) -> Metadata:
    return tuple(metadata.items()) if metadata is not None else ()


@attrs.frozen
class Caller:
    channel: Channel

    async def unary(
        self, path: str, message: Any, *, metadata: Metadata = (), gzip: bool = False
    ) -> Answer:
        method = UnaryUnaryMethod(self.channel, path, *KINDS[path.rpartition("/")[2]])
        try:
            async with method.open(metadata=list(metadata)) as stream:
                await stream.send_message(message, end=True)
                answer = await stream.recv_message()
                await stream.recv_trailing_metadata()
                return Answer(
                    answer, _pairs(stream.initial_metadata), _pairs(stream.trailing_metadata)
                )
        except GRPCError as error:
            raise Failed(error.status.value, error.message) from None

    async def out(self, path: str, message: Any) -> list[Any]:
        method = UnaryStreamMethod(self.channel, path, *KINDS[path.rpartition("/")[2]])
        found: list[Any] = await method(message)
        return found

    async def in_(self, path: str, messages: Sequence[Any], *, gzip: bool = False) -> Any:
        method = StreamUnaryMethod(self.channel, path, *KINDS[path.rpartition("/")[2]])
        return await method(messages)

    async def both(
        self, path: str, *, metadata: Metadata = (), timeout_s: float | None = None
    ) -> "Both":
        method = StreamStreamMethod(self.channel, path, *KINDS[path.rpartition("/")[2]])
        stack = AsyncExitStack()
        stream = await stack.enter_async_context(
            method.open(metadata=list(metadata), timeout=timeout_s)
        )
        await stream.send_request()
        return Both(stack, stream)

    async def cancelled_upload(self, path: str) -> int:
        call = await self.both(path)
        await call.cancel()
        try:
            await call.next()
        except Failed as failed:
            return failed.code
        return 0

    async def close(self) -> None:
        self.channel.close()


@attrs.define
class Both:
    stack: AsyncExitStack
    stream: Any
    cancelled: bool = False

    async def send(self, message: Any) -> None:
        await self.stream.send_message(message)

    async def end(self) -> None:
        await self.stream.end()

    async def next(self) -> Any:
        if self.cancelled:
            # The library leaves it to its users to know what they did.
            raise Failed(CANCELLED, "")
        try:
            async with self.stack:
                found = await self.stream.recv_message()
                if found is not None:
                    self.stack = self.stack.pop_all()
                else:
                    await self.stream.recv_trailing_metadata()
                return found
        except GRPCError as error:
            raise Failed(error.status.value, error.message) from None
        except TimeoutError:
            raise Failed(DEADLINE_EXCEEDED, "") from None

    async def cancel(self) -> None:
        self.cancelled = True
        await self.stream.cancel()
        await self.stack.aclose()

    async def metadata(self) -> tuple[Metadata, Metadata]:
        return _pairs(self.stream.initial_metadata), _pairs(self.stream.trailing_metadata)
