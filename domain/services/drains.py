"""The room for answers that are read on after their callers have gone.

Whoever opens it owns the tasks in it: leaving the block gives them a grace, then cancels and waits for them.
"""

import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs

from domain.groups import only_error_as_itself
from domain.policy.drain import DrainBounds


@attrs.define(eq=False)
class Drains:
    """Runs answers that may outlast their callers, and keeps their number and their time within bounds.

    Attributes:
        bounds: What is allowed.
        tell: Told of a bug that came up when nobody was there any more who could be.
        refused: Answers that were cancelled because there was no room.
    """

    spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], object]
    bounds: DrainBounds
    tell: Callable[[Exception], None]
    refused: int = 0
    _draining: set[anyio.CancelScope] = attrs.field(factory=set)
    _until_s: float = math.inf

    @property
    def draining(self) -> int:
        """How many answers are being read whose callers are gone."""
        return len(self._draining)

    def admit(self, scope: anyio.CancelScope) -> bool:
        """Let the answer in `scope` be read on, as long as the bounds allow; return whether there is room."""
        now_s = anyio.current_time()
        if len(self._draining) >= self.bounds.max_streams or self._until_s <= now_s:
            self.refused += 1
            return False
        self._draining.add(scope)
        scope.deadline = min(now_s + self.bounds.max_s, self._until_s)
        return True

    def dismiss(self, scope: anyio.CancelScope) -> None:
        """Take note that the answer in `scope` is over."""
        self._draining.discard(scope)

    def end_by(self, when_s: float) -> None:
        """Have none read on after `when_s`, on the event loop's clock."""
        self._until_s = min(self._until_s, when_s)
        for scope in self._draining:
            scope.deadline = min(scope.deadline, self._until_s)


@asynccontextmanager
async def open_drains(
    bounds: DrainBounds, grace_s: float, tell: Callable[[Exception], None]
) -> AsyncIterator[Drains]:
    """Have the room open while the block runs.

    Args:
        bounds: What is allowed.
        grace_s: How long what is still read when the block is left may go on, unless `end_by` said less.
        tell: See `Drains`.

    Resource handling:
        No answer outlives the block. Where an error or a cancellation ends it, they are cancelled at once.
    """
    with only_error_as_itself():
        async with anyio.create_task_group() as tasks:
            drains = Drains(tasks.start_soon, bounds, tell)
            yield drains
            drains.end_by(anyio.current_time() + grace_s)
