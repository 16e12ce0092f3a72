"""Cancels a scenario at every await, one run after the other.

A scenario is an async function that sets up its surroundings, does the thing under test within
``with cut.here():`` and asserts afterwards. It is run again and again, each time cancelled one step later,
until it gets to its end undisturbed; and in two ways, because they end differently:

- ASLEEP: cancelled as a task of the scenario goes to sleep, so that this very wait is broken off;
- AWAKE: cancelled as it has been woken already, so that the wait succeeds and the next checkpoint raises.

Steps of all tasks below the one that entered `here` count. Each run has an event loop and a mock clock of its
own.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import Enum

import attrs
import trio
import trio.abc
import trio.lowlevel
import trio.testing

MOST_STEPS = 2_000
"""A scenario that takes more steps than this will not end."""


class When(Enum):
    """How a task is met by its cancellation."""

    ASLEEP = "asleep"
    AWAKE = "awake"


@attrs.define(eq=False)
class Cut(trio.abc.Instrument):
    """One cancellation, at one place.

    Attributes:
        step: At which step to cancel, from 0: before the first.
        done: Whether it was cancelled there; if not, the scenario was over before.
    """

    step: int
    when: When
    done: bool = False
    _seen: int = 0
    _scope: trio.CancelScope | None = None
    _task: trio.lowlevel.Task | None = None

    @contextmanager
    def here(self) -> Iterator[trio.CancelScope]:
        """Cancel what happens within."""
        with trio.CancelScope() as scope:
            self._scope, self._task = scope, trio.lowlevel.current_task()
            if self.step == 0:
                self._cut()
            try:
                yield scope
            finally:
                self._scope = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count a task that was woken."""
        if self.when is When.AWAKE:
            self._count(task)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count a task that went to sleep."""
        if self.when is When.ASLEEP:
            self._count(task)

    def _count(self, task: trio.lowlevel.Task) -> None:
        if self._scope is None or not self._inside(task):
            return
        self._seen += 1
        if self._seen == self.step:
            self._cut()

    def _inside(self, task: trio.lowlevel.Task | None) -> bool:
        while task is not None and task is not self._task:
            nursery = task.parent_nursery
            task = nursery.parent_task if nursery is not None else None
        return task is not None

    def _cut(self) -> None:
        if self._scope is not None:
            self.done = True
            self._scope.cancel()


Scenario = Callable[[Cut], Awaitable[None]]


def _mock_clock() -> trio.abc.Clock:
    return trio.testing.MockClock(autojump_threshold=0)


def cancel_at_every_await(
    scenario: Scenario,
    *,
    at_least: int,
    clock: Callable[[], trio.abc.Clock | None] = _mock_clock,
) -> None:
    """Run `scenario` cancelled at each of its steps, and once undisturbed.

    Args:
        scenario: Asserts by itself what must hold; is told by `Cut.done` whether it was cut.
        at_least: How many steps it surely has, so that a scenario that does nothing is found out.
        clock: Of each run; one that gives None is for scenarios that speak with a real server, whose answers
            no jump of a clock brings.
    """
    for when in When:
        steps = 0
        while _cut_at(scenario, steps, when, clock()):
            steps += 1
            assert steps < MOST_STEPS, "the scenario does not end"
        assert steps >= at_least, f"only {steps} steps were seen {when.value}"


def _cut_at(scenario: Scenario, step: int, when: When, clock: trio.abc.Clock | None) -> bool:
    cut = Cut(step, when)
    try:
        trio.run(scenario, cut, clock=clock, instruments=[cut])
    except Exception as error:
        error.add_note(f"cancelled at step {step}, {when.value}")
        raise
    return cut.done
