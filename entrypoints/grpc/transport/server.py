"""Listens, and gives every connection its own task.

One connection's failure, whatever it is, never reaches another or the listener.
"""

import math
import socket
from datetime import UTC, datetime
from functools import partial

import attrs
import trio
from loguru import logger

from entrypoints.addresses import Address, AnyAddress
from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.client_certificate import (
    ClientCertificate,
    client_certificate,
)
from entrypoints.grpc.transport.connection import Connection
from entrypoints.grpc.transport.crowd import Crowd
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.engine import EngineFactory
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.listeners import (
    Binding,
    accept_forever,
    close_listening,
    open_listeners,
)
from entrypoints.grpc.transport.plain_stream import PlainStream
from entrypoints.grpc.transport.tls import PROTOCOL, Tls
from entrypoints.grpc.transport.tls_stream import HandshakeFailed, tls_stream

_UNIX = "unix:"


@attrs.frozen
class Server:
    """Serves a dispatcher's methods over HTTP/2.

    Attributes:
        max_connections: At once, over all addresses; those above are closed as soon as they are made.
        max_connections_per_peer: The same from one network address, or one IPv6 network (/64).
        budget: Bytes held for all clients together.
        draining: Begun, no new connections are taken, and calls may finish.
        drain_grace_s: For that long; then they are cut.
        tls: Spoken at every address but those of the file system; ``None``: nowhere.
    """

    dispatcher: Dispatcher
    engine: EngineFactory
    limits: Limits = Limits()
    binding: Binding = Binding()
    max_connections: int = 1000
    max_connections_per_peer: float = math.inf
    budget: Budget = attrs.field(factory=Budget)
    draining: Draining = attrs.field(factory=Draining)
    drain_grace_s: float = 30.0
    tls: Tls | None = None
    _crowd: Crowd = attrs.field(
        init=False,
        default=attrs.Factory(lambda it: Crowd(it.draining, it.drain_grace_s), takes_self=True),
    )

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._crowd)

    async def serve(
        self,
        *addresses: AnyAddress,
        task_status: trio.TaskStatus[AnyAddress] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen at `addresses` until drained; cancelled, every call is lost and waited for.

        Calls ``task_status.started`` with the first one, as bound, once connections are accepted at all.

        Raises:
            CannotListen: One of the addresses cannot be had.
        """
        crowd = self._crowd
        serve = partial(self._connected, crowd)
        async with (
            open_listeners(addresses, self.binding) as listeners,
            trio.open_nursery() as outer,
        ):
            outer.start_soon(_leave, crowd, outer.cancel_scope)
            if self.tls is not None:
                self.tls.tell(datetime.now(UTC))
                outer.start_soon(self.tls.watch)
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as accepting:
                    for each in listeners:
                        accepting.start_soon(accept_forever, each, connections, serve)
                    self.draining.serving = True
                    task_status.started(listeners[0].address)
                    await self.draining.wait()
                    accepting.cancel_scope.cancel()
                for each in listeners:
                    close_listening(each, connections, serve)
            outer.cancel_scope.cancel()

    async def _connected(self, crowd: Crowd, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                peer = _peer(stream)
                if peer is not None and self._has_room(crowd, peer):
                    with crowd.present(peer):
                        await self._greeted(crowd, stream, peer)
        except* Exception:  # noqa: BLE001 - a bug in one connection must not end the others
            logger.exception("a connection failed")

    def _has_room(self, crowd: Crowd, peer: str) -> bool:
        # All who come over the file system are alike.
        mine = 0 if peer == _UNIX else crowd.from_network_of(peer)
        return len(crowd) < self.max_connections and mine < self.max_connections_per_peer

    async def _greeted(self, crowd: Crowd, stream: trio.SocketStream, peer: str) -> None:
        tls = None if stream.socket.family == socket.AF_UNIX else self.tls
        plain = PlainStream(stream)
        if tls is None:
            await self._serve(crowd, plain, peer, None)
            return
        try:
            secured = await tls_stream(plain, tls.context, PROTOCOL, self.limits.times.handshake_s)
        except HandshakeFailed as error:
            logger.bind(peer=peer).debug("no TLS connection: {}", error)
            return
        shown = secured.peer_certificate
        await self._serve(crowd, secured, peer, client_certificate(shown) if shown else None)

    async def _serve(
        self, crowd: Crowd, stream: trio.abc.Stream, peer: str, client: ClientCertificate | None
    ) -> None:
        connection = Connection(
            stream,
            self.engine(False, self.limits.engine),
            peer,
            self.dispatcher,
            self.limits,
            self.budget,
            client,
        )
        with crowd.joined(connection):
            await connection.run()


async def _leave(crowd: Crowd, scope: trio.CancelScope) -> None:
    await crowd.leave()
    scope.cancel()


def _peer(stream: trio.SocketStream) -> str | None:
    """Return the client's address; None if it has left already."""
    try:
        if stream.socket.family == socket.AF_UNIX:
            return _UNIX
        # Small messages must leave at once; a writer that batches by itself needs no Nagle.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = stream.socket.getpeername()
    except OSError:
        return None
    return str(Address(name[0], name[1]))
