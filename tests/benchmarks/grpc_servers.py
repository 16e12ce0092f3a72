"""The servers that `tests.benchmarks.grpc` compares: one process, one handler, four ways to serve it.

usage: python -m tests.benchmarks.grpc_servers KIND CORE; prints its port once it accepts calls
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.wrappers_pb2 import BytesValue

SERVICE = "bench.Bench"
MESSAGES = 500
"""How many a stream has; between any two of them the event loop takes a turn."""


async def _ours(engine: str) -> None:
    import trio  # noqa: PLC0415 - each process pays for its own library only
    from purerpc import (  # noqa: PLC0415
        Cardinality,
        RPCSignature,
        Service,
        StatusCode,
    )

    from entrypoints.addresses import Address  # noqa: PLC0415
    from entrypoints.grpc.transport.dispatch import (  # noqa: PLC0415
        CallStatus,
        Dispatcher,
        Endings,
    )
    from entrypoints.grpc.transport.engine import engine_factory  # noqa: PLC0415
    from entrypoints.grpc.transport.server import Server  # noqa: PLC0415

    def unary(message: BytesValue, request: Any) -> BytesValue:
        return message

    async def out(message: BytesValue, request: Any) -> None:
        for _ in range(MESSAGES):
            await request.send(message)
            await trio.lowlevel.checkpoint()

    internal = CallStatus(StatusCode.INTERNAL)
    service = Service(SERVICE)
    for name, handler, cardinality in (
        ("Unary", unary, Cardinality.UNARY_UNARY),
        ("Out", out, Cardinality.UNARY_STREAM),
    ):
        service.add_method(name, handler, RPCSignature(cardinality, BytesValue, BytesValue))
    endings = Endings(failed=lambda call, error: internal, deadline=lambda call: internal)
    server = Server(Dispatcher.of([service], endings), engine_factory(engine))
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.serve, Address("127.0.0.1", 0))
        print(address.port, flush=True)


def _serve_ours(engine: str) -> None:
    import trio  # noqa: PLC0415

    from entrypoints.grpc.transport.shim import make_purerpc_importable  # noqa: PLC0415

    make_purerpc_importable()
    trio.run(_ours, engine)


async def _grpc_aio() -> None:
    import grpc  # noqa: PLC0415
    import grpc.aio  # noqa: PLC0415

    async def unary(message: BytesValue, context: Any) -> BytesValue:  # noqa: ASYNC124
        return message

    async def out(  # noqa: ASYNC900 - the library's style
        message: BytesValue, context: Any
    ) -> AsyncIterator[BytesValue]:
        for _ in range(MESSAGES):
            yield message
            await asyncio.sleep(0)

    coders: dict[str, Any] = {
        "request_deserializer": BytesValue.FromString,
        "response_serializer": BytesValue.SerializeToString,
    }
    server = grpc.aio.server()
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary, **coders),
        "Out": grpc.unary_stream_rpc_method_handler(out, **coders),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


async def _grpclib() -> None:
    from grpclib.const import Cardinality, Handler  # noqa: PLC0415
    from grpclib.server import Server  # noqa: PLC0415

    async def unary(stream: Any) -> None:
        await stream.send_message(await stream.recv_message())

    async def out(stream: Any) -> None:
        message = await stream.recv_message()
        for _ in range(MESSAGES):
            await stream.send_message(message)
            await asyncio.sleep(0)

    class Bench:
        def __mapping__(self) -> dict[str, Handler]:
            kinds = BytesValue, BytesValue
            return {
                f"/{SERVICE}/Unary": Handler(unary, Cardinality.UNARY_UNARY, *kinds),
                f"/{SERVICE}/Out": Handler(out, Cardinality.UNARY_STREAM, *kinds),
            }

    server = Server([Bench()])
    await server.start("127.0.0.1", 0)
    listening: Any = server._server
    print(listening.sockets[0].getsockname()[1], flush=True)
    await server.wait_closed()


KINDS: dict[str, Callable[[], None]] = {
    "nghttp2": lambda: _serve_ours("nghttp2"),
    "h2": lambda: _serve_ours("h2"),
    "grpc.aio": lambda: asyncio.run(_grpc_aio()),
    "grpclib": lambda: asyncio.run(_grpclib()),
}


if __name__ == "__main__":
    kind, core = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    KINDS[kind]()
