"""The connection that the next call uses: one is enough, and one that is over is replaced.

Each connection lives in a task of its own inside `keep`, which runs as long as the `connect` block, until it
is lost, or the server sends it away and its last call has ended. It is shielded: a scope that is cancelled
around the block ends the calls first, and the server must still hear of that.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import anyio.lowlevel
import attrs
from purerpc import StatusCode

from domain.groups import single_error_unwrapped
from entrypoints.client.connection import CLOSED, GOODBYE_S, Connection
from entrypoints.client.dial import dial
from entrypoints.client.errors import CallFailed
from entrypoints.client.keepalive import keep_alive
from entrypoints.client.limits import Limits
from entrypoints.client.target import Target
from entrypoints.client.tls import OpenTls
from entrypoints.grpc.transport.engine import EngineFactory


@attrs.define(eq=False)
class _Attempt:
    """One try at a connection; all that need one meanwhile wait for the same."""

    done: anyio.Event = attrs.field(factory=anyio.Event)
    failure: CallFailed | None = None


@attrs.define(eq=False)
class Connections:
    """Connects to `target` when there is a need to, until it is closed; `keep` does the work."""

    target: Target
    tls: OpenTls | None
    _engine: EngineFactory
    _limits: Limits
    _current: Connection | None = None
    _open: set[Connection] = attrs.field(factory=set)
    _closed: bool = False
    _attempt: _Attempt | None = None
    _wanted: anyio.Event = attrs.field(factory=anyio.Event)

    async def current(self) -> Connection:
        """Return a connection that takes calls.

        Raises:
            CallFailed: UNAVAILABLE: there is none to be had.
        """
        while True:
            if self._closed:
                raise self._unavailable()
            if self._current is not None and self._current.usable:
                return self._current
            attempt = self._attempt
            if attempt is None:
                attempt = self._attempt = _Attempt()
                self._wanted.set()
            await attempt.done.wait()
            if attempt.failure is not None:
                raise CallFailed(attempt.failure.code, attempt.failure.message) from attempt.failure

    async def keep(self) -> None:
        """Connect whenever somebody waits for that, and hold the connections; ends by being cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                await self._wanted.wait()
                self._wanted = anyio.Event()
                try:
                    self._current = await tasks.start(self._hold)
                except CallFailed as error:
                    self._settle(error)
                else:
                    self._settle(None)

    def close(self) -> None:
        """End all connections; their tasks end soon after."""
        self._closed = True
        for each in self._open:
            each.dismiss()
        self._settle(self._unavailable())

    def _settle(self, failure: CallFailed | None) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.failure = failure
            attempt.done.set()

    async def _hold(  # noqa: ASYNC114 - private, and started in one place
        self, *, task_status: anyio.abc.TaskStatus[Connection]
    ) -> None:
        stream = await dial(self.target, self.tls, self._limits.connect_s)
        with anyio.CancelScope() as scope:
            async with open_connection(
                self.target, stream, self._engine, self._limits
            ) as connection:
                await connection.greeted(self._limits.connect_s)
                if self._closed:
                    raise self._unavailable()
                task_status.started(connection)
                # The block may have been left meanwhile; nobody would ever end what is shielded then.
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


@asynccontextmanager
async def open_connection(
    target: Target, stream: anyio.abc.ByteStream, engine: EngineFactory, limits: Limits
) -> AsyncIterator[Connection]:
    """Speak HTTP/2 over `stream`; leaving the block ends every call on it and closes it."""
    connection = Connection(target, engine(True, limits.engine), stream, limits)
    connection.engine.start()
    with single_error_unwrapped():
        async with stream, anyio.create_task_group() as tasks:
            tasks.start_soon(connection.read)
            tasks.start_soon(connection.write)
            tasks.start_soon(keep_alive, connection, limits)
            try:
                yield connection
            finally:
                with anyio.move_on_after(GOODBYE_S, shield=True):
                    await connection.goodbye()
                tasks.cancel_scope.cancel()
