"""Calls that go from attempt to attempt."""

from collections.abc import Sequence

import anyio
import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from domain.model.call import ChatCall, Delivery, Ledger
from domain.model.errors import (
    ChatError,
    ErrorReason,
    FieldViolation,
    InvalidRequest,
    NotConfigured,
    ProviderFailure,
)
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    RouteChanged,
    Started,
    TextDelta,
)
from domain.model.response import fold
from domain.model.routing import MidStream, Routing
from domain.model.target import Target
from domain.model.usage import Attempt, AttemptOutcome
from domain.model.watch import ResortKind
from domain.policy.breaker import BreakerRules
from domain.policy.retry import RetryPolicy
from domain.policy.retry_budget import BudgetPolicy
from domain.policy.route_book import RouteBook
from domain.services.lanes import Laned
from domain.services.retried import Retried
from domain.services.route import Routed
from domain.services.routes import Routes
from domain.services.settle import Settled
from domain.services.stacked import Stacked
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import (
    ANSWER,
    STARTED,
    SlowLog,
    Step,
    Upstream,
    ask,
    drain,
    question,
)
from tests.support.watchers import CallNotes, Notes

OVERLOADED = ErrorReason.PROVIDER_OVERLOADED


def failure(reason: ErrorReason = OVERLOADED, **known: float) -> ProviderFailure:
    return ProviderFailure("no", reason, **known)  # type: ignore[arg-type]


@attrs.define(eq=False)
class Turns:
    """A provider that plays one row of steps after the other, and its last one for ever."""

    rows: Sequence[Sequence[Step]]
    name: str = "a"
    asked_s: list[float] = attrs.field(factory=list)
    open_: int = 0

    def stream(self, call: ChatCall, /):  # type: ignore[no-untyped-def]
        row = self.rows[min(len(self.asked_s), len(self.rows) - 1)]
        self.asked_s.append(trio.current_time())
        return Upstream(row, name=self.name).stream(call)

    def models(self):  # type: ignore[no-untyped-def]
        return ()

    def info(self, model: str, /):  # type: ignore[no-untyped-def]
        return Upstream(name=self.name).info(model)


@attrs.define(eq=False)
class World:
    """Providers behind the loop, and what was written of them."""

    a: Turns
    b: Turns = attrs.field(factory=lambda: Turns((ANSWER,), "b"))
    policy: RetryPolicy = RetryPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    log: SlowLog = attrs.field(factory=SlowLog)
    call: ChatCall = attrs.field(factory=ask)

    @property
    def model(self) -> Routed:
        providers = {
            each.name: Stacked(each, Settled(each, each.name, self.log))
            for each in (self.a, self.b)
        }
        loop = Retried(Routes(providers), self.policy, self.budget, chance=lambda: 0.5)
        return Routed(providers, loop)

    async def hear(self, *fallbacks: str, **wanted: object) -> list[ChatEvent]:
        routing = Routing(fallbacks=tuple(Target(each, "m") for each in fallbacks), **wanted)  # type: ignore[arg-type]
        request = attrs.evolve(question(model="m"), provider="a", routing=routing)
        self.call = attrs.evolve(self.call, request=request)
        async with self.model.stream(self.call) as events:
            return await drain(events)

    @property
    def attempts(self) -> list[tuple[str, AttemptOutcome]]:
        assert [each for each in self.call.ledger.attempts if each.outcome in WRITTEN] == [
            each.attempt for each in self.log.records
        ]
        return [(each.provider, each.outcome) for each in self.call.ledger.attempts]


WRITTEN = frozenset(AttemptOutcome) - {AttemptOutcome.SKIPPED_COOLDOWN}


SERVED, FAILED = AttemptOutcome.SERVED, AttemptOutcome.FAILED


def said(events: Sequence[ChatEvent]) -> list[type]:
    return [type(each) for each in events]


async def test_a_failure_before_content_is_tried_again_and_never_seen(
    autojump_clock: MockClock,
) -> None:
    it = World(Turns(([failure()], [STARTED, failure()], ANSWER)))
    events = await it.hear()
    assert said(events) == said(ANSWER)
    assert it.attempts == [("a", FAILED), ("a", FAILED), ("a", SERVED)]
    end = events[-1]
    assert isinstance(end, Finished)
    assert list(end.attempts) == it.call.ledger.attempts
    first, second, third = it.a.asked_s
    # Half of chance: 0.55 of half a second, then of one.
    assert second - first == pytest.approx(0.275)
    assert third - second == pytest.approx(0.55)


async def test_another_route_is_tried_at_once_and_the_first_again_after_it(
    autojump_clock: MockClock,
) -> None:
    it = World(Turns(([failure()], ANSWER)), Turns(([failure()],), "b"))
    await it.hear("b")
    assert it.attempts == [("a", FAILED), ("b", FAILED), ("a", SERVED)]
    assert it.b.asked_s == it.a.asked_s[:1]


@pytest.mark.parametrize(
    ("reason", "routes"),
    [
        (ErrorReason.PROVIDER_AUTH_FAILED, ["a", "b"]),
        (ErrorReason.PROVIDER_BILLING, ["a", "b"]),
        (ErrorReason.PROVIDER_CONTENT_BLOCKED, ["a", "b"]),
        (ErrorReason.PROVIDER_REJECTED_REQUEST, ["a"]),
        (ErrorReason.SERVICE_OVERLOADED, ["a"]),
        (ErrorReason.SERVICE_INTERNAL, ["a"]),
    ],
)
async def test_what_does_not_pass_is_tried_elsewhere_or_nowhere(
    reason: ErrorReason, routes: list[str], autojump_clock: MockClock
) -> None:
    it = World(Turns(([failure(reason)],)), Turns(([failure(reason)],), "b"))
    with pytest.raises(ProviderFailure) as caught:
        await it.hear("b")
    assert caught.value.reason is reason
    assert [name for name, _ in it.attempts] == routes


@pytest.mark.parametrize("wanted", [None, 1, 5])
async def test_no_more_requests_are_made_than_the_call_may_make(
    wanted: int | None, autojump_clock: MockClock
) -> None:
    it = World(Turns(([failure()],)), Turns(([failure()],), "b"))
    with pytest.raises(ProviderFailure):
        await it.hear("b", max_attempts=wanted)
    assert len(it.attempts) == (wanted or 3)


async def test_a_providers_own_time_is_waited_for_or_told_at_once(
    autojump_clock: MockClock,
) -> None:
    it = World(Turns(([failure(retry_after_s=7)], ANSWER)))
    await it.hear()
    assert it.a.asked_s == [0, pytest.approx(7.25)]
    for deadline_s, retry_after_s in ((5.0, 7.0), (1000.0, 31.0)):
        it = World(Turns(([failure(retry_after_s=retry_after_s)], ANSWER)))
        start_s = trio.current_time()
        with anyio.fail_after(deadline_s), pytest.raises(ProviderFailure) as caught:
            await it.hear()
        assert trio.current_time() == start_s
        assert caught.value.retry_after_s == retry_after_s


async def test_an_answer_that_may_outlast_its_caller_is_waited_for_within_its_time(
    autojump_clock: MockClock,
) -> None:
    it = World(Turns(([failure(retry_after_s=7)], ANSWER)))
    it.call = attrs.evolve(it.call, ledger=Ledger(asked=lambda: None))
    with anyio.fail_after(5), pytest.raises(ProviderFailure):
        await it.hear()
    assert (it.a.asked_s, trio.current_time()) == ([0], 0)


@pytest.mark.parametrize(
    "reason", [ErrorReason.PROVIDER_STREAM_TRUNCATED, ErrorReason.PROVIDER_TIMEOUT_IDLE]
)
async def test_what_a_provider_accepted_is_sent_again_only_if_the_call_wants_it(
    reason: ErrorReason, autojump_clock: MockClock
) -> None:
    rows: list[list[Step]] = [[STARTED, failure(reason)], [failure(reason, upstream_status=200)]]
    for row in rows:
        it = World(Turns((row, ANSWER)))
        with pytest.raises(ProviderFailure):
            await it.hear("b")
        assert len(it.attempts) == 1
        it = World(Turns((row, ANSWER)))
        assert said(await it.hear(retry_after_accept=True)) == said(ANSWER)


async def test_after_content_there_is_no_other_attempt() -> None:
    it = World(Turns(([STARTED, TextDelta("Hel"), failure()], ANSWER)))
    with pytest.raises(ProviderFailure):
        await it.hear("b")
    assert it.attempts == [("a", FAILED)]


async def test_an_answer_that_nobody_has_seen_is_tried_again_to_its_end(
    autojump_clock: MockClock,
) -> None:
    it = World(Turns(([STARTED, TextDelta("Hel"), failure()], ANSWER)))
    it.call = attrs.evolve(it.call, delivery=Delivery.WHOLE)
    assert said(await it.hear()) == said(ANSWER)
    assert it.attempts == [("a", FAILED), ("a", SERVED)]


async def test_an_answer_begins_anew_where_its_call_wants_that(autojump_clock: MockClock) -> None:
    broken: list[Step] = [STARTED, TextDelta("Hel"), failure(ErrorReason.PROVIDER_STREAM_TRUNCATED)]
    it = World(Turns((broken,)))
    events = await it.hear("b", mid_stream=MidStream.RESTART_WITH_MARKER)
    assert said(events) == [Started, TextDelta, RouteChanged, *said(ANSWER)]
    assert events[2] == RouteChanged(
        previous=Target("a", "m"),
        next=Target("b", "m"),
        reason=ErrorReason.PROVIDER_STREAM_TRUNCATED,
    )
    assert fold(events).content == "Hello world"
    assert it.attempts == [("a", FAILED), ("b", SERVED)]


async def test_an_answer_that_cannot_begin_anew_ends_by_what_broke_it(
    autojump_clock: MockClock,
) -> None:
    broken: list[Step] = [STARTED, TextDelta("Hel"), failure()]
    it = World(Turns((broken,)))
    with pytest.raises(ProviderFailure):
        await it.hear(mid_stream=MidStream.RESTART_WITH_MARKER, max_attempts=2)
    assert it.attempts == [("a", FAILED), ("a", FAILED)]


async def test_who_can_try_later_is_told_that_whatever_else_went_wrong() -> None:
    limited = failure(ErrorReason.PROVIDER_RATE_LIMITED, retry_after_s=60)
    it = World(Turns(([limited],)), Turns(([NotConfigured("set B_KEY")],), "b"))
    with pytest.raises(ProviderFailure) as caught:
        await it.hear("b")
    assert caught.value is limited


@pytest.mark.parametrize(
    ("rests_s", "most", "fallbacks", "served"),
    [(3600.0, 1, (Target("b", "m"),), "b"), (5.0, 2, (), "a")],
)
async def test_a_route_that_nobody_may_ask_costs_the_call_no_request(
    rests_s: float,
    most: int,
    fallbacks: tuple[Target, ...],
    served: str,
    autojump_clock: MockClock,
) -> None:
    """A provider whose key rests, by a lane that refuses before anybody is asked."""
    it, book = World(Turns((ANSWER,))), RouteBook(keys={"a": ("#1",)})
    resting = Attempt(
        index=0,
        provider="a",
        model="m",
        outcome=FAILED,
        error_reason=ErrorReason.PROVIDER_RATE_LIMITED,
    )
    book.end(book.begin("a", "m", 0.0), 0.0, resting, rests_s)
    laned = Laned("a", {"#1": Settled(it.a, "a", it.log)}, book)
    providers = {"a": Stacked(it.a, laned), "b": Stacked(it.b, Settled(it.b, "b", it.log))}
    model = Routed(providers, Retried(Routes(providers), it.policy))
    routing = Routing(fallbacks=fallbacks, max_attempts=most)
    it.call = ask(attrs.evolve(question(model="m"), provider="a", routing=routing))
    async with model.stream(it.call) as events:
        assert said(await drain(events)) == said(ANSWER)
    assert it.attempts == [("a", AttemptOutcome.SKIPPED_COOLDOWN), (served, SERVED)]


@pytest.mark.parametrize("fallbacks", [(), (Target("b", "m"),)])
async def test_a_route_whose_breaker_opens_is_not_waited_for(
    fallbacks: tuple[Target, ...], autojump_clock: MockClock
) -> None:
    """Who comes later is told at once, and who was there before is too."""
    it = World(Turns(([failure()],)), Turns(([failure()],), "b"))
    book = RouteBook(BreakerRules(min_calls=1, open_s=10.0))
    laned = Laned("a", {"": Settled(it.a, "a", it.log)}, book)
    providers = {"a": Stacked(it.a, laned), "b": Stacked(it.b, Settled(it.b, "b", it.log))}
    model = Routed(providers, Retried(Routes(providers), it.policy, chance=lambda: 0.5))
    routing = Routing(fallbacks=fallbacks, max_attempts=10)
    it.call = ask(attrs.evolve(question(model="m"), provider="a", routing=routing))
    with pytest.raises(ProviderFailure) as caught:
        async with model.stream(it.call) as events:
            await drain(events)
    if not fallbacks:
        # After the wait for its second attempt, which nobody made.
        assert trio.current_time() == pytest.approx(0.275)
        assert caught.value.retry_after_s == pytest.approx(9.725)
    assert it.attempts[0] == ("a", FAILED)
    assert it.attempts.count(("a", AttemptOutcome.SKIPPED_COOLDOWN)) == 1
    # What is there besides is tried as often as it may be.
    assert it.attempts.count(("b", FAILED)) == (9 if fallbacks else 0)


async def test_keys_that_are_refused_do_not_starve_a_fallback() -> None:
    refused = failure(ErrorReason.PROVIDER_AUTH_FAILED)
    it = World(Turns(([refused],)))
    keys = tuple(Target("a", "m", (f"#{n}",)) for n in range(1, 6))
    call = attrs.evolve(
        ask(attrs.evolve(question(model="m"), provider="a")), plan=(*keys, Target("b", "m"))
    )
    it.call = call
    async with it.model.top.stream(call) as events:
        await drain(events)
    assert it.attempts == [("a", FAILED), ("a", FAILED), ("b", SERVED)]


async def test_what_one_protocol_has_no_words_for_is_said_to_another() -> None:
    refusals = [
        InvalidRequest(FieldViolation(f"seed.{name}", "is not spoken here")) for name in "ab"
    ]
    it = World(Turns(([refusals[0]],)))
    assert said(await it.hear("b")) == said(ANSWER)
    it = World(Turns(([refusals[0]],)), Turns(([refusals[1]],), "b"))
    with pytest.raises(InvalidRequest) as caught:
        await it.hear("b")
    assert [each.field for each in caught.value.violations] == ["seed.a", "seed.b"]
    it = World(Turns(([failure(ErrorReason.PROVIDER_BILLING)],)), Turns(([refusals[1]],), "b"))
    with pytest.raises(ProviderFailure, match="no"):
        await it.hear("b")


async def test_repetitions_are_a_share_of_a_providers_traffic(autojump_clock: MockClock) -> None:
    it = World(Turns(([failure()],)), budget=BudgetPolicy(ratio=0, min_per_s=0, burst=3))
    model = it.model
    request = attrs.evolve(question(model="m"), provider="a")
    for _ in range(5):
        with pytest.raises(ProviderFailure):
            async with model.stream(ask(request)):
                pass
    assert len(it.a.asked_s) == 5 + 3


async def test_nobody_is_asked_again_for_a_caller_who_left(autojump_clock: MockClock) -> None:
    it = World(Turns(([failure()], ANSWER)))
    it.call.ledger.left = ErrorReason.CALLER_CANCELLED
    with pytest.raises(ProviderFailure):
        await it.hear()
    it = World(Turns(([failure()], ANSWER)))

    async def leave() -> None:
        await anyio.sleep(0.1)
        it.call.ledger.left = ErrorReason.CALLER_CANCELLED

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        with pytest.raises(ProviderFailure):
            await it.hear()
    assert len(it.a.asked_s) == 1


async def test_a_call_that_cannot_be_tried_again_is_handed_on_as_it_is() -> None:
    it = World(Turns((ANSWER,)), policy=RetryPolicy(max_attempts=1))
    async with it.model.stream(ask(attrs.evolve(question(model="m"), provider="a"))) as events:
        assert "Observed" in type(events).__name__


@pytest.mark.parametrize("said", [(), (STARTED,)])
async def test_what_just_stops_is_no_failure_to_be_tried_again(said: Sequence[Step]) -> None:
    upstream = Upstream(said)
    async with Retried(upstream).stream(ask()) as events:
        assert await drain(events) == list(said)
    assert upstream.opened == upstream.closed == 1


def test_a_call_that_is_cancelled_anywhere_leaves_one_record_for_each_attempt() -> None:
    async def scenario(cut: Cut) -> None:
        broken: list[Step] = [STARTED, TextDelta("x"), failure()]
        it = World(Turns((broken,)), log=SlowLog(takes_s=0.1))
        with cut.here():
            await it.hear("b", mid_stream=MidStream.RESTART_WITH_MARKER, max_attempts=4)
        assert len(it.attempts) == len(it.a.asked_s) + len(it.b.asked_s)
        if cut.done:
            ends = {outcome for _, outcome in it.attempts}
            assert ends <= {AttemptOutcome.CANCELLED, FAILED, SERVED}
        else:
            assert [name for name, _ in it.attempts] == ["a", "b"]

    cancel_at_every_await(scenario, at_least=8)


STEPS = st.sampled_from(
    [
        0.5,
        40.0,
        STARTED,
        TextDelta("t"),
        failure(),
        failure(retry_after_s=3),
        failure(ErrorReason.PROVIDER_STREAM_TRUNCATED),
        failure(ErrorReason.PROVIDER_AUTH_FAILED),
        failure(ErrorReason.PROVIDER_REJECTED_REQUEST),
    ]
)
ROWS = st.lists(
    st.lists(STEPS, max_size=4).map(lambda row: [*row, Finished(reason=FinishReason.STOP)]),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60)
@given(ROWS, ROWS, st.sampled_from(MidStream), st.integers(1, 5), st.sampled_from([1.0, 60.0]))
def test_whatever_fails_the_caller_hears_the_truth_in_time(
    a: list[list[Step]], b: list[list[Step]], mid: MidStream, most: int, deadline_s: float
) -> None:
    async def play() -> None:
        it, heard = World(Turns(a), Turns(b, "b")), list[ChatEvent]()
        routing = Routing(fallbacks=(Target("b", "m"),), mid_stream=mid, max_attempts=most)
        request = attrs.evolve(question(model="m"), provider="a", routing=routing)
        it.call = ask(request)
        failed = False
        with anyio.move_on_after(deadline_s) as scope:
            try:
                async with it.model.stream(it.call) as events:
                    async for event in events:
                        heard.append(event)
            except ChatError:
                failed = True
        assert trio.current_time() <= deadline_s + 0.01
        assert len(it.a.asked_s) + len(it.b.asked_s) <= most
        it.attempts  # noqa: B018 - asserts
        complete = bool(heard) and isinstance(heard[-1], Finished)
        assert complete + failed + scope.cancelled_caught == 1
        last = [index for index, each in enumerate(heard) if isinstance(each, RouteChanged)]
        assert not last or mid is MidStream.RESTART_WITH_MARKER
        if complete:
            served = it.call.ledger.attempts[-1]
            assert served.outcome is SERVED
            row = it.a if served.provider == "a" else it.b
            whole = row.rows[min(len(row.asked_s), len(row.rows)) - 1]
            texts = [each for each in whole if isinstance(each, TextDelta)]
            since = heard[last[-1] + 1 :] if last else heard
            assert [each for each in since if isinstance(each, TextDelta)] == texts

    trio.run(play, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize(
    ("fallbacks", "kind", "provider", "pause_s"),
    [((), ResortKind.RETRY, "a", 1.0), (("b",), ResortKind.FALLBACK, "b", 0.0)],
)
async def test_those_who_watch_are_told_of_each_further_attempt(
    autojump_clock: MockClock,
    fallbacks: Sequence[str],
    kind: ResortKind,
    provider: str,
    pause_s: float,
) -> None:
    notes = Notes()
    watched = attrs.evolve(ask(), ledger=Ledger(watch=CallNotes(notes)))
    world = World(Turns(((failure(retry_after_s=1.0),), ANSWER)), call=watched)
    await world.hear(*fallbacks)
    (resort,) = notes.resorts
    assert (resort.kind, resort.provider, resort.model) == (kind, provider, "m")
    assert (resort.reason, resort.pause_s >= pause_s) == (OVERLOADED, True)
