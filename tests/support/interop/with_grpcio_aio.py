"""grpcio, the asyncio one."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import grpc
import grpc.aio

from tests.support.interop.cases import CANCELLED, Answer, Failed, Metadata
from tests.support.interop.where import Where
from tests.support.interop.with_grpcio import coders, credentials

R = TypeVar("R")
UNFIT: Mapping[str, str] = {}


async def connected(where: Where) -> "Caller":  # noqa: ASYNC124 - as others connect
    if where.security == "plain":
        return Caller(grpc.aio.insecure_channel(where.address))
    return Caller(grpc.aio.secure_channel(where.address, credentials(where)))


async def told(call: Any, work: Awaitable[R]) -> R:
    """Wait for `work`, a part of `call`."""
    try:
        return await work
    except grpc.aio.AioRpcError as error:
        raise Failed(error.code().value[0], error.details()) from None
    except asyncio.CancelledError:
        if call.cancelled():
            # The call was cancelled, not the task.
            raise Failed(CANCELLED, "") from None  # noqa: ASYNC104
        raise


@attrs.frozen
class Caller:
    channel: grpc.aio.Channel

    async def unary(
        self, path: str, message: Any, *, metadata: Metadata = (), gzip: bool = False
    ) -> Answer:
        method: Any = self.channel.unary_unary(path, **coders(path))
        call = method(message, metadata=metadata, compression=_compression(gzip=gzip))
        answer = await told(call, call)
        return Answer(
            answer, tuple(await call.initial_metadata()), tuple(await call.trailing_metadata())
        )

    async def out(self, path: str, message: Any) -> list[Any]:
        method: Any = self.channel.unary_stream(path, **coders(path))
        call = method(message)

        async def all_of_them() -> list[Any]:
            return [each async for each in call]

        return await told(call, all_of_them())

    async def in_(self, path: str, messages: Sequence[Any], *, gzip: bool = False) -> Any:
        method: Any = self.channel.stream_unary(path, **coders(path))
        call = method(iter(messages), compression=_compression(gzip=gzip))
        return await told(call, call)

    async def both(
        self, path: str, *, metadata: Metadata = (), timeout_s: float | None = None
    ) -> "Both":
        method: Any = self.channel.stream_stream(path, **coders(path))
        return Both(method(metadata=metadata, timeout=timeout_s))

    async def cancelled_upload(self, path: str) -> int:
        method: Any = self.channel.stream_unary(path, **coders(path))
        call = method()
        call.cancel()
        code: int = (await call.code()).value[0]
        return code

    async def close(self) -> None:
        await self.channel.close()


@attrs.frozen
class Both:
    call: Any

    async def send(self, message: Any) -> None:
        await told(self.call, self.call.write(message))

    async def end(self) -> None:
        await told(self.call, self.call.done_writing())

    async def next(self) -> Any:
        found = await told(self.call, self.call.read())
        if found is not grpc.aio.EOF:
            return found
        code = await self.call.code()
        if code is not grpc.StatusCode.OK:
            raise Failed(code.value[0], await self.call.details())
        return None

    async def cancel(self) -> None:
        self.call.cancel()

    async def metadata(self) -> tuple[Metadata, Metadata]:
        return tuple(await self.call.initial_metadata()), tuple(await self.call.trailing_metadata())


def _compression(*, gzip: bool) -> grpc.Compression:
    return grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
