"""Hypercorn's connections behind our own listeners: it speaks HTTP, we say who comes in and when all is over.

Laws: connections are bounded, and those that come find room all the same: the one that has been there for
longest makes it, for whoever holds many must not keep out those who ask whether the server is well.

Hypercorn's `serve` knows no bound on connections, and its own listeners fail with a traceback: so only its
handling of a connection is used. It is imported here, and nobody imports this before there is something to
serve.
"""

import logging
from collections.abc import Sequence
from typing import cast

import attrs
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from loguru import logger
from starlette.types import ASGIApp

from entrypoints.grpc.transport.listeners import Listener, accept_forever
from entrypoints.http.stream import PatientStream
from entrypoints.settings.http import HttpSettings

_GOODBYE_S = 1.0
"""For answers that are on their way when the end has come."""
_HEADER_BYTES = 16 * 1024
SAFE_S = 1.0
"""A connection that is younger does not make room for another."""


@attrs.define(eq=False)
class HttpServer:
    """Serves one application.

    Attributes:
        app: Written for ASGI.
        settings: Bounds.
    """

    app: ASGIApp
    settings: HttpSettings
    _since_s: dict[trio.CancelScope, float] = attrs.field(factory=dict)
    _context: WorkerContext = attrs.field(factory=lambda: WorkerContext(None))
    _config: Config = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._config = config = Config()
        config.keep_alive_timeout = self.settings.idle_s
        config.h11_max_incomplete_size = _HEADER_BYTES
        config.include_server_header = False
        # Ours takes over what the standard library's loggers say.
        config.errorlog = logging.getLogger("hypercorn.error")

    async def serve(self, listeners: Sequence[Listener], over: trio.Event) -> None:
        """Serve at `listeners` until it is `over`; answers that are on their way then have a moment."""
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                for each in listeners:
                    accepting.start_soon(accept_forever, each, connections, self._connected)
                await over.wait()
                accepting.cancel_scope.cancel()
            # Those without a request close now.
            await self._context.terminated.set()
            connections.cancel_scope.deadline = trio.current_time() + _GOODBYE_S

    async def _connected(self, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                with trio.CancelScope() as scope:
                    if self._has_room():
                        await self._served(stream, scope)
        except* Exception:  # noqa: BLE001 - a bug in one connection must not end the others
            logger.exception("a connection of the HTTP side failed")

    def _has_room(self) -> bool:
        """Return whether one more connection may be there; the oldest may have to go for it."""
        if len(self._since_s) < self.settings.max_connections:
            return True
        oldest, since_s = next(iter(self._since_s.items()))
        if trio.current_time() - since_s < SAFE_S:
            return False
        oldest.cancel()
        del self._since_s[oldest]
        return True

    async def _served(self, stream: trio.SocketStream, scope: trio.CancelScope) -> None:
        self._since_s[scope] = trio.current_time()
        try:
            patient = PatientStream(stream, self.settings.write_stall_s)
            # It is typed for TLS alone, and takes whatever has these methods.
            app, state = ASGIWrapper(cast(ASGIFramework, self.app)), ConnectionState({})
            connection = TCPServer(app, self._config, self._context, state, patient)  # type: ignore[arg-type]
            await connection.run()
        finally:
            self._since_s.pop(scope, None)
