"""grpcio, the blocking one; every call in a thread of its own."""

import asyncio
import queue
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import grpc

from tests.support.interop.cases import Answer, Failed, Metadata
from tests.support.interop.messages import KINDS
from tests.support.interop.where import Where

R = TypeVar("R")
UNFIT: Mapping[str, str] = {}


async def connected(where: Where) -> "Caller":  # noqa: ASYNC124 - as others connect
    if where.security == "plain":
        return Caller(grpc.insecure_channel(where.address))
    return Caller(grpc.secure_channel(where.address, credentials(where)))


def credentials(where: Where) -> grpc.ChannelCredentials:
    """Return what grpcio needs for the address."""
    if where.security == "tls":
        return grpc.ssl_channel_credentials(where.ca.read_bytes())
    return grpc.ssl_channel_credentials(
        where.ca.read_bytes(), where.key.read_bytes(), where.certificate.read_bytes()
    )


def coders(path: str) -> dict[str, Any]:
    """Return how the messages of the method at `path` are written and read."""
    request, answer = KINDS[path.rpartition("/")[2]]
    return {
        "request_serializer": request.SerializeToString,
        "response_deserializer": answer.FromString,
    }


async def blocking(work: Callable[[], R]) -> R:
    try:
        return await asyncio.to_thread(work)
    except grpc.RpcError as error:
        told: Any = error
        raise Failed(told.code().value[0], told.details()) from None


@attrs.frozen
class Caller:
    channel: grpc.Channel

    async def unary(
        self, path: str, message: Any, *, metadata: Metadata = (), gzip: bool = False
    ) -> Answer:
        method = self.channel.unary_unary(path, **coders(path))

        def work() -> Answer:
            answer, call = method.with_call(
                message, metadata=metadata, compression=_compression(gzip=gzip)
            )
            return Answer(answer, tuple(call.initial_metadata()), tuple(call.trailing_metadata()))

        return await blocking(work)

    async def out(self, path: str, message: Any) -> list[Any]:
        method = self.channel.unary_stream(path, **coders(path))
        return await blocking(lambda: list(method(message)))

    async def in_(self, path: str, messages: Sequence[Any], *, gzip: bool = False) -> Any:
        method = self.channel.stream_unary(path, **coders(path))
        return await blocking(lambda: method(iter(messages), compression=_compression(gzip=gzip)))

    async def both(
        self, path: str, *, metadata: Metadata = (), timeout_s: float | None = None
    ) -> "Both":
        questions: queue.SimpleQueue[Any] = queue.SimpleQueue()
        method = self.channel.stream_stream(path, **coders(path))
        call = method(iter(questions.get, None), metadata=metadata, timeout=timeout_s)
        return Both(questions, call)

    async def cancelled_upload(self, path: str) -> int:
        questions: queue.SimpleQueue[Any] = queue.SimpleQueue()
        call = self.channel.stream_unary(path, **coders(path)).future(iter(questions.get, None))
        call.cancel()
        questions.put(None)
        code: int = call.code().value[0]
        return code

    async def close(self) -> None:
        self.channel.close()


@attrs.frozen
class Both:
    questions: "queue.SimpleQueue[Any]"
    call: Any

    async def send(self, message: Any) -> None:
        self.questions.put(message)

    async def end(self) -> None:
        self.questions.put(None)

    async def next(self) -> Any:
        try:
            return await blocking(lambda: next(self.call, None))
        except Failed:
            self.questions.put(None)
            raise

    async def cancel(self) -> None:
        self.call.cancel()

    async def metadata(self) -> tuple[Metadata, Metadata]:
        return tuple(self.call.initial_metadata()), tuple(self.call.trailing_metadata())


def _compression(*, gzip: bool) -> grpc.Compression:
    return grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
