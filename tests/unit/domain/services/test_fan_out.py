"""Several answers at once."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import attrs
import pytest
import trio
from trio.testing import MockClock

from domain.model.call import ChatCall
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import ChatEvent, TextDelta
from domain.services.fan_out import Part, fan_out
from tests.support.core_model import ANSWER, FINISHED, STARTED, Step, Upstream, ask

BROKEN = ProviderFailure("broken", ErrorReason.PROVIDER_SERVER_ERROR)


@attrs.define
class Several:
    """One upstream per call, in the order they are asked."""

    upstreams: list[Upstream]
    _asked: int = 0

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        self._asked += 1
        return self.upstreams[int(call.request_id)].stream(call)

    @property
    def all_closed(self) -> bool:
        return self._asked > 0 and all(each.opened == each.closed for each in self.upstreams)


def several(*scripts: tuple[Step, ...], close_s: float = 0.0) -> Several:
    return Several([Upstream(steps, close_s=close_s) for steps in scripts])


def calls(count: int) -> list[ChatCall]:
    return [ask(request_id=str(index)) for index in range(count)]


async def drain_all(parts: AsyncIterator[Part]) -> None:
    async for _ in parts:
        pass


async def test_answers_are_interleaved_as_they_arrive(autojump_clock: MockClock) -> None:
    model = several(
        (1.0, TextDelta("a"), 2.0, TextDelta("c"), FINISHED),
        (2.0, TextDelta("b"), 2.0, TextDelta("d"), FINISHED),
    )
    async with fan_out(model, calls(2)) as parts:
        seen = [part async for part in parts]
    assert seen == [
        Part(0, TextDelta("a")),
        Part(1, TextDelta("b")),
        Part(0, TextDelta("c")),
        Part(0, FINISHED),
        Part(1, TextDelta("d")),
        Part(1, FINISHED),
    ]
    assert model.all_closed


async def test_no_calls_are_an_empty_answer() -> None:
    async with fan_out(Upstream(), []) as parts:
        assert [part async for part in parts] == []


async def test_one_failure_cancels_the_others_and_comes_out_as_itself(
    autojump_clock: MockClock,
) -> None:
    model = several(ANSWER, (STARTED, 3.0, BROKEN), (STARTED, 60.0, FINISHED), close_s=1.0)
    with pytest.raises(ProviderFailure) as caught:
        async with fan_out(model, calls(3)) as parts:
            await drain_all(parts)
    assert caught.value is BROKEN
    assert model.all_closed
    # The failed one closes before it fails, the others when they hear of it.
    assert trio.current_time() == 3.0 + 1.0 + 1.0


async def test_failures_at_the_same_time_come_out_as_a_group(autojump_clock: MockClock) -> None:
    def slow_to_close() -> Step:
        return ProviderFailure("broken", ErrorReason.PROVIDER_SERVER_ERROR)

    model = several((2.0, slow_to_close()), (2.0, slow_to_close()))
    with pytest.RaisesGroup(ProviderFailure, ProviderFailure):
        async with fan_out(model, calls(2)) as parts:
            await drain_all(parts)
    assert model.all_closed


async def test_a_failure_interrupts_a_busy_consumer(autojump_clock: MockClock) -> None:
    model = several((STARTED, 1.0, BROKEN), (60.0,))

    async def busy() -> None:
        async with fan_out(model, calls(2)) as parts:
            await anext(parts)
            await trio.sleep(1000)

    with pytest.raises(ProviderFailure) as caught:
        await busy()
    assert caught.value is BROKEN
    assert trio.current_time() == 1.0


async def test_leaving_early_closes_every_answer_before_control_returns(
    autojump_clock: MockClock,
) -> None:
    # The first waits to be read, the second for its provider, the third was read.
    model = several(ANSWER, (60.0, FINISHED), ANSWER, close_s=1.0)
    async with fan_out(model, calls(3)) as parts:
        await anext(parts)
        await trio.testing.wait_all_tasks_blocked()
    assert model.all_closed
    assert trio.current_time() == 1.0


async def test_a_bug_in_the_consumer_comes_out_as_itself(autojump_clock: MockClock) -> None:
    model = several(ANSWER, ANSWER, (60.0,), close_s=1.0)
    bug = ValueError("bug")

    async def buggy() -> None:
        async with fan_out(model, calls(3)) as parts:
            await anext(parts)
            # All who have something to say are waiting to be read.
            await trio.testing.wait_all_tasks_blocked()
            raise bug

    with pytest.raises(ValueError, match="bug") as caught:
        await buggy()
    assert caught.value is bug
    assert model.all_closed


async def test_cancellation_closes_every_answer(autojump_clock: MockClock) -> None:
    model = several(ANSWER, (60.0, FINISHED), close_s=1.0)
    with trio.move_on_after(5) as scope:
        async with fan_out(model, calls(2)) as parts:
            await drain_all(parts)
    assert scope.cancelled_caught
    assert model.all_closed
    assert trio.current_time() == 6.0
