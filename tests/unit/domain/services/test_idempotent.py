"""The same call under the same key is made once, whenever it comes again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.call import ChatCall, Delivery
from domain.model.caller import Caller
from domain.model.errors import (
    ChatError,
    ErrorReason,
    IdempotencyConflict,
    InvalidRequest,
    ProviderFailure,
)
from domain.model.events import ChatEvent, Finished, TextDelta
from domain.model.routing import MidStream, Routing
from domain.model.usage import AttemptOutcome
from domain.services.idempotent import Idempotent
from domain.services.keybook import FINAL, Keybook, KeyBounds
from domain.services.settle import Settled
from domain.services.signed import Signer
from domain.services.stage import Stage, open_stage
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import FINISHED, STARTED, SlowLog, Upstream, drain, question

PACED = (1.0, STARTED, 1.0, TextDelta("a"), 1.0, TextDelta("b"), 1.0, FINISHED)


def ask(
    key: str = "k", caller: str = "alice", resume_from: int | None = None, **more: Any
) -> ChatCall:
    request = attrs.evolve(question(), idempotency_key=key, **more)
    return ChatCall(request=request, caller=Caller(caller), resume_from=resume_from)


@attrs.define(eq=False)
class World:
    """An accounted upstream behind a book of keys."""

    upstream: Upstream
    model: Idempotent
    log: SlowLog
    stage: Stage
    bugs: list[Exception] = attrs.field(factory=list)

    async def events(self, call: ChatCall) -> list[ChatEvent]:
        async with self.model.stream(call) as events:
            return await drain(events)

    async def leave_after(self, call: ChatCall, count: int) -> list[ChatEvent]:
        async with self.model.stream(call) as events:
            return [await anext(events) for _ in range(count)]

    def outcomes(self) -> list[AttemptOutcome]:
        return [each.attempt.outcome for each in self.log.records]


@asynccontextmanager
async def world(*steps: Any, **bounds: Any) -> AsyncIterator[World]:
    source, log = Upstream(steps=steps or PACED, close_s=0.25), SlowLog(takes_s=0.1)
    bugs: list[Exception] = []
    async with open_stage(bugs.append) as stage:
        settled = Settled(source, "upstream", log)
        book = Keybook(KeyBounds(**bounds), stage)
        yield World(
            source, Idempotent(settled, Signer({"upstream": b"maker"}), book), log, stage, bugs
        )
    assert source.opened == source.closed == len(log.records)


async def test_the_same_call_again_is_told_the_same_and_asks_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as keyed:
        first = await keyed.events(ask())
        again = await keyed.events(ask())
        whole = await keyed.events(attrs.evolve(ask(), delivery=Delivery.WHOLE))
        assert first == again == whole
        assert isinstance(first[-1], Finished)
        assert len(first[-1].attempts) == 1
        assert keyed.upstream.opened == 1


async def test_the_same_call_in_flight_is_joined(autojump_clock: trio.testing.MockClock) -> None:
    found: list[list[ChatEvent]] = []
    async with world() as keyed, trio.open_nursery() as nursery:

        async def call() -> None:
            found.append(await keyed.events(ask()))

        for _ in range(5):
            nursery.start_soon(call)
            await anyio.sleep(0.5)
    assert keyed.upstream.opened == 1
    assert all(each == found[0] for each in found)


async def test_another_request_under_the_key_is_a_conflict_while_in_flight_and_after(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as keyed:
        async with keyed.model.stream(ask()) as events:
            with pytest.raises(IdempotencyConflict):
                await keyed.events(ask(seed=1))
            await drain(events)
        with pytest.raises(IdempotencyConflict) as caught:
            await keyed.events(ask(seed=1))
        assert not caught.value.retryable
        assert keyed.upstream.opened == 1


async def test_a_key_is_its_callers_own_and_a_call_without_one_is_handed_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as keyed:
        for call in (ask(), ask(caller="bob"), ask(key="other"), ask(key=""), ask(key="")):
            await keyed.events(call)
        assert keyed.upstream.opened == 5
        assert keyed.upstream.calls[-1] is call


@pytest.mark.parametrize("reason", ErrorReason)
async def test_only_a_failure_that_is_paid_for_and_would_be_the_same_again_is_kept(
    autojump_clock: trio.testing.MockClock, reason: ErrorReason
) -> None:
    error = ProviderFailure("no", reason, upstream_status=400)
    async with world(STARTED, TextDelta("a"), error) as keyed:
        for _ in range(2):
            with pytest.raises(ChatError) as caught:
                await keyed.events(ask())
            assert caught.value.reason is reason
        assert keyed.upstream.opened == (1 if reason in FINAL else 2)


async def test_an_outcome_is_known_for_a_day(autojump_clock: trio.testing.MockClock) -> None:
    async with world() as keyed:
        await keyed.events(ask())
        await anyio.sleep(86_399)
        await keyed.events(ask())
        assert keyed.upstream.opened == 1
        await anyio.sleep(1)
        await keyed.events(ask(seed=1))
        assert keyed.upstream.opened == 2


async def test_a_call_that_all_have_left_frees_its_key(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as keyed:
        await keyed.leave_after(ask(), 2)
        assert keyed.upstream.closed == 1
        await keyed.events(ask(seed=1))
    assert keyed.outcomes() == [AttemptOutcome.CANCELLED, AttemptOutcome.SERVED]


async def test_a_call_that_is_held_goes_on_and_who_comes_back_is_told_the_rest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for comes_back_s in (0.5, 9.0):
        async with world(resume_window_s=5) as keyed:
            began = await keyed.leave_after(ask(), 2)
            await anyio.sleep(comes_back_s)
            rest = await keyed.events(ask(resume_from=1))
            assert [*began, *rest] == await keyed.events(ask())
            assert isinstance(rest[-1], Finished)
            assert keyed.outcomes() == [AttemptOutcome.SERVED]


async def test_a_call_that_is_held_is_cancelled_when_its_time_is_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(STARTED, TextDelta("a"), 60.0, FINISHED, resume_window_s=5) as keyed:
        await keyed.leave_after(ask(), 2)
        for _ in range(3):
            await anyio.sleep(4)
            await keyed.leave_after(ask(resume_from=0), 1)
        await anyio.sleep(4.9)
        assert keyed.upstream.closed == 0
        await anyio.sleep(1)
        assert keyed.outcomes() == [AttemptOutcome.CANCELLED]
        with pytest.raises(InvalidRequest, match="x-resume-from: nothing is held"):
            await keyed.events(ask(resume_from=1))


async def test_who_runs_out_of_time_is_not_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(resume_window_s=5) as keyed:
        with anyio.move_on_after(1.5):
            await keyed.events(ask())
        assert keyed.outcomes() == [AttemptOutcome.DEADLINE]


async def test_who_comes_back_and_runs_out_of_time_ends_it_by_its_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(STARTED, TextDelta("a"), 60.0, FINISHED, resume_window_s=5) as keyed:
        await keyed.leave_after(ask(), 2)
        with anyio.move_on_after(10):
            await keyed.events(ask(resume_from=1))
        assert keyed.outcomes() == [AttemptOutcome.DEADLINE]


async def test_a_service_that_goes_away_holds_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(STARTED, TextDelta("a"), 60.0, FINISHED, resume_window_s=50) as keyed:
        await keyed.leave_after(ask("a"), 2)
        async with keyed.model.stream(ask("b")) as events:
            await anext(events)
            keyed.stage.release()
            await anyio.sleep(1)
            # Who is still there is not hurt.
            assert keyed.outcomes() == [AttemptOutcome.DRAINED]
            assert await anext(events) == TextDelta("a")
        assert keyed.outcomes() == [AttemptOutcome.DRAINED, AttemptOutcome.CANCELLED]


@pytest.mark.parametrize(
    ("seen", "word"), [(2, "2 messages were sent"), (9, "2 messages were sent")]
)
async def test_who_says_it_has_what_was_never_sent_is_told_so(
    autojump_clock: trio.testing.MockClock, seen: int, word: str
) -> None:
    async with world(STARTED, TextDelta("a"), 60.0, FINISHED, resume_window_s=5) as keyed:
        await keyed.leave_after(ask(), 2)
        with pytest.raises(InvalidRequest, match=word) as caught:
            await keyed.events(ask(resume_from=seen))
        assert [each.field for each in caught.value.violations] == ["x-resume-from"]


async def test_who_has_all_of_it_is_told_nothing_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as keyed:
        count = len(await keyed.events(ask()))
        assert await keyed.events(ask(resume_from=count - 1)) == []
        with pytest.raises(InvalidRequest, match="messages were sent"):
            await keyed.events(ask(resume_from=count))


@pytest.mark.parametrize("other", [{"caller": "bob"}, {"key": "other"}])
async def test_nobody_resumes_what_is_not_its_own(
    autojump_clock: trio.testing.MockClock, other: dict[str, str]
) -> None:
    async with world(resume_window_s=5) as keyed:
        await keyed.leave_after(ask(), 2)
        with pytest.raises(InvalidRequest, match="nothing is held"):
            await keyed.events(ask(resume_from=1, **other))
        with pytest.raises(IdempotencyConflict):
            await keyed.events(ask(resume_from=1, seed=1))


async def test_what_failed_while_it_was_held_is_told_to_who_comes_back_and_to_nobody_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    broken = ProviderFailure("gone", ErrorReason.PROVIDER_STREAM_TRUNCATED)
    async with world(
        STARTED, TextDelta("a"), 1.0, TextDelta("b"), broken, resume_window_s=5
    ) as keyed:
        await keyed.leave_after(ask(), 2)
        await anyio.sleep(2)
        async with keyed.model.stream(ask(resume_from=1)) as events:
            assert await anext(events) == TextDelta("b")
            with pytest.raises(ProviderFailure, match="gone"):
                await anext(events)
        # Who has nothing of it may have more luck; even with another request.
        keyed.upstream.steps = PACED
        with pytest.raises(InvalidRequest, match="nothing is held"):
            await keyed.events(ask(resume_from=1, seed=1))
        await keyed.events(ask(seed=1))
        assert len(keyed.model.book._outcomes) == 1
    assert keyed.outcomes() == [AttemptOutcome.FAILED, AttemptOutcome.SERVED]


async def test_a_bug_that_nobody_is_there_to_hear_of_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(STARTED, 1.0, KeyError("bug"), resume_window_s=5) as keyed:
        await keyed.leave_after(ask(), 1)
        await anyio.sleep(2)
        assert [type(each) for each in keyed.bugs] == [KeyError]


async def test_only_so_many_calls_are_held_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with world(STARTED, 60.0, FINISHED, resume_window_s=5, max_held=2) as keyed:
        for key in "abc":
            await keyed.leave_after(ask(key), 1)
        assert keyed.upstream.closed == 1


LONG = (STARTED, *[TextDelta(f"{number:1000}") for number in range(100)])


async def test_of_an_answer_that_is_too_long_the_end_is_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(*LONG, 1.0, FINISHED, max_answer_bytes=20_000, resume_window_s=5) as keyed:
        began = await keyed.leave_after(ask(), 95)
        with pytest.raises(IdempotencyConflict, match="too long to be joined"):
            await keyed.events(ask())
        with pytest.raises(InvalidRequest, match="what is kept begins at"):
            await keyed.events(ask(resume_from=20))
        early = await keyed.events(ask(resume_from=89))
        late = await keyed.events(ask(resume_from=89))
        assert [*began[:90], *early] == [*LONG, attrs.evolve(FINISHED, **ended(early))]
        assert early == late
        assert keyed.upstream.opened == 1
        # To who has nothing of it, it is lost: the key is free again.
        await keyed.events(ask())
        assert keyed.upstream.opened == 2


def ended(events: list[ChatEvent]) -> dict[str, Any]:
    assert isinstance(events[-1], Finished)
    return {"attempts": events[-1].attempts, "usage": events[-1].usage}


async def test_an_answer_of_which_nobody_could_be_told_the_rest_is_not_held_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(*LONG, 1.0, FINISHED, max_answer_bytes=20_000, resume_window_s=5) as keyed:
        await keyed.leave_after(ask(), 2)
        await anyio.sleep(0.5)
        assert keyed.outcomes() == [AttemptOutcome.CANCELLED]


async def test_an_outcome_that_is_due_goes_when_another_comes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(keep_s=10) as keyed:
        await keyed.events(ask("a"))
        await anyio.sleep(10)
        await keyed.events(ask("b"))
        assert [name for _, name in keyed.model.book._outcomes] == ["b"]


async def test_where_nothing_can_be_kept_a_key_still_joins(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(max_keys=0) as keyed, trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(keyed.events, ask())
        await anyio.sleep(10)
        await keyed.events(ask())
        assert keyed.upstream.opened == 2
        assert keyed.model.book.taken_bytes == 0


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3_000)), max_size=15))
def test_what_is_kept_is_bounded_in_number_and_bytes(calls: list[tuple[str, int]]) -> None:
    async def play() -> None:
        async with world(max_keys=3, max_bytes=8_000) as keyed:
            book = keyed.model.book
            for key, length in calls:
                keyed.upstream.steps = (STARTED, TextDelta("x" * length), FINISHED)
                await keyed.events(ask(key))
                assert len(book._outcomes) <= 3
                assert book.taken_bytes <= 8_000
                assert book.taken_bytes == sum(each.size for each in book._outcomes.values())
                assert not book._flights

    trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_key_is_free_or_its_outcome_is_known_wherever_a_call_is_cancelled() -> None:
    async def scenario(cut: Cut) -> None:
        async with world() as keyed:
            with cut.here():
                await keyed.events(ask())
            assert not keyed.model.book._flights
            assert keyed.upstream.opened == keyed.upstream.closed
            again = await keyed.events(ask())
            assert [each for each in again if isinstance(each, TextDelta)] == [
                TextDelta("a"),
                TextDelta("b"),
            ]
            served = keyed.outcomes().count(AttemptOutcome.SERVED)
            assert served == 1

    cancel_at_every_await(scenario, at_least=8)


def test_a_call_that_is_held_is_settled_once_wherever_its_callers_are_cancelled() -> None:
    async def scenario(cut: Cut) -> None:
        async with world(resume_window_s=5) as keyed:
            with cut.here():
                await keyed.leave_after(ask(), 2)
                await keyed.events(ask(resume_from=1))
            await anyio.sleep(60)
            assert keyed.upstream.opened <= 1
            assert keyed.upstream.opened == keyed.upstream.closed == len(keyed.log.records)
            assert not keyed.model.book._flights

    cancel_at_every_await(scenario, at_least=8)


async def test_a_key_is_free_while_a_call_that_all_have_left_is_still_being_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as keyed, trio.open_nursery() as nursery:

        async def leave() -> None:
            await keyed.leave_after(ask(), 2)
            assert keyed.upstream.closed == 1

        nursery.start_soon(leave)
        await anyio.sleep(2.1)
        assert (keyed.upstream.opened, keyed.upstream.closed) == (1, 0)
        found = await keyed.events(ask(seed=1))
        assert await keyed.events(ask(seed=1)) == found
    assert keyed.outcomes() == [AttemptOutcome.CANCELLED, AttemptOutcome.SERVED]


async def test_an_answer_that_may_begin_anew_is_another_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    anew = Routing(mid_stream=MidStream.RESTART_WITH_MARKER)
    async with world() as keyed:
        await keyed.events(ask())
        with pytest.raises(IdempotencyConflict):
            await keyed.events(ask(routing=anew))
        first = await keyed.events(ask("other", routing=anew))
        assert await keyed.events(ask("other", routing=anew)) == first
        assert keyed.upstream.opened == 2
