"""One call of the caller's, in as many tries as it takes: usually one.

Laws: once a message was given out, nothing is tried again. Each try has a connection that takes calls, the
time that is left, and a token of its own.
"""

import random
from collections.abc import Awaitable, Callable

import anyio
import attrs

from entrypoints.client.call import ClientCall
from entrypoints.client.connection import Connection
from entrypoints.client.connections import Connections
from entrypoints.client.errors import CallFailed, deadline_passed
from entrypoints.client.retry import Tried, again
from entrypoints.grpc.transport.engine import Headers
from entrypoints.grpc.transport.headers import Metadata

_chance = random.Random()  # noqa: S311 - spreads retries, protects nothing


@attrs.define(eq=False)
class Asked:
    """A call that was sent; whoever has it must `close` it.

    Attributes:
        deadline: On the event loop's clock, in seconds; infinite if there is none.
    """

    deadline: float
    _connections: Connections
    _headers: Callable[[], Awaitable[Headers]]
    _message: bytes
    _retries: int
    _tried: Tried = Tried()
    _delivered: bool = False
    _now: tuple[Connection, ClientCall] | None = None

    @property
    def initial_metadata(self) -> Metadata:
        """What the server sent before the first message; empty until that came."""
        return self._now[1].initial_metadata if self._now is not None else ()

    @property
    def trailing_metadata(self) -> Metadata:
        """What the server sent with the status; empty until that came."""
        return self._now[1].trailing_metadata if self._now is not None else ()

    async def begin(self) -> None:
        """Send the call.

        Raises:
            CallFailed: It could not be sent.
        """
        try:
            await self._send()
        except CallFailed as failure:
            await self._send_again(failure)

    async def message(self) -> bytes | None:
        """Return the server's next message; None once the call has ended with OK.

        Raises:
            CallFailed: It ended in another way.
        """
        assert self._now is not None, "it has begun"
        while True:
            try:
                message = await self._now[1].message()
            except CallFailed as failure:
                if self._delivered:
                    raise
                await self._send_again(failure)
            else:
                self._delivered = True
                return message

    async def close(self) -> None:
        """Give back all that the call holds; if it is unfinished, the server knows when this returns."""
        if self._now is not None:
            connection, call = self._now
            await connection.close(call)

    async def _send_again(self, failure: CallFailed) -> None:
        while True:
            next_try = again(
                failure,
                self._tried,
                retries=self._retries,
                left_s=self._end() - anyio.current_time(),
                chance=_chance.random(),
            )
            if next_try is None:
                raise failure
            self._tried = next_try.tried
            await self.close()
            await anyio.sleep(next_try.pause_s)
            try:
                await self._send()
                return
            except CallFailed as another:
                failure = another

    async def _send(self) -> None:
        with anyio.CancelScope(deadline=self.deadline):
            headers = await self._headers()
            connection = await self._connections.current()
            self._now = (
                connection,
                await connection.open(headers, self._message, self.deadline),
            )
            return
        raise deadline_passed()

    def _end(self) -> float:
        return min(self.deadline, anyio.current_effective_deadline())
