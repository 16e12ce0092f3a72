"""The connections of one server, and how they leave together when it is drained."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import trio

from domain.policy.guessing import network_of
from entrypoints.grpc.transport.connection import Connection
from entrypoints.grpc.transport.draining import Draining

# For the last words of connections whose calls are cut.
_LAST_WORDS_S = 0.5


@attrs.define(eq=False)
class Crowd:
    """Who is there."""

    _draining: Draining
    _grace_s: float
    _connections: set[Connection] = attrs.field(factory=set)
    _present: int = 0
    _by_network: Counter[str] = attrs.field(factory=Counter)
    _ended: int = 0
    _cutting: bool = False

    def __len__(self) -> int:
        """Return how many there are, those that still shake hands among them."""
        return self._present

    def from_network_of(self, peer: str) -> int:
        """Return how many of them come from the network of `peer`."""
        return self._by_network[network_of(peer)]

    @contextmanager
    def present(self, peer: str) -> Iterator[None]:
        """Have a connection of `peer` counted inside the block, from before its handshake on."""
        network = network_of(peer)
        self._present += 1
        self._by_network[network] += 1
        try:
            yield
        finally:
            self._present -= 1
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    @contextmanager
    def joined(self, connection: Connection) -> Iterator[None]:
        """Have `connection` belong to the crowd inside the block; one that comes late is sent away."""
        self._connections.add(connection)
        if self._cutting:
            connection.cut()
        elif self._draining.begun:
            connection.drain()
        try:
            yield
        finally:
            self._connections.discard(connection)
            self._ended += connection.ended

    async def leave(self) -> None:
        """Wait for the draining, send everybody away, and return when nobody may stay any longer.

        Who leaves earlier is not waited for here; whoever called cancels this then.
        """
        before: list[int] = []
        # Then, not a turn of the loop later, when calls have ended that were to be waited for.
        self._draining.when_begun(lambda: before.append(self._all_ended()))
        await self._draining.wait()
        cut = 0
        try:
            for each in tuple(self._connections):
                each.drain()
            with trio.move_on_after(self._grace_s):
                await self._draining.wait_hurried()
            self._cutting = True
            cut = sum([each.cut() for each in tuple(self._connections)])
            await trio.sleep(_LAST_WORDS_S)
        finally:
            self._draining.cut += cut
            self._draining.served += self._all_ended() - before[0] - cut

    def _all_ended(self) -> int:
        return self._ended + sum([each.ended for each in self._connections])
