"""One task for all exchanges, which ends those that are overdue.

A scope around each read and write would say the same, and costs a call some fifty functions; here a bound is
a moment that is written down, and nobody looks at it until it has come.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import anyio
import attrs


class Watched(Protocol):
    """What is ended when it is overdue."""

    @property
    def due_s(self) -> float:
        """When that is, on the event loop's clock; infinite: never."""
        ...

    async def expire(self) -> None:
        """End it: who waits for it is woken, and told by it that it is overdue."""
        ...


@attrs.define(eq=False)
class Watchdog:
    """Knows all exchanges, and when each is due; `run` is its task.

    Attributes:
        clock: The event loop's, in seconds.
        wakes_s: When it looks again, unless it is told to look sooner.
    """

    clock: Callable[[], float] = anyio.current_time
    wakes_s: float = math.inf
    _watched: set[Watched] = attrs.field(factory=set)
    _nap: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)

    def watch(self, exchange: Watched) -> None:
        """Have `exchange` ended when it is due, until `leave`."""
        self._watched.add(exchange)
        self.look_at(exchange.due_s)

    def leave(self, exchange: Watched) -> None:
        """Watch `exchange` no more."""
        self._watched.discard(exchange)

    def look_at(self, due_s: float) -> None:
        """Look no later than `due_s`: an exchange that is watched is due sooner than it was."""
        if due_s < self.wakes_s:
            self.wakes_s = self._nap.deadline = due_s

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            now_s = self.clock()
            for each in [each for each in self._watched if each.due_s <= now_s]:
                # While the ones before it were ended, it may have been served.
                if each not in self._watched or each.due_s > now_s:
                    continue
                self._watched.discard(each)
                with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await each.expire()
            # Nothing is waited for between this and the nap, so nobody is overlooked.
            self.wakes_s = min((each.due_s for each in self._watched), default=math.inf)
            with anyio.CancelScope(deadline=self.wakes_s) as self._nap:
                await anyio.sleep_forever()
