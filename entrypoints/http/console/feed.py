"""What the page is told, once a second: the regions that have changed since it was last told.

Laws: what many look at is made once; while nobody looks nothing is made. Whoever does not read is given up by
the connection.
"""

import json
from collections.abc import Awaitable, Callable, Mapping

import anyio
import attrs
import trio

from entrypoints.http.console.markup import Html
from entrypoints.http.console.regions import REGIONS
from entrypoints.http.console.view import View
from entrypoints.http.shown import Shown

EVERY_S = 1.0
_SLOW = frozenset({"charts"})
_SLOW_EVERY = 5
"""The charts are the most to draw, and change the least."""
_MOST_FEEDS = 16


@attrs.define(eq=False)
class Frames:
    """Makes what is shown.

    Attributes:
        over: Set when the server goes.
        feeds: How many pages are being told.
    """

    shown: Shown
    over: trio.Event
    feeds: int = 0
    _making: anyio.Lock = attrs.field(factory=anyio.Lock)
    _made: dict[View, tuple[int, Mapping[str, Html]]] = attrs.field(factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether no further page can be told."""
        return self.feeds >= _MOST_FEEDS

    async def of(self, view: View) -> Mapping[str, Html]:
        """Return all regions, as they are within this second."""
        async with self._making:
            second = int(anyio.current_time() / EVERY_S)
            made_at, before = self._made.get(view, (-1, {}))
            if made_at == second:
                return before
            now = await self.shown.snapshot(view)
            slow_too = not before or made_at // _SLOW_EVERY != second // _SLOW_EVERY
            made = {
                name: make(now) if slow_too or name not in _SLOW else before[name]
                for name, make in REGIONS.items()
            }
            self._made[view] = second, made
        return made


@attrs.define(eq=False)
class Feed:
    """The events for one page; see https://html.spec.whatwg.org/multipage/server-sent-events.html.

    Attributes:
        allowed: Says whether whoever looks still may; asked each time.
    """

    frames: Frames
    view: View
    allowed: Callable[[], Awaitable[bool]]
    _told: dict[str, Html] = attrs.field(factory=dict)
    _begun: bool = False

    def __aiter__(self) -> "Feed":
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next event, in a second."""
        if self._begun:
            with trio.move_on_after(EVERY_S):
                await self.frames.over.wait()
        else:
            await anyio.lowlevel.checkpoint()
        if self.frames.over.is_set() or not await self.allowed():
            raise StopAsyncIteration
        now = await self.frames.of(self.view)
        changed = {name: markup for name, markup in now.items() if self._told.get(name) != markup}
        self._told.update(changed)
        retry = b"" if self._begun else b"retry: 2000\n"
        self._begun = True
        # Also where nothing has changed: it says that the server is there.
        return retry + b"event: regions\ndata: " + json.dumps(changed).encode() + b"\n\n"
