"""An answer that is all there, given event by event."""

from collections.abc import AsyncIterator, Sequence

import anyio.lowlevel
import attrs

from domain.model.events import ChatEvent

TURN = 16
"""Events given in a row before other tasks get their turn."""


@attrs.define
class Replay(AsyncIterator[ChatEvent]):
    """The iterator of `events`."""

    _events: Sequence[ChatEvent]
    _given: int = 0

    async def __anext__(self) -> ChatEvent:
        given = self._given
        if given == len(self._events):
            raise StopAsyncIteration
        self._given = given + 1
        if self._given % TURN == 0:
            await anyio.lowlevel.checkpoint()
        return self._events[given]
