"""Notices a connection that died without a word, as one does behind a router that forgot it.

While calls are open and the server has been silent for a while, it is asked for a sign of life; any byte is
one.
"""

from typing import Protocol

import anyio
import attrs

from entrypoints.client.limits import Limits
from entrypoints.grpc.transport.engine import Engine

_PAYLOAD = b"alive?\0\0"


@attrs.define(eq=False)
class Heard:
    """What is known of the other end being alive.

    Attributes:
        times: How often it was heard.
    """

    times: int = 0
    _again: anyio.Event | None = None

    def note(self) -> None:
        """It was heard."""
        self.times += 1
        if self._again is not None:
            self._again.set()
            self._again = None

    async def again(self) -> None:
        """Wait until it is heard; only one task may."""
        self._again = anyio.Event()
        await self._again.wait()


class Watched(Protocol):
    """What is needed of a connection."""

    engine: Engine

    @property
    def heard(self) -> Heard:
        """Whether the server is alive."""
        ...

    @property
    def busy(self) -> bool:
        """Whether any call is open."""
        ...

    def wake(self) -> None:
        """Have the engine's output written soon."""
        ...

    def lose(self, why: str, /) -> None:
        """End the connection and every call on it."""
        ...


async def keep_alive(connection: Watched, limits: Limits) -> None:
    """Watch `connection` until cancelled; returns at once if that is not asked for."""
    if limits.keepalive_s is None:
        return
    while True:
        before = connection.heard.times
        await anyio.sleep(limits.keepalive_s)
        if before != connection.heard.times or not connection.busy:
            continue
        connection.engine.ping(_PAYLOAD)
        connection.wake()
        with anyio.move_on_after(limits.keepalive_timeout_s):
            await connection.heard.again()
            continue
        connection.lose(f"was lost: no sign of life in {limits.keepalive_timeout_s:g} s")
        return
