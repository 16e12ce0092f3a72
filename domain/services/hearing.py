"""One listener of a shared answer: where it is, and how it is told."""

import math
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any

import anyio
import anyio.lowlevel
import attrs

from domain.model.call import Ledger
from domain.model.errors import ErrorReason, ServiceFailure
from domain.model.events import ChatEvent
from domain.services.broadcast import Broadcast

TURN = 16
"""Events heard in a row before other tasks get their turn."""
Rules = Mapping[type, Callable[[Any], ChatEvent]]
"""How events are told to one listener; those of other types as they are."""


@attrs.define(eq=False)
class Hearing(AsyncIterator[ChatEvent]):
    """The block in which one listener is there, and what it hears; a step fails by what ended the answer.

    Attributes:
        answer: What it hears.
        ledger: Of the listener's own call.
        rules: How it is told.
        position: Number of the event that comes next: one that is kept, or the next one.
    """

    answer: Broadcast
    ledger: Ledger
    rules: Rules
    position: int = 0
    _start_s: float = 0.0
    _deadline_s: float = math.inf

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        self._deadline_s = deadline_s = anyio.current_effective_deadline()
        if deadline_s != math.inf:
            self._start_s = anyio.current_time()
        self.answer.join(deadline_s)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Shielded where it waits; what it waits for is time-boxed.
        await self.answer.left(self.ledger, self._start_s, self._deadline_s)  # noqa: ASYNC102

    async def __anext__(self) -> ChatEvent:
        answer = self.answer
        kept = answer.kept
        while True:
            index = self.position - kept.first
            if index < 0:
                raise _too_slow(kept.bound)
            if index < len(kept.events):
                break
            if answer.over:
                # Its deadline may have been this listener's own.
                await anyio.lowlevel.checkpoint_if_cancelled()
                ending = answer.ending()
                raise StopAsyncIteration if ending is None else ending
            await answer.news()
        event = kept.events[index]
        self.position = position = self.position + 1
        if position > kept.furthest:
            answer.moved(position)
        if position % TURN == 0:
            await anyio.lowlevel.checkpoint()
        rule = self.rules.get(type(event))
        return event if rule is None else rule(event)


def _too_slow(bound: int) -> ServiceFailure:
    return ServiceFailure(
        "this answer is shared with calls that read faster, and more of it has passed than is kept for slower"
        f" ones ({bound} bytes): call again",
        ErrorReason.SERVICE_OVERLOADED,
    )
