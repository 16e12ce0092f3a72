"""Answers that are asked for at two routes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from operator import attrgetter

import anyio
import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from domain.model.call import ChatCall, Delivery
from domain.model.errors import (
    ChatError,
    ErrorReason,
    LimitExceeded,
    ProviderFailure,
    QuotaViolation,
    RouteBroken,
)
from domain.model.events import ChatEvent, Finished, TextDelta
from domain.model.routing import Routing
from domain.model.target import Target
from domain.model.usage import Attempt, AttemptOutcome, UsageSource
from domain.model.watch import ResortKind
from domain.policy.hedge import HedgePolicy
from domain.policy.retry import RetryPolicy
from domain.policy.retry_budget import BudgetPolicy
from domain.services.hedged import Hedged
from domain.services.retried import Retried
from domain.services.route import Routed
from domain.services.routes import Routes
from domain.services.settle import Settled
from domain.services.stacked import Stacked
from ports.chat_model import ChatModel
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import (
    ANSWER,
    FINISHED,
    STARTED,
    SlowLog,
    Step,
    Upstream,
    ask,
    drain,
    question,
)
from tests.support.watchers import CallNotes, Notes

SLOW: Sequence[Step] = (STARTED, 10.0, *ANSWER[1:])
SERVED, LOST, FAILED = AttemptOutcome.SERVED, AttemptOutcome.HEDGE_LOST, AttemptOutcome.FAILED
SKIPPED = AttemptOutcome.SKIPPED_COOLDOWN
ONCE = RetryPolicy(max_attempts=3)


def failure(reason: ErrorReason = ErrorReason.PROVIDER_REJECTED_REQUEST) -> ProviderFailure:
    return ProviderFailure("no", reason)


@attrs.define(eq=False)
class World:
    """Two providers behind a race, and what was written of them."""

    a: Upstream
    b: Upstream = attrs.field(factory=lambda: Upstream(ANSWER, name="b"))
    policy: HedgePolicy = HedgePolicy()
    retry: RetryPolicy = ONCE
    log: SlowLog = attrs.field(factory=SlowLog)
    call: ChatCall = attrs.field(factory=ask)
    refused: ChatError | None = None
    model: Routed = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.a.name = "a"
        providers = {
            each.name: Stacked(each, Settled(each, each.name, self.log))
            for each in (self.a, self.b)
        }
        if self.refused is not None:
            providers["b"] = Stacked(self.b, Door(providers["b"].top, self.refused))
        hedged = Hedged(Routes(providers), self.policy, self.retry.max_attempts)
        loop = Retried(hedged, self.retry, chance=lambda: 0.5)
        self.model = Routed(providers, loop)

    def asked(
        self,
        after_s: float | None = 1.0,
        delivery: Delivery = Delivery.STREAMED,
        fallbacks: tuple[str, ...] = ("b",),
        most: int | None = None,
    ) -> ChatCall:
        routing = Routing(
            fallbacks=tuple(Target(each, "m") for each in fallbacks),
            hedge_after_s=after_s,
            max_attempts=most,
        )
        request = attrs.evolve(question(model="m"), provider="a", routing=routing)
        self.call = attrs.evolve(ask(request), delivery=delivery)
        return self.call

    async def hear(self, call: ChatCall | None = None) -> list[ChatEvent]:
        async with self.model.stream(self.asked() if call is None else call) as events:
            return await drain(events)

    @property
    def attempts(self) -> list[tuple[str, AttemptOutcome]]:
        found = self.call.ledger.attempts
        assert [each.index for each in found] == list(range(len(found)))
        written = [each for each in found if each.outcome is not SKIPPED]
        # Who has won is entered when it has finished, and written down when it has ended.
        records = sorted((each.attempt for each in self.log.records), key=attrgetter("index"))
        assert written == records
        assert self.a.opened + self.b.opened == self.a.closed + self.b.closed == len(written)
        return [(each.provider, each.outcome) for each in found]


def told(events: Sequence[ChatEvent]) -> tuple[Attempt, ...]:
    assert isinstance(events[-1], Finished)
    return events[-1].attempts


async def test_an_answer_that_begins_in_time_is_asked_for_once(autojump_clock: MockClock) -> None:
    it = World(Upstream((STARTED, 0.9, *ANSWER[1:], 5.0)))
    assert [type(each) for each in await it.hear()] == [type(each) for each in ANSWER]
    assert it.attempts == [("a", SERVED)]
    assert it.b.opened == 0


@pytest.mark.parametrize("delivery", Delivery)
async def test_the_first_content_wins_and_the_other_is_gone_at_once(
    autojump_clock: MockClock, delivery: Delivery
) -> None:
    it = World(Upstream(SLOW))
    start = trio.current_time()
    heard = await it.hear(it.asked(delivery=delivery))
    assert trio.current_time() - start == pytest.approx(1.0)
    # A whole answer has been served before the other is gone.
    assert sorted(it.attempts) == [("a", LOST), ("b", SERVED)]
    assert told(heard) == tuple(it.call.ledger.attempts)
    # It may have been at work for us, and may ask to be paid.
    (lost,) = (each for each in it.call.ledger.attempts if each.outcome is LOST)
    assert lost.error_reason is None
    assert lost.usage.source is UsageSource.ESTIMATED


async def test_the_first_may_win_after_all(autojump_clock: MockClock) -> None:
    it = World(Upstream((STARTED, 1.5, *ANSWER[1:])), Upstream(SLOW, name="b"))
    await it.hear()
    assert it.attempts == [("b", LOST), ("a", SERVED)]


async def test_who_wins_goes_on_by_itself_and_ends_when_its_caller_leaves(
    autojump_clock: MockClock,
) -> None:
    it = World(Upstream(SLOW))
    async with it.model.stream(it.asked()) as events:
        while not isinstance(await anext(events), TextDelta):
            pass
        assert (it.a.closed, it.b.closed) == (1, 0)
    assert it.attempts == [("a", LOST), ("b", AttemptOutcome.CANCELLED)]


async def test_two_that_answer_in_the_same_moment_are_one_answer(autojump_clock: MockClock) -> None:
    it = World(
        Upstream((STARTED, 2.0, *ANSWER[1:])), Upstream((STARTED, 1.0, *ANSWER[1:]), name="b")
    )
    heard = await it.hear()
    assert [type(each) for each in heard] == [type(each) for each in ANSWER]
    assert sorted(outcome for _, outcome in it.attempts) == [LOST, SERVED]


async def test_one_that_fails_leaves_it_to_the_other(autojump_clock: MockClock) -> None:
    it = World(Upstream((STARTED, 2.0, failure())), Upstream((STARTED, 5.0, *ANSWER[1:]), name="b"))
    await it.hear()
    assert it.attempts == [("a", FAILED), ("b", SERVED)]


async def test_one_that_fails_before_its_time_is_what_the_loop_makes_of_it(
    autojump_clock: MockClock,
) -> None:
    it = World(Upstream((0.5, failure(ErrorReason.PROVIDER_AUTH_FAILED))))
    await it.hear()
    assert it.attempts == [("a", FAILED), ("b", SERVED)]


async def test_a_race_that_nobody_wins_is_waited_out_like_any_failure(
    autojump_clock: MockClock,
) -> None:
    overloaded = failure(ErrorReason.PROVIDER_OVERLOADED)
    it = World(Upstream((2.0, overloaded)), Upstream((3.0, overloaded), name="b"))
    start = trio.current_time()
    with pytest.raises(ChatError, match="no"):
        await it.hear()
    # The third and last request waits: both routes have just failed.
    assert trio.current_time() - start > 6.0 + 0.05
    assert [outcome for _, outcome in it.attempts] == [FAILED] * 3


async def test_what_helps_nobody_is_told_of_a_race_too(autojump_clock: MockClock) -> None:
    it = World(Upstream((2.0, failure())), Upstream((3.0, failure()), name="b"))
    with pytest.raises(ChatError, match="no"):
        await it.hear()
    assert it.attempts == [("a", FAILED), ("b", FAILED)]


@attrs.frozen(eq=False)
class Door:
    """What stands before a provider, and lets nobody in who does not want to wait."""

    inner: ChatModel
    error: ChatError

    @asynccontextmanager
    async def stream(self, call: ChatCall, /) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        if call.request.timeouts.max_queue_s == 0:
            raise self.error
        async with self.inner.stream(call) as events:
            yield events


@pytest.mark.parametrize(
    "refused",
    [
        ChatError("full", ErrorReason.POLICY_RATE_LIMITED),
        LimitExceeded(ErrorReason.SERVICE_OVERLOADED, QuotaViolation("service", "full")),
        RouteBroken("b/m is left alone", ErrorReason.PROVIDER_OVERLOADED, retry_after_s=9.0),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_second_that_is_not_let_in_is_no_news(
    refused: ChatError, autojump_clock: MockClock
) -> None:
    """What becomes of the call is what the first makes of it, which can be repaired."""
    it = World(Upstream((2.0, failure(ErrorReason.PROVIDER_SERVER_ERROR))), refused=refused)
    await it.hear()
    assert it.attempts == [("a", FAILED), ("b", SERVED)]


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_requests_are_never_more_than_the_call_may_make(
    autojump_clock: MockClock, most: int
) -> None:
    it = World(Upstream((2.0, failure(ErrorReason.PROVIDER_OVERLOADED))), Upstream(SLOW, name="b"))
    with anyio.move_on_after(1_000):
        with suppress(ChatError):
            await it.hear(it.asked(most=most))
    assert len(it.attempts) <= most


async def test_a_second_is_looked_for_where_the_call_has_not_failed_already(
    autojump_clock: MockClock,
) -> None:
    it = World(Upstream((failure(ErrorReason.PROVIDER_OVERLOADED),)), Upstream(SLOW, name="b"))
    call = it.asked()
    routing = attrs.evolve(
        call.request.routing, fallbacks=(Target("b", "m"), Target("b", "another"))
    )
    it.call = attrs.evolve(call, request=attrs.evolve(call.request, routing=routing))
    await it.hear(it.call)
    assert it.attempts == [("a", FAILED), ("b", LOST), ("b", SERVED)]
    assert [each.request.model for each in it.b.calls] == ["m", "another"]


async def test_a_budget_bounds_what_is_asked_twice(autojump_clock: MockClock) -> None:
    budget = BudgetPolicy(ratio=0.0, min_per_s=0.0, burst=2.0)
    it = World(Upstream(SLOW), policy=HedgePolicy(budget=budget))
    for _ in range(4):
        await it.hear()
    assert it.b.opened == 2


async def test_a_route_without_another_races_itself(autojump_clock: MockClock) -> None:
    it = World(Upstream(SLOW))
    await it.hear(it.asked(fallbacks=()))
    assert it.attempts == [("a", LOST), ("a", SERVED)]


async def test_a_hedge_does_not_wait_for_a_limit_and_counts_no_request_of_its_caller(
    autojump_clock: MockClock,
) -> None:
    it = World(Upstream(SLOW))
    await it.hear()
    (hedge,) = it.b.calls
    assert hedge.request.timeouts.max_queue_s == 0
    assert hedge.ledger.counted
    assert it.call.ledger.attempts == hedge.ledger.whole.attempts


async def test_who_watches_is_told(autojump_clock: MockClock) -> None:
    it = World(Upstream(SLOW))
    call = it.asked()
    notes = CallNotes(Notes())
    call.ledger.watch = notes
    await it.hear(call)
    (resort,) = notes.notes.resorts
    assert (resort.kind, resort.provider, resort.reason) == (ResortKind.HEDGE, "b", None)


async def test_where_it_is_not_wanted_calls_go_through_as_they_are(
    autojump_clock: MockClock,
) -> None:
    it = World(Upstream(SLOW))
    await it.hear(it.asked(after_s=None))
    assert it.attempts == [("a", SERVED)]
    assert it.a.calls[0].ledger is it.call.ledger


async def test_settings_may_want_it_for_all(autojump_clock: MockClock) -> None:
    it = World(Upstream(SLOW), policy=HedgePolicy(after_s=0.01, min_s=2.0))
    start = trio.current_time()
    await it.hear(it.asked(after_s=None))
    assert trio.current_time() - start == pytest.approx(2.0)
    assert it.attempts == [("a", LOST), ("b", SERVED)]


async def test_a_route_that_is_slower_than_itself_is_hedged(autojump_clock: MockClock) -> None:
    quick: Sequence[Step] = (STARTED, 0.3, *ANSWER[1:])
    it = World(Upstream(quick), policy=HedgePolicy(by_p95=True))
    for _ in range(20):
        await it.hear(it.asked(after_s=None))
    assert it.b.opened == 0
    it.log.records.clear()
    it.a.opened = it.a.closed = 0
    it.a.steps = SLOW
    start = trio.current_time()
    await it.hear(it.asked(after_s=None))
    assert trio.current_time() - start == pytest.approx(0.3)
    assert it.attempts == [("a", LOST), ("b", SERVED)]


def test_only_so_many_routes_are_remembered() -> None:
    hedged = Hedged(Upstream())
    for number in range(1_030):
        hedged.took(ask(question(model=f"m{number}")), 1.0)
    assert len(hedged._times) == 1_024


async def test_a_bug_in_one_ends_the_other_and_comes_out_as_itself(
    autojump_clock: MockClock,
) -> None:
    it = World(Upstream(SLOW), Upstream((0.5, ValueError("bug")), name="b"))
    with pytest.raises(ValueError, match="bug"):
        await it.hear()
    assert sorted(outcome for _, outcome in it.attempts) == [AttemptOutcome.CANCELLED, FAILED]


async def test_nobody_is_asked_for_whom_nobody_waits(autojump_clock: MockClock) -> None:
    it = World(Upstream(SLOW))
    call = it.asked()

    def leave() -> None:
        call.ledger.left = ErrorReason.CALLER_CANCELLED

    it.a.steps = (STARTED, leave, 10.0, *ANSWER[1:])
    await it.hear(call)
    assert it.attempts == [("a", AttemptOutcome.DRAINED)]


async def test_a_deadline_ends_all_of_it(autojump_clock: MockClock) -> None:
    it = World(Upstream(SLOW), Upstream(SLOW, name="b"))
    start = trio.current_time()
    with anyio.move_on_after(3.0) as scope:
        await it.hear()
    assert scope.cancelled_caught
    assert trio.current_time() - start == pytest.approx(3.0, abs=0.01)
    assert {outcome for _, outcome in it.attempts} == {AttemptOutcome.DEADLINE}
    assert len(it.attempts) == 2


def test_a_race_that_is_cancelled_anywhere_leaves_nothing() -> None:
    async def scenario(cut: Cut) -> None:
        it = World(
            Upstream((STARTED, 2.0, *ANSWER[1:]), close_s=0.1),
            Upstream((STARTED, 0.5, TextDelta("x"), FINISHED), name="b", close_s=0.1),
            log=SlowLog(takes_s=0.01),
        )
        with cut.here():
            await it.hear()
        assert len(it.attempts) <= 2
        assert not cut.done or it.a.opened == it.a.closed

    cancel_at_every_await(scenario, at_least=15)


def lawful(steps: list[Step]) -> list[Step]:
    """Return `steps` up to what nothing follows."""
    return steps[: steps.index(FINISHED) + 1] if FINISHED in steps else steps


STEPS = st.lists(
    st.one_of(
        st.floats(0, 3),
        st.sampled_from(
            [
                STARTED,
                TextDelta("x"),
                FINISHED,
                failure(),
                failure(ErrorReason.PROVIDER_OVERLOADED),
                failure(ErrorReason.PROVIDER_AUTH_FAILED),
            ]
        ),
    ),
    max_size=5,
)


@settings(max_examples=60)
@given(STEPS, STEPS, st.floats(0, 4), st.integers(1, 4), st.sampled_from(Delivery))
def test_whatever_routes_do_requests_are_bounded_and_each_has_its_record(
    a: list[Step], b: list[Step], after_s: float, most: int, delivery: Delivery
) -> None:
    async def play() -> None:
        it = World(Upstream(lawful(a)), Upstream(lawful(b), name="b"))
        call = it.asked(after_s, delivery, most=most)
        complete = False
        start = trio.current_time()
        with anyio.move_on_after(8.0):
            with suppress(ChatError):
                complete = isinstance((await it.hear(call))[-1], Finished)
        assert trio.current_time() - start <= 8.01
        outcomes = [outcome for _, outcome in it.attempts]
        assert len(outcomes) <= most
        # Two may finish at the same time; what nobody finished is not complete.
        assert not complete or SERVED in outcomes

    trio.run(play, clock=MockClock(autojump_threshold=0))
