"""Listens, and gives every connection its own task.

One connection's failure, whatever it is, never reaches another or the listener.
"""

import socket

import attrs
import trio
from loguru import logger

from entrypoints.grpc.transport.connection import Connection, Limits
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import EngineFactory

_BACKLOG = 1024


@attrs.frozen
class Address:
    """Where a server listens: a host (name or address) and a port; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return ``HOST:PORT``, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@attrs.frozen
class Server:
    """Serves a dispatcher's methods over HTTP/2 without TLS."""

    dispatcher: Dispatcher
    engine: EngineFactory
    limits: Limits = Limits()

    async def serve(
        self, address: Address, *, task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen at `address` until cancelled; then every call is cut and waited for.

        Calls ``task_status.started`` with the bound address once it accepts connections.

        Raises:
            OSError: The address cannot be bound.
        """
        listeners = await trio.open_tcp_listeners(address.port, host=address.host, backlog=_BACKLOG)
        try:
            if address.port == 0:
                # A name may have several addresses, each with a free port of its own: one can be told.
                for each in listeners[1:]:
                    each.socket.close()
                del listeners[1:]
            host, port = listeners[0].socket.getsockname()[:2]
            async with trio.open_nursery() as nursery:
                await nursery.start(trio.serve_listeners, self._connected, listeners)
                task_status.started(Address(host, port))
        finally:
            for each in listeners:
                each.socket.close()

    async def _connected(self, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                peer = _peer(stream)
                if peer is not None:
                    engine = self.engine(False, self.limits.engine)
                    await Connection(stream, engine, peer, self.dispatcher, self.limits).run()
        except* Exception:  # noqa: BLE001 - a bug in one connection must not end the others
            logger.exception("a connection failed")


def _peer(stream: trio.SocketStream) -> str | None:
    """Return the client's address; None if it has left already."""
    try:
        # Small messages must leave at once; a writer that batches by itself needs no Nagle.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = stream.socket.getpeername()
    except OSError:
        return None
    return str(Address(name[0], name[1]))
