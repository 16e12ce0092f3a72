"""The account: exactly one record per attempt, whatever ends it."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import anyio
import anyio.lowlevel
import attrs
import pytest
import trio
from trio.testing import MockClock

from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.call import ChatCall, Ledger
from domain.model.caller import Caller
from domain.model.errors import (
    ChatError,
    DeadlineExceeded,
    ErrorReason,
    FieldViolation,
    InvalidRequest,
    ModelUnknown,
    NotConfigured,
    ProviderFailure,
    ServiceFailure,
)
from domain.model.events import (
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from domain.model.usage import (
    NO_USAGE,
    Attempt,
    AttemptOutcome,
    Usage,
    UsageRecord,
    UsageSource,
)
from domain.policy.patience import Patience
from domain.policy.token_estimate import input_tokens
from domain.services.attempts import SETTLE_S
from domain.services.deadline import Timed
from domain.services.settle import Settled
from ports.prices import Cost
from ports.usage_log import RecordLost
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
from tests.support.core_prices import EVERYBODY, Everybody

PARTIAL = Usage(input_tokens=3, output_tokens=1)
BROKEN = ProviderFailure(
    "the connection broke",
    ErrorReason.PROVIDER_CONNECTION_FAILED,
    upstream_status=502,
    upstream_request_id="req-err",
)


@attrs.define
class World:
    """A settled upstream and its log."""

    upstream: Upstream = attrs.field(factory=Upstream)
    log: SlowLog = attrs.field(factory=SlowLog)

    @property
    def model(self) -> Settled:
        return Settled(
            self.upstream, "upstream", self.log, credential_alias="key-1", wall_clock=lambda: 1e9
        )

    async def read_then_raise(self, count: int, error: Exception) -> None:
        """Consume `count` events, then fail as a consumer."""
        async with self.model.stream(ask()) as events:
            for _ in range(count):
                await anext(events)
            raise error

    @property
    def attempt(self) -> Attempt:
        """The only record's."""
        (record,) = self.log.records
        return record.attempt


def world(*steps: Step, entry: Sequence[Step] = ()) -> World:
    return World(Upstream(steps=steps, entry=entry))


# ------------------------------------------------------------------ how an attempt ends


async def test_a_served_attempt_is_recorded_whole(autojump_clock: MockClock) -> None:
    it = world(2.0, STARTED, 1.0, TextDelta("a"), 4.0, TextDelta("b"), 3.0, FINISHED)
    call = attrs.evolve(
        ask(attrs.evolve(question(model="m"), labels={"team": "search"})), caller=Caller("anna")
    )
    async with it.model.stream(call) as events:
        last = (await drain(events))[-1]
        await anyio.sleep(50)  # a slow consumer does not lengthen the attempt
    attempt = Attempt(
        index=0,
        provider="upstream",
        model="m",
        credential_alias="key-1",
        outcome=AttemptOutcome.SERVED,
        upstream_status=200,
        upstream_request_id="req-1",
        usage=USAGE,
        first_token_s=3.0,
        total_s=10.0,
    )
    assert it.log.records == [
        UsageRecord(
            request_id="call-1",
            caller="anna",
            time_s=1e9,
            attempt=attempt,
            labels={"team": "search"},
        )
    ]
    assert call.ledger.attempts == [attempt]
    assert last == attrs.evolve(FINISHED, attempts=(attempt,))


async def test_thoughts_count_as_first_content(autojump_clock: MockClock) -> None:
    it = world(STARTED, 1.0, ReasoningDelta(text="hm"), 1.0, TextDelta("a"), FINISHED)
    async with it.model.stream(ask()) as events:
        await drain(events)
    assert it.attempt.first_token_s == 1.0


async def test_the_events_pass_unchanged_but_for_the_attempts() -> None:
    it = World()
    async with it.model.stream(ask()) as events:
        seen = await drain(events)
    assert seen[:-1] == list(ANSWER[:-1])
    assert isinstance(seen[-1], Finished)
    assert attrs.evolve(seen[-1], attempts=()) == FINISHED


async def test_an_attempt_is_served_once_finished_passed_whatever_the_consumer_does() -> None:
    it = World()
    with pytest.raises(ValueError, match="consumer"):
        await it.read_then_raise(len(ANSWER), ValueError("consumer"))
    assert it.attempt.outcome is AttemptOutcome.SERVED
    assert it.attempt.error_reason is None


async def test_an_attempt_is_served_although_cancelled_after_finished() -> None:
    it = World()
    with trio.CancelScope() as scope:
        async with it.model.stream(ask()) as events:
            await drain(events)
            scope.cancel()
            await trio.sleep_forever()
    assert it.attempt.outcome is AttemptOutcome.SERVED


async def test_a_failure_on_entry_is_recorded_with_what_the_provider_said() -> None:
    it = world(entry=[BROKEN])
    with pytest.raises(ProviderFailure) as caught:
        async with it.model.stream(ask()):
            pytest.fail("the block must not be entered")
    assert caught.value is BROKEN
    assert it.attempt.outcome is AttemptOutcome.FAILED
    assert it.attempt.error_reason is ErrorReason.PROVIDER_CONNECTION_FAILED
    assert (it.attempt.upstream_status, it.attempt.upstream_request_id) == (502, "req-err")
    assert it.attempt.first_token_s is None
    assert it.attempt.usage == NO_USAGE


async def test_what_no_provider_answered_has_no_status() -> None:
    it = world(entry=[ProviderFailure("refused", ErrorReason.PROVIDER_CONNECTION_FAILED)])
    with pytest.raises(ProviderFailure):
        async with it.model.stream(ask()):
            pytest.fail("the block must not be entered")
    assert (it.attempt.upstream_status, it.attempt.upstream_request_id) == (0, "")


async def test_a_failure_in_the_middle_keeps_the_usage_so_far(autojump_clock: MockClock) -> None:
    broken = ProviderFailure("cut", ErrorReason.PROVIDER_STREAM_TRUNCATED)
    it = world(STARTED, 1.0, TextDelta("a"), UsageReported(PARTIAL), 1.0, broken)
    with pytest.raises(ProviderFailure):
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert it.attempt.outcome is AttemptOutcome.FAILED
    assert it.attempt.error_reason is ErrorReason.PROVIDER_STREAM_TRUNCATED
    assert it.attempt.usage == PARTIAL
    # The error knows nothing of them, but the beginning of the answer did.
    assert (it.attempt.upstream_status, it.attempt.upstream_request_id) == (200, "req-1")
    assert (it.attempt.first_token_s, it.attempt.total_s) == (1.0, 2.0)


@pytest.mark.parametrize("on_entry", [True, False])
async def test_a_bug_in_the_provider_is_our_failure(on_entry: bool) -> None:
    bug = ValueError("bug")
    it = world(entry=[bug]) if on_entry else world(STARTED, bug)
    with pytest.raises(ValueError, match="bug"):
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert it.attempt.outcome is AttemptOutcome.FAILED
    assert it.attempt.error_reason is ErrorReason.SERVICE_INTERNAL


async def test_a_bug_in_the_consumer_is_our_failure() -> None:
    it = World()
    with pytest.raises(ValueError, match="bug"):
        await it.read_then_raise(1, ValueError("bug"))
    assert it.attempt.outcome is AttemptOutcome.FAILED
    assert it.attempt.error_reason is ErrorReason.SERVICE_INTERNAL


async def test_a_consumer_that_leaves_early_has_cancelled() -> None:
    it = World()
    async with it.model.stream(ask()) as events:
        await anext(events)
    assert it.attempt.outcome is AttemptOutcome.CANCELLED
    assert it.attempt.error_reason is ErrorReason.CALLER_CANCELLED


async def test_an_early_exit_while_another_error_is_handled_is_still_the_consumers() -> None:
    it = World()
    try:
        raise BROKEN
    except ProviderFailure:
        async with it.model.stream(ask()) as events:
            await anext(events)
    assert it.attempt.outcome is AttemptOutcome.CANCELLED
    assert it.attempt.error_reason is ErrorReason.CALLER_CANCELLED


async def test_a_cancelled_call_is_recorded_as_cancelled(autojump_clock: MockClock) -> None:
    it = world(STARTED, TextDelta("a"), UsageReported(PARTIAL), 60.0, FINISHED)
    with anyio.CancelScope(deadline=anyio.current_time() + 100) as scope:
        async with it.model.stream(ask()) as events:
            async for event in events:
                if event == UsageReported(PARTIAL):
                    scope.cancel()
    assert it.attempt.outcome is AttemptOutcome.CANCELLED
    assert it.attempt.error_reason is ErrorReason.CALLER_CANCELLED
    assert it.attempt.usage == PARTIAL


async def test_a_call_that_the_service_cuts_on_its_way_out_is_not_the_callers_doing(
    autojump_clock: MockClock,
) -> None:
    it = world(STARTED, TextDelta("a"), 60.0, FINISHED)
    call = ask()
    with anyio.CancelScope() as scope:
        async with it.model.stream(call) as events:
            async for event in events:
                if event == TextDelta("a"):
                    call.ledger.drained = True
                    scope.cancel()
    assert it.attempt.outcome is AttemptOutcome.DRAINED
    assert it.attempt.error_reason is ErrorReason.SERVICE_DRAINING


@pytest.mark.parametrize("entry_s", [0.0, 60.0], ids=["in the stream", "on entry"])
async def test_a_passed_deadline_is_told_apart_from_a_client_that_left(
    entry_s: float, autojump_clock: MockClock
) -> None:
    it = world(STARTED, 60.0, FINISHED, entry=[entry_s])
    with anyio.move_on_after(7):
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert it.attempt.outcome is AttemptOutcome.DEADLINE
    assert it.attempt.error_reason is ErrorReason.CALLER_DEADLINE
    assert it.attempt.total_s == 7.0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Patience().no_first_token(), AttemptOutcome.TIMED_OUT_FIRST_TOKEN),
        (Patience().idle(), AttemptOutcome.TIMED_OUT_IDLE),
        (DeadlineExceeded(), AttemptOutcome.DEADLINE),
    ],
    ids=["first token", "idle", "deadline"],
)
async def test_timeouts_have_outcomes_of_their_own(
    error: ChatError, outcome: AttemptOutcome
) -> None:
    it = world(STARTED, error)
    with pytest.raises(ChatError):
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert it.attempt.outcome is outcome
    assert it.attempt.error_reason is error.reason


async def test_an_impatient_attempt_is_recorded_once(autojump_clock: MockClock) -> None:
    log = SlowLog()
    timed = Timed(Upstream(steps=[STARTED, 10.0]), Patience(first_token_s=5.0))
    with pytest.raises(ProviderFailure):
        async with Settled(timed, "upstream", log).stream(ask()) as events:
            await drain(events)
    (record,) = log.records
    assert record.attempt.outcome is AttemptOutcome.TIMED_OUT_FIRST_TOKEN
    assert record.attempt.total_s == 5.0


async def test_a_stream_that_just_stops_is_the_providers_failure() -> None:
    it = world(STARTED, TextDelta("half an ans"))
    with pytest.raises(ProviderFailure) as caught:
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert caught.value.reason is ErrorReason.PROVIDER_STREAM_TRUNCATED
    assert it.attempt.outcome is AttemptOutcome.FAILED
    assert it.attempt.error_reason is ErrorReason.PROVIDER_STREAM_TRUNCATED


async def test_the_end_after_finished_is_an_end() -> None:
    it = World()
    async with it.model.stream(ask()) as events:
        await drain(events)
        with pytest.raises(StopAsyncIteration):
            await anext(events)


# ------------------------------------------------------------------ where nothing is written

BEFORE: Sequence[Callable[[], ChatError]] = (
    lambda: InvalidRequest(FieldViolation("model", "is missing")),
    lambda: ModelUnknown("no such model"),
    lambda: NotConfigured("set a key"),
)


@pytest.mark.parametrize("error", BEFORE, ids=lambda make: type(make()).__name__)
async def test_nothing_is_written_where_no_provider_was_asked(
    error: Callable[[], ChatError],
) -> None:
    it, call = world(entry=[error()]), ask()
    with pytest.raises(ChatError):
        async with it.model.stream(call):
            pytest.fail("the block must not be entered")
    assert it.log.begun == []
    assert call.ledger.attempts == []


@pytest.mark.parametrize("error", BEFORE, ids=lambda make: type(make()).__name__)
async def test_nothing_is_written_where_the_first_step_finds_that_none_can_be_asked(
    error: Callable[[], ChatError],
) -> None:
    it, call = world(error()), ask()
    with pytest.raises(ChatError):
        async with it.model.stream(call) as events:
            await drain(events)
    assert it.log.begun == []
    assert call.ledger.attempts == []


@pytest.mark.parametrize("error", BEFORE, ids=lambda make: type(make()).__name__)
async def test_a_provider_may_find_out_late_that_it_cannot_ask(
    error: Callable[[], ChatError],
) -> None:
    it, call = world(error()), ask()
    with pytest.raises(ChatError):
        async with it.model.stream(call) as events:
            await drain(events)
    assert it.log.begun == []
    assert call.ledger.attempts == []


@pytest.mark.parametrize("error", BEFORE, ids=lambda make: type(make()).__name__)
async def test_once_the_answer_began_there_is_something_to_account_for(
    error: Callable[[], ChatError],
) -> None:
    it = world(STARTED, error())
    with pytest.raises(ChatError):
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert it.attempt.outcome is AttemptOutcome.FAILED


async def test_a_model_that_the_provider_itself_does_not_know_was_asked_for() -> None:
    it = world(entry=[ModelUnknown("no such model", upstream_status=404)])
    with pytest.raises(ModelUnknown):
        async with it.model.stream(ask()):
            pytest.fail("the block must not be entered")
    assert it.attempt.outcome is AttemptOutcome.FAILED
    assert it.attempt.upstream_status == 404


@pytest.mark.parametrize("error", BEFORE, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("read", [0, 2])
async def test_another_calls_nonsense_does_not_erase_an_open_attempt(
    error: Callable[[], ChatError], read: int
) -> None:
    it = World()
    with pytest.raises(ChatError):
        await it.read_then_raise(read, error())
    assert it.attempt.outcome is AttemptOutcome.FAILED


async def test_a_call_that_is_over_before_it_began_leaves_no_trace() -> None:
    it, call = World(), ask()
    with trio.CancelScope() as scope:
        scope.cancel()
        async with it.model.stream(call):
            pytest.fail("the block must not be entered")
    assert it.upstream.opened == 0
    assert it.log.begun == []
    assert call.ledger.attempts == []


# ------------------------------------------------------------------ the writing


async def test_the_record_is_written_although_the_call_is_cancelled(
    autojump_clock: MockClock,
) -> None:
    it = World(log=SlowLog(takes_s=SETTLE_S / 2))
    with trio.CancelScope() as scope:
        async with it.model.stream(ask()) as events:
            await anext(events)
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert it.attempt.outcome is AttemptOutcome.CANCELLED
    assert trio.current_time() == SETTLE_S / 2


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_log_that_hangs_costs_a_second_and_no_more(
    cancelled: bool, autojump_clock: MockClock
) -> None:
    it = World(log=SlowLog(takes_s=3600))
    with trio.CancelScope() as scope:
        async with it.model.stream(ask()) as events:
            if cancelled:
                scope.cancel()
            await drain(events)
    assert trio.current_time() == SETTLE_S == 1.0
    assert len(it.log.begun) == 1
    assert it.log.records == []


async def test_a_log_that_hangs_does_not_hide_the_error(autojump_clock: MockClock) -> None:
    it = World(Upstream(steps=[STARTED, BROKEN]), SlowLog(takes_s=3600))
    with pytest.raises(ProviderFailure) as caught:
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert caught.value is BROKEN


async def test_a_record_that_is_lost_does_not_change_how_the_call_ended() -> None:
    it = World(log=SlowLog(fails=RecordLost("the disk is full")))
    async with it.model.stream(ask()) as events:
        assert [type(each) for each in await drain(events)][-1] is Finished
    it = World(Upstream(steps=[STARTED, BROKEN]), SlowLog(fails=RecordLost()))
    with pytest.raises(ProviderFailure) as caught:
        async with it.model.stream(ask()) as events:
            await drain(events)
    assert caught.value is BROKEN


async def test_no_upstream_is_asked_for_what_could_not_be_recorded() -> None:
    full = ServiceFailure("full", ErrorReason.SERVICE_OVERLOADED, retry_after_s=1.0)
    it = World(log=SlowLog(refuses=full))
    with pytest.raises(ServiceFailure) as caught:
        async with it.model.stream(ask()):
            pytest.fail("the block must not be entered")
    assert caught.value is full
    assert caught.value.retryable
    assert it.upstream.calls == []
    assert it.log.begun == []


async def test_the_upstream_is_closed_before_the_account() -> None:
    closed: list[int] = []
    it = World()

    @attrs.define
    class Watching:
        def ready(self) -> None:
            pass

        waits = True

        async def append(self, record: UsageRecord, /) -> None:
            closed.append(it.upstream.closed)

    async with Settled(it.upstream, "upstream", Watching()).stream(ask()) as events:
        await drain(events)
    assert closed == [1]


async def test_the_call_is_over_for_the_caller_only_when_it_is_settled() -> None:
    it = World(log=SlowLog(takes_s=0.0))
    async with it.model.stream(ask()) as events:
        await drain(events)
        assert it.log.records == []
    assert len(it.log.records) == 1


# ------------------------------------------------------------------ the ledger


async def test_finished_carries_every_attempt_of_its_call() -> None:
    ledger = Ledger()
    call = attrs.evolve(ask(), ledger=ledger)
    first, second = world(entry=[BROKEN]), World()
    with pytest.raises(ProviderFailure):
        async with first.model.stream(call):
            pytest.fail("the block must not be entered")
    other: ChatCall = attrs.evolve(call, request=question(model="other"))
    async with second.model.stream(other) as events:
        last = (await drain(events))[-1]
    assert isinstance(last, Finished)
    assert list(last.attempts) == ledger.attempts
    assert [(each.index, each.model, each.outcome) for each in last.attempts] == [
        (0, "model", AttemptOutcome.FAILED),
        (1, "other", AttemptOutcome.SERVED),
    ]
    assert len(first.log.records) == len(second.log.records) == 1


@attrs.frozen
class OneEach:
    """A price list on which a token costs a billionth of a dollar, for models that it knows."""

    known: str = "model"
    unprepared: Everybody = EVERYBODY

    async def prepare(self, provider: str, /) -> None:
        await anyio.lowlevel.checkpoint()

    def cost(self, provider: str, model: str, usage: Usage, /) -> Cost | None:
        if model != self.known:
            return None
        return Cost((usage.input_tokens or 0) + (usage.output_tokens or 0), "list 1")

    def bound_nano_usd(
        self, provider: str, model: str, input_tokens: int, output_tokens: int, /
    ) -> int | None:
        return input_tokens + output_tokens if model == self.known else None


def priced(steps: Sequence[Step], prices: OneEach) -> tuple[Settled, MemoryUsageLog]:
    upstream, log = Upstream(steps=steps), MemoryUsageLog()
    return Settled(upstream, "upstream", log, prices=prices), log


@pytest.mark.parametrize("known", ["model", "model-v1"])
async def test_an_attempt_has_its_cost_for_the_caller_and_for_the_record(known: str) -> None:
    settled, log = priced(ANSWER, OneEach(known))
    async with settled.stream(ask()) as events:
        finished = (await drain(events))[-1]
    (record,) = log.records
    assert record.attempt.usage.cost_nano_usd == 8
    assert record.attempt.usage.price_version == "list 1"
    assert isinstance(finished, Finished)
    assert finished.usage == record.attempt.usage == finished.attempts[0].usage


async def test_what_has_no_price_has_no_cost_and_not_none() -> None:
    settled, log = priced(ANSWER, OneEach("another"))
    async with settled.stream(ask()) as events:
        await drain(events)
    assert log.records[0].attempt.usage == USAGE


async def test_where_nobody_counted_the_request_and_what_arrived_are_estimated() -> None:
    said = (
        TextDelta("a" * 41),
        ReasoningDelta(text="日本語"),
        ToolCallDelta(id="1", name="f", arguments_fragment="{}"),
    )
    settled, log = priced((STARTED, *said, Finished(reason=FinishReason.STOP)), OneEach())
    call = ask()
    async with settled.stream(call) as events:
        finished = (await drain(events))[-1]
    usage = log.records[0].attempt.usage
    # 41 + 12 + 2 quarters of a token
    assert usage.output_tokens == 14
    assert usage.input_tokens == input_tokens(call.request)
    assert usage.source is UsageSource.ESTIMATED
    assert usage.cost_nano_usd == 14 + input_tokens(call.request)
    assert isinstance(finished, Finished)
    assert finished.usage == usage


async def test_explicit_zeros_are_zeros() -> None:
    zero = Usage(input_tokens=0, output_tokens=0, source=UsageSource.PROVIDER_FINAL)
    steps = (STARTED, TextDelta("a"), Finished(reason=FinishReason.STOP, usage=zero))
    settled, log = priced(steps, OneEach())
    async with settled.stream(ask()) as events:
        await drain(events)
    usage = log.records[0].attempt.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cost_nano_usd) == (0, 0, 0)


@pytest.mark.parametrize(
    ("steps", "estimated"),
    [
        ((60.0, STARTED), True),
        ((STARTED, 60.0), True),
        ((ProviderFailure("no", ErrorReason.PROVIDER_OVERLOADED, upstream_status=529),), False),
        ((ProviderFailure("no", ErrorReason.PROVIDER_CONNECTION_FAILED),), False),
        (
            (
                STARTED,
                TextDelta("a"),
                ProviderFailure("cut", ErrorReason.PROVIDER_STREAM_TRUNCATED),
            ),
            True,
        ),
    ],
    ids=["silent", "begun", "refused", "not reached", "cut"],
)
async def test_a_provider_that_may_have_worked_for_us_is_taken_to_have_read_the_request(
    autojump_clock: MockClock, steps: Sequence[Step], estimated: bool
) -> None:
    settled, log = priced(steps, OneEach())
    with anyio.move_on_after(5), suppress(ProviderFailure):
        async with settled.stream(ask()) as events:
            await drain(events)
    source = log.records[0].attempt.usage.source
    assert source is (UsageSource.ESTIMATED if estimated else None)
