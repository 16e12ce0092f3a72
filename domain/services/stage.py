"""The room in which shared answers are played.

Whoever opens it owns the tasks in it: what is still played when the block is left is cancelled.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs

from domain.model.call import ChatCall
from domain.services.broadcast import Broadcast
from domain.services.groups import only_error_as_itself


@attrs.define(eq=False)
class Stage:
    """Where answers are played.

    Attributes:
        spawn: Starts a task of the stage's own.
        tell: Told of a bug that came up when nobody was there any more who could be.
        holds: Whether an answer may be held that nobody hears.
    """

    spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], object]
    tell: Callable[[Exception], None]
    holds: bool = True
    _playing: dict[int, Broadcast] = attrs.field(factory=dict)

    def play(self, answer: Broadcast) -> None:
        """Begin to play `answer`, whose first listener is about to come."""
        # A call has one ledger, and what is derived from it has the same.
        name = id(answer.call.ledger)
        self._playing[name] = answer

        async def played() -> None:
            try:
                await answer.play()
            finally:
                del self._playing[name]
            if answer.unheard is not None:
                self.tell(answer.unheard)

        self.spawn(played)

    def playing(self, call: ChatCall) -> Broadcast | None:
        """Return the answer that is played to `call`, if there is one already."""
        return self._playing.get(id(call.ledger))

    def release(self) -> None:
        """Hold nothing any more: nobody can come back to a service that goes away."""
        self.holds = False
        for answer in self._playing.values():
            answer.release()

    def clear(self) -> None:
        """Have the records of all that is still played say that the service goes away."""
        for answer in self._playing.values():
            answer.call.ledger.drained = True


@asynccontextmanager
async def open_stage(tell: Callable[[Exception], None]) -> AsyncIterator[Stage]:
    """Have a stage while the block runs.

    Args:
        tell: See `Stage`.

    Resource handling:
        The block owns the tasks that play answers; what is played when it is left is cancelled.
    """
    with only_error_as_itself():
        async with anyio.create_task_group() as tasks:
            stage = Stage(tasks.start_soon, tell)
            try:
                yield stage
            finally:
                stage.clear()
                tasks.cancel_scope.cancel()
