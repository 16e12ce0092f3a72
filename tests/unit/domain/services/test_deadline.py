"""Patience with a model, at exact times."""

from collections.abc import Sequence

import anyio
import attrs
import pytest
import trio
from trio.testing import MockClock

from domain.model.chat import Timeouts
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import ReasoningDelta, TextDelta, UsageReported
from domain.policy.patience import Patience
from domain.services.deadline import Timed
from tests.support.core_model import (
    ANSWER,
    FINISHED,
    STARTED,
    USAGE,
    Step,
    Upstream,
    ask,
    drain,
    question,
)

PATIENCE = Patience(first_token_s=10.0, idle_s=4.0)


async def failure_of(upstream: Upstream, timeouts: Timeouts | None = None) -> ProviderFailure:
    """Return how a timed `upstream` failed; it must be closed by then."""
    call = ask(attrs.evolve(question(), timeouts=timeouts or Timeouts()))
    with pytest.raises(ProviderFailure) as caught:
        async with Timed(upstream, PATIENCE).stream(call) as events:
            await drain(events)
    assert upstream.closed == upstream.opened == 1
    return caught.value


async def served(steps: Sequence[Step], entry: Sequence[Step] = ()) -> None:
    async with Timed(Upstream(steps, entry), PATIENCE).stream(ask()) as events:
        assert (await drain(events))[-1] == FINISHED


async def test_an_answer_in_time_passes_unchanged(autojump_clock: MockClock) -> None:
    async with Timed(Upstream(), PATIENCE).stream(ask()) as events:
        assert await drain(events) == list(ANSWER)


@pytest.mark.parametrize(
    ("steps", "entry"),
    [
        ([], [60.0]),
        ([60.0], []),
        ([STARTED, 60.0], []),
        ([6.0, STARTED, 60.0], []),
        ([3.0, STARTED, 3.0, UsageReported(USAGE), 60.0], [3.0]),
    ],
    ids=["on entry", "silent", "after the start", "shared", "shared with the entry"],
)
async def test_the_first_content_has_one_bound_from_the_start(
    steps: Sequence[Step], entry: Sequence[Step], autojump_clock: MockClock
) -> None:
    error = await failure_of(Upstream(steps, entry))
    assert error.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
    assert "10 s" in error.message
    assert error.retryable
    assert trio.current_time() == 10.0


@pytest.mark.parametrize("content", [TextDelta("a"), ReasoningDelta(text="hm")])
async def test_after_content_each_silence_has_its_own_bound(
    content: Step, autojump_clock: MockClock
) -> None:
    error = await failure_of(
        Upstream([STARTED, 9.0, content, 3.0, content, 3.0, UsageReported(USAGE), 60.0])
    )
    assert error.reason is ErrorReason.PROVIDER_TIMEOUT_IDLE
    assert "4 s" in error.message
    assert trio.current_time() == 9.0 + 3.0 + 3.0 + 4.0


async def test_just_in_time_is_in_time(autojump_clock: MockClock) -> None:
    await served([STARTED, 4.9, TextDelta("a"), 3.9, TextDelta("b"), 3.9, FINISHED], [5.0])


@pytest.mark.parametrize(
    ("timeouts", "ends_s"),
    [
        (Timeouts(first_token_s=2.0), 2.0),
        (Timeouts(first_token_s=30.0), 30.0),
        (Timeouts(idle_s=1.0), 10.0),
        (Timeouts(first_token_s=2.0, idle_s=1.0), 2.0),
    ],
)
async def test_a_calls_own_patience_for_the_first_content_wins(
    timeouts: Timeouts, ends_s: float, autojump_clock: MockClock
) -> None:
    error = await failure_of(Upstream([STARTED, 60.0]), timeouts)
    assert error.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
    assert trio.current_time() == ends_s


@pytest.mark.parametrize(
    ("timeouts", "ends_s"),
    [
        (Timeouts(idle_s=1.0), 1.0),
        (Timeouts(idle_s=30.0), 30.0),
        (Timeouts(first_token_s=1.0), 4.0),
    ],
)
async def test_a_calls_own_patience_with_silence_wins(
    timeouts: Timeouts, ends_s: float, autojump_clock: MockClock
) -> None:
    error = await failure_of(Upstream([STARTED, TextDelta("a"), 60.0]), timeouts)
    assert error.reason is ErrorReason.PROVIDER_TIMEOUT_IDLE
    assert trio.current_time() == ends_s


@pytest.mark.parametrize("slow_at", range(len(ANSWER)))
async def test_a_slow_consumer_is_not_the_providers_fault(
    slow_at: int, autojump_clock: MockClock
) -> None:
    seen = []
    async with Timed(Upstream(), PATIENCE).stream(ask()) as events:
        if slow_at == 0:
            await anyio.sleep(1000)
        async for event in events:
            seen.append(event)
            if len(seen) == slow_at:
                await anyio.sleep(1000)
    assert seen == list(ANSWER)


async def test_only_the_waiting_counts(autojump_clock: MockClock) -> None:
    async def slow() -> None:
        async with Timed(Upstream([6.0, STARTED, 60.0]), PATIENCE).stream(ask()) as events:
            assert await anext(events) == STARTED
            await anyio.sleep(100)
            await anext(events)

    with pytest.raises(ProviderFailure) as caught:
        await slow()
    assert caught.value.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
    assert trio.current_time() == 6.0 + 100.0 + 4.0


@pytest.mark.parametrize(
    ("steps", "entry"),
    [([], [60.0]), ([STARTED, 60.0], []), ([STARTED, TextDelta("a"), 60.0], [])],
    ids=["on entry", "before content", "after content"],
)
@pytest.mark.parametrize("deadline_s", [0.0, 1.0, 4.0])
async def test_cancellation_from_outside_is_never_a_timeout(
    steps: Sequence[Step], entry: Sequence[Step], deadline_s: float, autojump_clock: MockClock
) -> None:
    upstream = Upstream(steps, entry)
    with trio.CancelScope(deadline=trio.current_time() + deadline_s) as scope:
        async with Timed(upstream, PATIENCE).stream(ask()) as events:
            await drain(events)
    assert scope.cancelled_caught
    assert trio.current_time() == deadline_s
    assert upstream.closed == upstream.opened


@pytest.mark.parametrize(
    ("steps", "entry"),
    [([], [TimeoutError("its own")]), ([STARTED, TimeoutError("its own")], [])],
    ids=["on entry", "in the stream"],
)
async def test_a_timeout_inside_the_provider_is_not_our_patience(
    steps: Sequence[Step], entry: Sequence[Step]
) -> None:
    with pytest.raises(TimeoutError, match="its own"):
        async with Timed(Upstream(steps, entry), PATIENCE).stream(ask()) as events:
            await drain(events)


async def test_the_bound_does_not_cut_the_consumer(autojump_clock: MockClock) -> None:
    async with Timed(Upstream([STARTED, TextDelta("a")]), PATIENCE).stream(ask()) as events:
        await drain(events)
        await anyio.sleep(1000)
    assert trio.current_time() == 1000
