"""Whether a server goes away, for all who must know: its listeners, its connections, its health.

Whoever stops a server calls `begin`; whoever wants to know takes `begun`, waits with `wait`, or is called
back with `when_begun` before anything else happens. Every server of a process may share one.
"""

from collections.abc import Callable

import attrs
import trio


@attrs.define(eq=False)
class Draining:
    """The server's way out: running, then draining, then in a hurry.

    Attributes:
        serving: Whether connections have ever been accepted.
        served: Calls that ended by themselves since the way out began.
        cut: Calls that were cut.
    """

    serving: bool = False
    served: int = 0
    cut: int = 0
    _begun: trio.Event = attrs.field(factory=trio.Event)
    _hurried: trio.Event = attrs.field(factory=trio.Event)
    _told: list[Callable[[], None]] = attrs.field(factory=list)

    @property
    def begun(self) -> bool:
        """Whether the server goes away."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Take no new connections, let calls finish for as long as the grace lasts; once is enough."""
        if not self.begun:
            for tell in self._told:
                tell()
            self._begun.set()

    def hurry(self) -> None:
        """Cut what still runs now, without waiting for the grace."""
        self.begin()
        self._hurried.set()

    def when_begun(self, tell: Callable[[], None]) -> None:
        """Have `tell` called once, inside `begin`; at once if that has been. It must not raise."""
        if self.begun:
            tell()
        else:
            self._told.append(tell)

    async def wait(self) -> None:
        """Wait until the server goes away."""
        await self._begun.wait()

    async def wait_hurried(self) -> None:
        """Wait until it is in a hurry."""
        await self._hurried.wait()
