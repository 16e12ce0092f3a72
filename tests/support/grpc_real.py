"""A server on a real socket, and other people's clients in threads beside it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import attrs
import grpc
import grpc.aio
import trio
from google.protobuf.wrappers_pb2 import BytesValue

from entrypoints.addresses import Address
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import engine_factory
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.server import Server
from tests.support.grpc_service import NAME

R = TypeVar("R")
PATIENCE_S = 30.0


@asynccontextmanager
async def serving(
    dispatcher: Dispatcher, engine: str, host: str = "127.0.0.1", limits: Limits | None = None
) -> AsyncIterator[Address]:
    """Serve on a free port; when the block ends, the server is stopped."""
    server = Server(dispatcher, engine_factory(engine), limits or Limits())
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            address = await nursery.start(server.serve, Address(host, 0))
            yield address
            nursery.cancel_scope.cancel()


async def in_thread(play: Callable[[], R]) -> R:
    """Run a blocking client."""
    return await trio.to_thread.run_sync(play)


async def in_asyncio(play: Callable[[], Awaitable[R]]) -> R:
    """Run an asyncio client in a thread of its own."""

    async def main() -> R:
        return await asyncio.wait_for(play(), PATIENCE_S)

    return await trio.to_thread.run_sync(asyncio.run, main())


@attrs.frozen
class Stubs:
    """The test's service, called with grpcio; works with sync and aio channels."""

    unary: Any
    out: Any
    in_: Any
    both: Any

    @classmethod
    def on(cls, channel: Any) -> "Stubs":
        coders = {
            "request_serializer": BytesValue.SerializeToString,
            "response_deserializer": BytesValue.FromString,
        }
        return cls(
            unary=channel.unary_unary(f"/{NAME}/Unary", **coders),
            out=channel.unary_stream(f"/{NAME}/Out", **coders),
            in_=channel.stream_unary(f"/{NAME}/In", **coders),
            both=channel.stream_stream(f"/{NAME}/Both", **coders),
        )


def sync_channel(address: Address, **options: int) -> grpc.Channel:
    """Open a blocking channel; options are grpcio's, without their ``grpc.``."""
    return grpc.insecure_channel(str(address), options=_options(options))


def aio_channel(address: Address, **options: int) -> grpc.aio.Channel:
    """Open an asyncio channel."""
    return grpc.aio.insecure_channel(str(address), options=_options(options))


def _options(options: dict[str, int]) -> list[tuple[str, int]]:
    # Channels of one process share connections unless told otherwise.
    return [("grpc.use_local_subchannel_pool", 1), *((f"grpc.{k}", v) for k, v in options.items())]
