"""The connections to one origin: a stack of idle ones, and a bound on all.

Laws: who waits longest is served first; the connection used last is used next, so that the others can
expire; a connection that the server has closed is not used; none is lost, whatever way a block is left.
There are never more than `Limits.connections`, because a new one is opened only where none is idle.
"""

from collections import deque
from collections.abc import Callable

import anyio
import attrs

from adapters.http.transport.connection import Connect, Connection, Origin
from adapters.http.transport.patience import Timeouts, within
from adapters.http.transport.translation import CONNECTING, WAITING


@attrs.frozen(kw_only=True)
class Limits:
    """How many connections, and how long.

    Attributes:
        connections: To one origin, busy and idle.
        idle_connections: Kept to one origin for later.
        idle_s: Longest that one is kept unused, in seconds.
    """

    connections: int = 1_000
    idle_connections: int = 256
    idle_s: float = 60.0


@attrs.define(eq=False)
class Pool:
    """Connections to one origin.

    Attributes:
        opened: Every open connection there is, of all pools; it is told of each.
        clock: The event loop's, in seconds.
    """

    _origin: Origin
    _connect: Connect
    _limits: Limits
    opened: set[Connection]
    clock: Callable[[], float] = anyio.current_time
    _idle: deque[Connection] = attrs.field(factory=deque)
    # Places that nobody waits for, and who waits for one: a semaphore, without what anyio's costs each call.
    _free: int = attrs.field(
        init=False, default=attrs.Factory(lambda self: self._limits.connections, takes_self=True)
    )
    _waiting: deque[anyio.Event] = attrs.field(factory=deque, init=False)

    def ready(self) -> Connection | None:
        """Return a connection for one exchange that is there and good, which most calls find; or None."""
        if not (self._free and self._idle):
            return None
        connection = self._idle[-1]
        if not self._is_good(connection):
            return None
        self._idle.pop()
        self._free -= 1
        return connection

    async def acquire(self, timeouts: Timeouts) -> Connection:
        """Return a connection for one exchange; `release` or `discard` gives it back.

        Raises:
            httpx.TransportError: No connection could be made, or none became free in time.
        """
        await self._wait(timeouts.pool)
        held = False
        try:
            connection = await self._fit() or await self._open(timeouts.connect)
            held = True
            return connection
        finally:
            if not held:
                self._give()

    def release(self, connection: Connection) -> None:
        """Take back a connection that is fit for another exchange."""
        connection.idle_since_s = self.clock()
        self._idle.append(connection)
        self._give()

    async def discard(self, connection: Connection) -> None:
        """Close a connection that is not; it is closed even where this raises."""
        self.opened.discard(connection)
        self._give()
        await connection.abort()

    async def trim(self) -> None:
        """Close idle connections that are too many or too old, as of the last `release`."""
        idle, limit = self._idle, self._limits
        while idle and (
            len(idle) > limit.idle_connections
            or idle[0].idle_since_s < idle[-1].idle_since_s - limit.idle_s
        ):
            await self._drop(idle.popleft())

    async def _wait(self, limit_s: float | None) -> None:
        if self._free:
            self._free -= 1
            return
        turn, taken = anyio.Event(), False
        self._waiting.append(turn)
        try:
            with WAITING, within(limit_s):
                await turn.wait()
            taken = True
        finally:
            if not taken and turn.is_set():
                self._give()
            elif not taken:
                self._waiting.remove(turn)

    def _give(self) -> None:
        """Give a place to who waits longest."""
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1

    async def _fit(self) -> Connection | None:
        """Return an idle connection that is still good; None: there is none."""
        while self._idle:
            connection = self._idle.pop()
            if self._is_good(connection):
                return connection
            await self._drop(connection)
        return None

    def _is_good(self, connection: Connection) -> bool:
        age_s = self.clock() - connection.idle_since_s
        return age_s <= self._limits.idle_s and not connection.is_stale()

    async def _drop(self, connection: Connection) -> None:
        self.opened.discard(connection)
        await connection.abort()

    async def _open(self, limit_s: float | None) -> Connection:
        with CONNECTING, within(limit_s):
            connection = Connection(await self._connect(self._origin))
        self.opened.add(connection)
        return connection
