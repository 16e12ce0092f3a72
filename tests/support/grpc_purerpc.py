"""The server that purerpc brings, unpatched, to be compared with ours."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import purerpc
import trio

from entrypoints.addresses import Address


@asynccontextmanager
async def serving_purerpc(service: purerpc.Service) -> AsyncIterator[Address]:
    """Serve on a free port; when the block ends, the server is cancelled."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = purerpc.Server(port)
    server.add_service(service)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_async)
        with trio.fail_after(15):
            while not await _listens(port):  # noqa: ASYNC110 - it does not tell
                await trio.sleep(0.01)
        yield Address("127.0.0.1", port)
        nursery.cancel_scope.cancel()


async def _listens(port: int) -> bool:
    try:
        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
    except OSError:
        return False
    return True
