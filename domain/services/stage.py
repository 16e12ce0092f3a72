"""The room in which shared answers are played.

Whoever opens it owns the tasks in it: what is still played when the block is left is cancelled. A task that
has played an answer waits for the next one, because to start one costs as much as all the rest of sharing.
Tasks have the context (`contextvars`) of whoever opened the stage: an answer for several is in no caller's.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from functools import partial
from typing import Any

import anyio
import attrs

from domain.groups import only_error_as_itself
from domain.model.call import ChatCall
from domain.services.broadcast import Broadcast

IDLE = 64
"""Tasks that wait for the next answer, at most."""


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
    _context: Context = attrs.field(factory=copy_context)
    _playing: dict[int, Broadcast] = attrs.field(factory=dict)
    _idle: list["_Turn"] = attrs.field(factory=list)

    def play(self, answer: Broadcast) -> None:
        """Begin to play `answer`, whose first listener is about to come."""
        # A call has one ledger, and what is derived from it has the same.
        self._playing[id(answer.call.ledger)] = answer
        if self._idle:
            self._idle.pop().call(answer)
        else:
            self._context.run(self.spawn, partial(self._perform, _Turn(answer)))

    async def _perform(self, turn: "_Turn") -> None:
        while turn.answer is not None:
            await self._play(turn.answer)
            # A new one, so that nothing is kept of what was played.
            turn = _Turn()
            if len(self._idle) < IDLE:
                self._idle.append(turn)
                await self._given(turn)

    async def _play(self, answer: Broadcast) -> None:
        try:
            await answer.play()
        finally:
            del self._playing[id(answer.call.ledger)]
        if answer.unheard is not None:
            self.tell(answer.unheard)

    async def _given(self, turn: "_Turn") -> None:
        try:
            await turn.given.wait()
        finally:
            if turn.answer is None:
                # It is cancelled, and plays nothing any more.
                self._idle.remove(turn)

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


@attrs.define(eq=False)
class _Turn:
    """What a task plays next, once it is given."""

    answer: Broadcast | None = None
    given: anyio.Event = attrs.field(factory=anyio.Event)

    def call(self, answer: Broadcast) -> None:
        """Give it to the task that waits for it."""
        self.answer = answer
        self.given.set()


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
