"""A provider on a socket of this machine."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio

from tests.support.http_peer import Handler


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve `handler` on a free port of this machine; give the port."""

    async def serve(stream: trio.SocketStream) -> None:
        secured = (
            trio.SSLStream(stream, tls, server_side=True, https_compatible=True) if tls else stream
        )
        # The near side may be gone before the handler is done, or not trust it.
        async with secured:
            with suppress(trio.BrokenResourceError, ssl.SSLError):
                await handler(secured)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()
