"""Listens, and gives every connection its own task.

One connection's failure, whatever it is, never reaches another or the listener.
"""

import socket

import attrs
import trio
from loguru import logger

from entrypoints.addresses import Address, AnyAddress
from entrypoints.grpc.transport.connection import Connection, Limits
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import EngineFactory
from entrypoints.grpc.transport.listeners import (
    Binding,
    accept_forever,
    open_listeners,
)


@attrs.frozen
class Server:
    """Serves a dispatcher's methods over HTTP/2 without TLS."""

    dispatcher: Dispatcher
    engine: EngineFactory
    limits: Limits = Limits()
    binding: Binding = Binding()

    async def serve(
        self,
        *addresses: AnyAddress,
        task_status: trio.TaskStatus[AnyAddress] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen at `addresses` until cancelled; then every call is cut and waited for.

        Calls ``task_status.started`` with the first one, as bound, once connections are accepted at all.

        Raises:
            CannotListen: One of the addresses cannot be had.
        """
        async with (
            open_listeners(addresses, self.binding) as listeners,
            trio.open_nursery() as connections,
        ):
            for each in listeners:
                connections.start_soon(accept_forever, each, connections, self._connected)
            task_status.started(listeners[0].address)

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
        if stream.socket.family == socket.AF_UNIX:
            return "unix:"
        # Small messages must leave at once; a writer that batches by itself needs no Nagle.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = stream.socket.getpeername()
    except OSError:
        return None
    return str(Address(name[0], name[1]))
