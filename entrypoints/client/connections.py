"""The connection that the next call uses: one is enough, and one that is over is replaced.

Each connection lives in a task of its own in the task group of the `connect` block, until it is lost, or the
server sends it away and its last call has ended. It is shielded: a scope that is cancelled around the block
ends the calls first, and the server must still hear of that.
"""

import anyio
import anyio.abc
import anyio.lowlevel
import attrs
from purerpc import StatusCode

from entrypoints.client.connection import CLOSED, Connection, Limits, open_connection
from entrypoints.client.dial import dial
from entrypoints.client.errors import CallFailed
from entrypoints.client.target import Target
from entrypoints.grpc.transport.engine import EngineFactory


@attrs.define(eq=False)
class Connections:
    """Connects to `target` when there is a need to, until it is closed."""

    target: Target
    _engine: EngineFactory
    _limits: Limits
    _tasks: anyio.abc.TaskGroup
    _current: Connection | None = None
    _open: set[Connection] = attrs.field(factory=set)
    _closed: bool = False
    _connecting: anyio.Lock = attrs.field(factory=anyio.Lock)

    async def current(self) -> Connection:
        """Return a connection that takes calls.

        Raises:
            CallFailed: UNAVAILABLE: there is none to be had.
        """
        if self._current is not None and self._current.usable:
            return self._current
        async with self._connecting:
            if self._closed:
                raise self._unavailable()
            current = self._current
            if current is None or not current.usable:
                self._current = current = await self._tasks.start(self._hold)
            return current

    def close(self) -> None:
        """End all connections; their tasks end soon after."""
        self._closed = True
        for each in self._open:
            each.dismiss()

    async def _hold(  # noqa: ASYNC114 - private, and started in one place
        self, *, task_status: anyio.abc.TaskStatus[Connection]
    ) -> None:
        stream = await dial(self.target, self._limits.connect_s)
        with anyio.CancelScope() as scope:
            async with open_connection(
                self.target, stream, self._engine, self._limits
            ) as connection:
                await connection.greeted(self._limits.connect_s)
                if self._closed:
                    raise self._unavailable()
                task_status.started(connection)
                # Who asked may have given up meanwhile; nobody would ever end what is shielded then.
                await anyio.lowlevel.checkpoint_if_cancelled()
                scope.shield = True
                self._open.add(connection)
                try:
                    await connection.disused()
                finally:
                    self._open.discard(connection)

    def _unavailable(self) -> CallFailed:
        return CallFailed(
            StatusCode.UNAVAILABLE, f"the connection to {self.target} {CLOSED}: its block was left"
        )
