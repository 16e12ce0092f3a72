"""Answers whose callers leave: cancelled, or read on for the account, within bounds."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import attrs
import pytest
import trio
from trio.testing import MockClock

from adapters.storage.memory_limiter import MemoryLimiter
from domain.model.call import ChatCall
from domain.model.chat import OnDisconnect
from domain.model.errors import ErrorReason, LimitExceeded, ProviderFailure, ServiceFailure
from domain.model.events import ChatEvent, TextDelta, UsageReported
from domain.model.usage import AttemptOutcome, Usage, UsageSource
from domain.policy.admission import LimitTable
from domain.policy.drain import DrainBounds
from domain.policy.limits import Limit, LimitKind
from domain.services.admission import Admission, Admitted
from domain.services.attempts import UNPRICED
from domain.services.drained import AHEAD, Drained
from domain.services.drains import Drains, open_drains
from domain.services.settle import Settled
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import (
    ANSWER,
    FINISHED,
    STARTED,
    USAGE,
    SlowLog,
    Step,
    Upstream,
    ask,
    drain,
    question,
)

HELLO = TextDelta("Hello")
BOUNDS = DrainBounds()
ONE_AT_A_TIME = Limit("provider:upstream", LimitKind.PARALLEL_CALLS, 1)
PARTIAL = Usage(input_tokens=3, output_tokens=1, source=UsageSource.PROVIDER_PARTIAL)
LONG: tuple[Step, ...] = (STARTED, HELLO, 10.0, TextDelta(" world"), 10.0, FINISHED)


@attrs.define
class World:
    """An upstream that one call may ask at a time, its log, and the room for what is read on."""

    upstream: Upstream
    drains: Drains
    log: SlowLog
    bugs: list[Exception]
    books: MemoryLimiter = attrs.field(factory=MemoryLimiter)

    @property
    def model(self) -> Drained:
        settled = Settled(self.upstream, "upstream", self.log)
        table = LimitTable(providers={"upstream": (ONE_AT_A_TIME,)})
        admission = Admission(table=table, limiter=self.books, prices=UNPRICED)
        return Drained(Admitted(settled, self.upstream, admission), self.drains, OnDisconnect.DRAIN)

    @property
    def outcomes(self) -> list[tuple[AttemptOutcome, ErrorReason | None]]:
        return [(each.attempt.outcome, each.attempt.error_reason) for each in self.log.records]

    def assert_at_rest(self) -> None:
        assert self.upstream.opened == self.upstream.closed == len(self.log.records)
        assert self.drains.draining == 0
        assert not any(plan.calls for _, plan in self.books._plans.known.values())

    async def leave_after(self, count: int, call: ChatCall | None = None) -> None:
        """Ask, be cancelled after `count` events."""
        with anyio.CancelScope() as scope:
            async with self.model.stream(call or ask()) as events:
                for _ in range(count):
                    await anext(events)
                scope.cancel()
                await anyio.sleep_forever()


@asynccontextmanager
async def world(
    *steps: Step,
    entry: tuple[Step, ...] = (),
    bounds: DrainBounds = BOUNDS,
    grace_s: float = 1_000.0,
) -> AsyncIterator[World]:
    bugs: list[Exception] = []
    async with open_drains(bounds, grace_s, bugs.append) as drains:
        it = World(Upstream(steps=steps or LONG, entry=entry), drains, SlowLog(), bugs)
        yield it
    it.assert_at_rest()


# ------------------------------------------------------------------ while the caller is there


async def test_an_answer_that_is_heard_to_its_end_is_as_ever(autojump_clock: MockClock) -> None:
    async with world(*ANSWER) as it:
        async with it.model.stream(ask()) as events:
            seen = await drain(events)
        # All is settled when the block is left.
        it.assert_at_rest()
    assert [type(each) for each in seen] == [type(each) for each in ANSWER]
    assert it.outcomes == [(AttemptOutcome.SERVED, None)]


async def test_a_call_under_cancel_gets_the_very_stream_of_the_model_inside() -> None:
    async with world(*ANSWER) as it:
        inner = it.model.inner
        calm = Drained(inner, it.drains)
        request = attrs.evolve(question(model="model"), on_disconnect=OnDisconnect.CANCEL)
        for model, call in ((calm, ask()), (it.model, ask(request))):
            async with model.stream(call) as events:
                assert "Observed" in type(events).__name__
                await drain(events)


async def test_the_call_overrules_the_provider(autojump_clock: MockClock) -> None:
    async with world() as it:
        calm = Drained(it.model.inner, it.drains)
        request = attrs.evolve(question(model="model"), on_disconnect=OnDisconnect.DRAIN)
        async with calm.stream(ask(request)) as events:
            await anext(events)
        assert it.drains.draining == 1
    assert it.outcomes == [(AttemptOutcome.DRAINED, ErrorReason.CALLER_CANCELLED)]


async def test_the_provider_that_is_named_decides_where_the_call_does_not(
    autojump_clock: MockClock,
) -> None:
    async with world() as it:
        request = attrs.evolve(question(model="model"), provider="upstream")
        model = Drained(it.model.inner, it.drains, of_providers={"upstream": OnDisconnect.DRAIN})
        async with model.stream(ask(request)) as events:
            await anext(events)
        assert it.drains.draining == 1
    async with world() as it:
        model = Drained(it.model.inner, it.drains, of_providers={"other": OnDisconnect.DRAIN})
        async with model.stream(ask(request)) as events:
            await anext(events)
        assert it.drains.draining == 0


async def test_a_failure_on_entry_is_the_callers_to_see() -> None:
    broken = ProviderFailure("refused", ErrorReason.PROVIDER_CONNECTION_FAILED)
    async with world(entry=(broken,)) as it:
        with pytest.raises(ProviderFailure) as caught:
            async with it.model.stream(ask()):
                pytest.fail("the block must not be entered")
    assert caught.value is broken
    assert it.outcomes == [(AttemptOutcome.FAILED, ErrorReason.PROVIDER_CONNECTION_FAILED)]


@pytest.mark.parametrize(
    "error", [ProviderFailure("cut", ErrorReason.PROVIDER_STREAM_TRUNCATED), ValueError("bug")]
)
async def test_an_error_in_the_stream_is_the_callers_and_nobody_elses(error: Exception) -> None:
    async with world(STARTED, HELLO, error) as it:
        with pytest.raises(type(error)) as caught:
            async with it.model.stream(ask()) as events:
                await drain(events)
        assert caught.value is error
        # The room is open to others.
        it.upstream.steps = ANSWER
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert [outcome for outcome, _ in it.outcomes] == [AttemptOutcome.FAILED, AttemptOutcome.SERVED]
    assert it.bugs == []


async def test_a_consumers_own_error_ends_the_answer_and_comes_out_as_itself(
    autojump_clock: MockClock,
) -> None:
    async with world() as it:
        bug = ValueError("mine")

        def fail() -> None:
            raise bug

        with pytest.raises(ValueError, match="mine") as caught:
            await _heard_until(it, 1, fail)
        assert caught.value is bug
        it.assert_at_rest()
    assert it.outcomes == [(AttemptOutcome.FAILED, ErrorReason.SERVICE_INTERNAL)]
    assert it.log.records[0].attempt.total_s == 0


async def test_a_consumers_group_of_one_error_stays_one(autojump_clock: MockClock) -> None:
    async def fail() -> None:
        async with world():
            raise ExceptionGroup("mine", [ValueError("one")])

    with pytest.RaisesGroup(ValueError):
        await fail()


async def test_a_slow_caller_holds_the_provider_back(autojump_clock: MockClock) -> None:
    given: list[int] = []
    steps: list[Step] = [STARTED]
    for number in range(100):
        steps += [lambda number=number: given.append(number), HELLO]  # type: ignore[misc]
    async with world(*steps, FINISHED) as it, it.model.stream(ask()) as events:
        for taken in range(1, 20):
            await anext(events)
            await anyio.sleep(60)
            assert len(given) <= taken + AHEAD
        await drain(events)
    assert it.outcomes == [(AttemptOutcome.SERVED, None)]


# ------------------------------------------------------------------ when the caller leaves


async def test_an_answer_whose_caller_left_is_read_to_its_end(autojump_clock: MockClock) -> None:
    async with world() as it:
        began_s = trio.current_time()
        await it.leave_after(2)
        assert trio.current_time() == began_s
        assert (it.drains.draining, it.log.records) == (1, [])
        # Until then it holds its limits.
        with pytest.raises(LimitExceeded):
            async with it.model.stream(_at_once()):
                pytest.fail("the block must not be entered")
        await anyio.sleep(25)
        assert it.drains.draining == 0
        (record,) = it.log.records
        assert record.attempt.outcome is AttemptOutcome.DRAINED
        assert record.attempt.error_reason is ErrorReason.CALLER_CANCELLED
        assert record.attempt.usage == USAGE
        assert record.attempt.total_s == 20.0


def _at_once() -> ChatCall:
    request = question(model="model")
    timeouts = attrs.evolve(request.timeouts, max_queue_s=0.0)
    return ask(attrs.evolve(request, timeouts=timeouts))


async def test_a_caller_may_leave_before_the_provider_has_answered_at_all(
    autojump_clock: MockClock,
) -> None:
    async with world(*ANSWER, entry=(30.0,)) as it:
        with anyio.move_on_after(5):
            async with it.model.stream(ask()):
                pytest.fail("the block must not be entered")
        assert it.drains.draining == 1
    assert it.outcomes == [(AttemptOutcome.DRAINED, ErrorReason.CALLER_DEADLINE)]
    assert it.log.records[0].attempt.usage == USAGE


async def test_a_deadline_is_a_leaving_and_told_apart(autojump_clock: MockClock) -> None:
    async with world() as it:
        with anyio.move_on_after(7):
            async with it.model.stream(ask()) as events:
                await drain(events)
        assert it.drains.draining == 1
    assert it.outcomes == [(AttemptOutcome.DRAINED, ErrorReason.CALLER_DEADLINE)]
    assert it.log.records[0].attempt.total_s == 20.0


async def test_who_closes_the_block_early_has_left(autojump_clock: MockClock) -> None:
    async with world() as it, it.model.stream(ask()) as events:
        await anext(events)
    assert it.outcomes == [(AttemptOutcome.DRAINED, ErrorReason.CALLER_CANCELLED)]


async def test_who_leaves_while_it_waits_for_a_limit_leaves_no_trace(
    autojump_clock: MockClock,
) -> None:
    async with world() as it, it.model.stream(ask()) as events:
        await anext(events)
        with anyio.move_on_after(3):
            async with it.model.stream(ask()):
                pytest.fail("the block must not be entered")
        assert it.drains.draining == 0
        await drain(events)
    assert it.outcomes == [(AttemptOutcome.SERVED, None)]


async def test_a_wait_for_a_limit_that_cannot_end_before_the_deadline_is_not_begun(
    autojump_clock: MockClock,
) -> None:
    async with world(*ANSWER) as it:
        rate = Limit("provider:upstream", LimitKind.REQUESTS_PER_MINUTE, 1)
        admission = Admission(
            table=LimitTable(providers={"upstream": (rate,)}), limiter=it.books, prices=UNPRICED
        )
        inner = Admitted(Settled(it.upstream, "upstream", it.log), it.upstream, admission)
        model = Drained(inner, it.drains, OnDisconnect.DRAIN)
        async with model.stream(ask()) as events:
            await drain(events)
        began_s = trio.current_time()
        with anyio.move_on_after(5), pytest.raises(LimitExceeded):
            async with model.stream(ask()):
                pytest.fail("the block must not be entered")
        assert trio.current_time() == began_s


async def test_what_fails_after_the_caller_left_is_a_failure(autojump_clock: MockClock) -> None:
    cut = ProviderFailure("cut", ErrorReason.PROVIDER_STREAM_TRUNCATED)
    async with world(STARTED, HELLO, 5.0, cut) as it:
        await it.leave_after(2)
    assert it.outcomes == [(AttemptOutcome.FAILED, ErrorReason.PROVIDER_STREAM_TRUNCATED)]
    assert it.bugs == []


async def test_a_bug_that_nobody_is_there_to_see_is_told(autojump_clock: MockClock) -> None:
    bug = ValueError("bug")
    async with world(STARTED, HELLO, 5.0, bug) as it:
        await it.leave_after(2)
    assert it.bugs == [bug]
    assert it.outcomes == [(AttemptOutcome.FAILED, ErrorReason.SERVICE_INTERNAL)]


async def test_a_call_that_the_service_cuts_is_not_read_on(autojump_clock: MockClock) -> None:
    async with world() as it:
        call = ask()
        with anyio.CancelScope() as scope:
            async with it.model.stream(call) as events:
                await anext(events)
                call.ledger.drained = True
                scope.cancel()
                await anyio.sleep_forever()
        it.assert_at_rest()
    assert it.outcomes == [(AttemptOutcome.DRAINED, ErrorReason.SERVICE_DRAINING)]


# ------------------------------------------------------------------ bounds


async def test_no_more_than_so_many_are_read_on(autojump_clock: MockClock) -> None:
    async with world(bounds=DrainBounds(max_streams=0)) as it:
        await it.leave_after(2)
        # The block was left only when the answer was over.
        it.assert_at_rest()
        assert it.drains.refused == 1
    assert it.outcomes == [(AttemptOutcome.CANCELLED, ErrorReason.CALLER_CANCELLED)]


async def test_reading_on_ends_in_time_with_what_is_known(autojump_clock: MockClock) -> None:
    async with world(
        STARTED, HELLO, 1.0, UsageReported(PARTIAL), 60.0, FINISHED, bounds=DrainBounds(max_s=7)
    ) as it:
        await it.leave_after(2)
    assert it.outcomes == [(AttemptOutcome.DRAINED, ErrorReason.CALLER_CANCELLED)]
    attempt = it.log.records[0].attempt
    assert (attempt.usage, attempt.total_s) == (PARTIAL, 7.0)


async def test_reading_on_ends_after_so_much_text_with_an_estimate(
    autojump_clock: MockClock,
) -> None:
    steps = [each for _ in range(50) for each in (1.0, TextDelta("four"))]
    async with world(STARTED, HELLO, *steps, FINISHED, bounds=DrainBounds(max_bytes=12)) as it:
        await it.leave_after(2)
    assert it.outcomes == [(AttemptOutcome.DRAINED, ErrorReason.CALLER_CANCELLED)]
    attempt = it.log.records[0].attempt
    assert attempt.usage.source is UsageSource.ESTIMATED
    assert attempt.total_s == 4.0


# ------------------------------------------------------------------ when the room is closed


async def test_leaving_the_room_gives_a_grace_and_no_more(autojump_clock: MockClock) -> None:
    async with world(grace_s=5) as it:
        await it.leave_after(2)
    assert it.log.records[0].attempt.total_s == 5.0
    assert it.outcomes == [(AttemptOutcome.DRAINED, ErrorReason.CALLER_CANCELLED)]


async def test_a_service_that_goes_away_reads_on_until_its_grace(
    autojump_clock: MockClock,
) -> None:
    async with world() as it:
        it.drains.end_by(trio.current_time() + 3)
        await it.leave_after(2)
        await anyio.sleep(4)
        it.assert_at_rest()
        await it.leave_after(2)
        it.assert_at_rest()
    assert [outcome for outcome, _ in it.outcomes] == [
        AttemptOutcome.DRAINED,
        AttemptOutcome.CANCELLED,
    ]


async def test_a_room_left_with_an_error_waits_for_nothing(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    seen: list[World] = []

    async def leave() -> None:
        async with world() as it:
            seen.append(it)
            await it.leave_after(2)
            raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        await leave()
    assert trio.current_time() == began_s
    seen[0].assert_at_rest()


async def test_a_room_that_is_cancelled_under_a_caller_says_so(autojump_clock: MockClock) -> None:
    room = trio.CancelScope()

    async def serve(task_status: trio.TaskStatus[World]) -> None:
        with room:
            async with world() as it:
                task_status.started(it)
                await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        it: World = await nursery.start(serve)
        with pytest.raises(ServiceFailure) as caught:
            await _heard_until(it, 1, room.cancel)
    assert caught.value.reason is ErrorReason.SERVICE_DRAINING
    it.assert_at_rest()


async def _heard_until(it: World, count: int, then: Callable[[], None]) -> None:
    async with it.model.stream(ask()) as events:
        for _ in range(count):
            await anext(events)
        then()
        await drain(events)


# ------------------------------------------------------------------ wherever it is cancelled


@pytest.mark.parametrize("policy", list(OnDisconnect))
@pytest.mark.parametrize("close_s", [0.0, 1.0])
def test_a_call_cancelled_at_any_await_leaves_one_record_and_holds_nothing(
    policy: OnDisconnect, close_s: float
) -> None:
    endings: set[AttemptOutcome] = set()

    async def scenario(cut: Cut) -> None:
        steps: tuple[Step, ...] = (
            STARTED,
            HELLO,
            1.0,
            *([TextDelta(".")] * (AHEAD + 5)),
            1.0,
            FINISHED,
        )
        async with world(*steps, entry=(1.0,)) as it:
            it.upstream.close_s = close_s
            request = attrs.evolve(question(model="model"), on_disconnect=policy)
            with cut.here():
                async with it.model.stream(ask(request)) as events:
                    async for _ in events:
                        await anyio.sleep(0.01)
        endings.update(outcome for outcome, _ in it.outcomes)
        for record in it.log.records:
            if record.attempt.outcome is AttemptOutcome.DRAINED:
                assert record.attempt.usage == USAGE

    cancel_at_every_await(scenario, at_least=10)
    left = AttemptOutcome.DRAINED if policy is OnDisconnect.DRAIN else AttemptOutcome.CANCELLED
    assert endings == {AttemptOutcome.SERVED, left}


def test_a_room_cancelled_at_any_await_leaves_nothing_behind() -> None:
    async def scenario(cut: Cut) -> None:
        seen: list[World] = []
        with cut.here():
            async with world() as it:
                seen.append(it)
                await it.leave_after(2)
                await anyio.sleep(15)
                async with it.model.stream(ask()) as events:
                    await drain(events)
        for it in seen:
            it.assert_at_rest()

    cancel_at_every_await(scenario, at_least=10)


async def test_what_goes_wrong_on_the_way_out_of_a_caller_that_failed_is_told(
    autojump_clock: MockClock,
) -> None:
    @attrs.frozen
    class Spoiled:
        inner: Upstream

        @asynccontextmanager
        async def stream(self, call: ChatCall) -> AsyncIterator[AsyncIterator[ChatEvent]]:
            async with self.inner.stream(call) as events:
                try:
                    yield events
                except ValueError:
                    raise ServiceFailure("spoiled", ErrorReason.SERVICE_INTERNAL) from None

    async def fail(model: Drained) -> None:
        async with model.stream(ask()) as events:
            await anext(events)
            raise ValueError("the caller's own")

    bugs: list[Exception] = []
    async with open_drains(BOUNDS, 1.0, bugs.append) as drains:
        with pytest.raises(ServiceFailure, match="spoiled"):
            await fail(Drained(Spoiled(Upstream(steps=LONG)), drains, OnDisconnect.DRAIN))
    # It has been told to the caller, who was there.
    assert bugs == []
