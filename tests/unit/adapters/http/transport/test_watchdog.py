"""What is overdue is ended when it is due, and nothing else."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from adapters.http.transport.watchdog import Watchdog


@attrs.define(eq=False)
class Exchange:
    """Notes when it was ended."""

    due_s: float = math.inf
    ended_s: float | None = None
    error: Exception | None = None

    async def expire(self) -> None:
        self.ended_s = anyio.current_time()
        await anyio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def watching() -> AsyncIterator[Watchdog]:
    watchdog = Watchdog()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.run)
        yield watchdog
        nursery.cancel_scope.cancel()


async def test_each_is_ended_when_it_is_due_once(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    late, soon, never = Exchange(began_s + 9), Exchange(began_s + 2), Exchange()
    async with watching() as watchdog:
        for each in (late, soon, never):
            watchdog.watch(each)
        await trio.sleep(20)
    assert soon.ended_s == began_s + 2
    assert late.ended_s == began_s + 9
    assert never.ended_s is None


async def test_who_is_given_more_time_has_it(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    exchange = Exchange(began_s + 2)
    async with watching() as watchdog:
        watchdog.watch(exchange)
        await trio.sleep(1)
        exchange.due_s = began_s + 5
        await trio.sleep(9)
    assert exchange.ended_s == began_s + 5


async def test_who_is_given_less_time_is_looked_at_in_time(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    exchange = Exchange(began_s + 60)
    async with watching() as watchdog:
        watchdog.watch(exchange)
        await trio.sleep(1)
        exchange.due_s = began_s + 3
        watchdog.look_at(exchange.due_s)
        await trio.sleep(9)
    assert exchange.ended_s == began_s + 3


async def test_who_has_left_is_let_alone(autojump_clock: MockClock) -> None:
    exchange = Exchange(trio.current_time() + 1)
    async with watching() as watchdog:
        watchdog.watch(exchange)
        watchdog.leave(exchange)
        await trio.sleep(2)
    assert exchange.ended_s is None


@pytest.mark.parametrize("error", [OSError("gone"), anyio.ClosedResourceError()])
async def test_a_socket_that_cannot_be_closed_holds_up_nobody(
    error: Exception, autojump_clock: MockClock
) -> None:
    began_s = trio.current_time()
    bad, good = Exchange(began_s + 1, error=error), Exchange(began_s + 2)
    async with watching() as watchdog:
        watchdog.watch(bad)
        watchdog.watch(good)
        await trio.sleep(3)
    assert good.ended_s == began_s + 2


STEP = st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 9))


@given(st.lists(STEP, max_size=30))
def test_whatever_comes_and_goes_each_is_ended_when_it_is_due(
    steps: list[tuple[int, int, int]],
) -> None:
    """An exchange comes, has its due moment moved, or leaves; what is due is ended then and there."""

    async def play() -> None:
        exchanges = [Exchange() for _ in range(4)]
        present: set[int] = set()
        async with watching() as watchdog:
            for pause, number, length in steps:
                await trio.sleep(pause)
                exchange, due_s = exchanges[number], trio.current_time() + length
                if exchange.ended_s is not None:
                    assert exchange.ended_s == exchange.due_s
                    exchanges[number] = exchange = Exchange()
                    present.discard(number)
                if length == 0:
                    watchdog.leave(exchange)
                    present.discard(number)
                elif number in present:
                    exchange.due_s = due_s
                    watchdog.look_at(due_s)
                else:
                    exchange.due_s = due_s
                    watchdog.watch(exchange)
                    present.add(number)
            await trio.sleep(20)
        assert all(exchanges[number].ended_s == exchanges[number].due_s for number in present)
        gone = [each for number, each in enumerate(exchanges) if number not in present]
        assert all(each.ended_s is None or each.ended_s == each.due_s for each in gone)

    trio.run(play, clock=MockClock(autojump_threshold=0))
