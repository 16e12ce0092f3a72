"""The same call, in flight more than once, is made once: for everyone, as if it were alone."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.memory_response_cache import MemoryResponseCache
from domain.model.call import ChatCall, Delivery
from domain.model.caller import Caller
from domain.model.errors import (
    ChatError,
    ErrorReason,
    FieldViolation,
    InvalidRequest,
    LimitExceeded,
    ModelUnknown,
    ProviderFailure,
    QuotaViolation,
)
from domain.model.events import ChatEvent, Finished, Started, TextDelta, UsageReported
from domain.model.response_cache import CacheMode, CacheStatus, ResponseCachePolicy
from domain.model.routing import MidStream, Routing
from domain.model.tools import Tool
from domain.model.usage import AttemptOutcome, UsageSource
from domain.services.broadcast import AHEAD
from domain.services.coalesced import Coalesced
from domain.services.idempotent import Idempotent
from domain.services.keybook import Keybook, KeyBounds
from domain.services.recalled import Keeping, Kept, Recalled
from domain.services.settle import Settled
from domain.services.signed import Signer
from domain.services.stage import Stage, open_stage
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import FINISHED, STARTED, USAGE, SlowLog, Upstream, drain, question

SHARE = ResponseCachePolicy(coalesce=True)
BROKEN = ProviderFailure("gone", ErrorReason.PROVIDER_CONNECTION_FAILED, retry_after_s=3)
PACED = (1.0, STARTED, 1.0, TextDelta("a"), 1.0, TextDelta("b"), 1.0, FINISHED)


def ask(number: int = 0, caller: str = "alice", **policy: Any) -> ChatCall:
    request = attrs.evolve(question(), response_cache=attrs.evolve(SHARE, **policy))
    return ChatCall(request=request, caller=Caller(caller), request_id=f"call-{number}")


@attrs.define(eq=False)
class World:
    """An accounted upstream whose calls are shared."""

    upstream: Upstream
    model: Recalled
    log: SlowLog
    stage: Stage

    async def events(self, call: ChatCall) -> list[ChatEvent]:
        async with self.model.stream(call) as events:
            return await drain(events)

    async def hear(
        self, call: ChatCall, hear: Callable[[ChatEvent], object] = id, *, pause_s: float = 0
    ) -> None:
        async with self.model.stream(call) as events:
            async for event in events:
                hear(event)
                await anyio.sleep(pause_s)

    def outcomes(self) -> list[AttemptOutcome]:
        return [each.attempt.outcome for each in self.log.records]


@asynccontextmanager
async def world(
    *steps: Any, buffer_bytes: int = 100_000, cached: bool = False, **upstream: Any
) -> AsyncIterator[World]:
    source, log = Upstream(steps=steps or PACED, close_s=0.25, **upstream), SlowLog(takes_s=0.1)
    bugs: list[Exception] = []
    keeping = Keeping(cache=MemoryResponseCache(100_000) if cached else None)
    sign = Signer({"upstream": b"maker"})
    async with open_stage(bugs.append) as stage:
        kept = Kept(Settled(source, "upstream", log), keeping, sign)
        yield World(
            source,
            Recalled(Coalesced(kept, sign, stage, buffer_bytes), keeping, sign),
            log,
            stage,
        )
    assert source.opened == source.closed
    assert len(log.records) == source.opened
    assert bugs == []


def said(events: list[ChatEvent]) -> str:
    return "".join(each.text for each in events if isinstance(each, TextDelta))


def status(events: list[ChatEvent]) -> CacheStatus | None:
    assert isinstance(events[0], Started)
    return events[0].cache_status


async def test_200_calls_at_once_are_one_and_everyone_has_all_of_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found: list[list[ChatEvent]] = []

    async with world() as shared, trio.open_nursery() as nursery:

        async def call(number: int) -> None:
            found.append(await shared.events(ask(number)))

        for number in range(200):
            nursery.start_soon(call, number)
    assert shared.upstream.opened == 1
    assert [said(each) for each in found] == ["ab"] * 200
    assert all(isinstance(each[-1], Finished) for each in found)
    told = [status(each) for each in found]
    assert told.count(CacheStatus.MISS) == 1
    assert told.count(CacheStatus.COALESCED) == 199
    assert shared.outcomes() == [AttemptOutcome.SERVED]


async def test_the_first_pays_and_the_others_do_not(autojump_clock: trio.testing.MockClock) -> None:
    first, second = ask(1), ask(2)
    ends: list[Finished] = []
    async with (
        world(STARTED, 1.0, UsageReported(USAGE), TextDelta("a"), FINISHED) as shared,
        trio.open_nursery() as nursery,
    ):

        async def call(each: ChatCall) -> None:
            end = (await shared.events(each))[-1]
            assert isinstance(end, Finished)
            ends.append(end)

        nursery.start_soon(call, first)
        await anyio.sleep(0.5)
        nursery.start_soon(call, second)
    (record,) = shared.log.records
    assert record.request_id == "call-1"
    assert [record.attempt] == first.ledger.attempts
    assert second.ledger.attempts == []
    assert (first.ledger.cache_status, second.ledger.cache_status) == (
        CacheStatus.MISS,
        CacheStatus.COALESCED,
    )
    paid = next(end for end in ends if end.attempts)
    free = next(end for end in ends if not end.attempts)
    assert paid.usage.source is UsageSource.PROVIDER_FINAL
    assert (free.usage.source, free.usage.cost_nano_usd) == (UsageSource.LOCAL_CACHE, 0)
    assert free.usage.output_tokens == paid.usage.output_tokens == 5


async def test_199_leave_and_it_goes_on_the_last_leaves_and_it_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as shared, trio.open_nursery() as nursery:
        scopes = [trio.CancelScope() for _ in range(200)]

        async def call(scope: trio.CancelScope, number: int) -> None:
            with scope:
                await shared.events(ask(number))

        for number, scope in enumerate(scopes):
            nursery.start_soon(call, scope, number)
        await anyio.sleep(1.5)
        for scope in scopes[:199]:
            scope.cancel()
        await anyio.sleep(1)
        assert (shared.upstream.opened, shared.upstream.closed) == (1, 0)
        scopes[199].cancel()
        await anyio.sleep(0.3)
        assert shared.upstream.closed == 1
    assert shared.outcomes() == [AttemptOutcome.CANCELLED]


async def test_the_last_one_to_leave_is_gone_when_all_is_given_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as shared:
        async with shared.model.stream(ask()) as events:
            await anext(events)
        assert shared.upstream.closed == len(shared.log.records) == 1
        # Who comes now has an answer of its own.
        assert said(await shared.events(ask(1))) == "ab"
    assert shared.outcomes() == [AttemptOutcome.CANCELLED, AttemptOutcome.SERVED]


async def test_who_comes_late_hears_it_from_the_beginning(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as shared, trio.open_nursery() as nursery:
        for number in range(8):

            async def call(number: int = number) -> None:
                assert said(await shared.events(ask(number))) == "ab"

            nursery.start_soon(call)
            await anyio.sleep(0.49)
    assert shared.upstream.opened == 1


async def test_who_comes_when_it_is_over_has_a_call_of_its_own_or_what_is_kept(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as shared:
        for _ in range(2):
            await shared.events(ask())
        assert shared.upstream.opened == 2
    async with world(cached=True) as shared:
        found = [status(await shared.events(ask(mode=CacheMode.READ_WRITE))) for _ in range(2)]
        assert found == [CacheStatus.MISS, CacheStatus.HIT]
        assert shared.upstream.opened == 1


@pytest.mark.parametrize("entry", [(1.0, BROKEN), ()])
async def test_a_failure_reaches_everyone_with_what_was_said_before(
    autojump_clock: trio.testing.MockClock, entry: tuple[Any, ...]
) -> None:
    caught: list[ChatError] = []
    async with (
        world(STARTED, 1.0, TextDelta("a"), 1.0, BROKEN, entry=entry) as shared,
        trio.open_nursery() as nursery,
    ):

        async def call(number: int) -> None:
            heard: list[ChatEvent] = []
            with pytest.raises(ProviderFailure) as failed:
                await shared.hear(ask(number), heard.append)
            assert said(heard) == ("" if entry else "a")
            caught.append(failed.value)

        for number in range(5):
            nursery.start_soon(call, number)
    assert {(each.reason, each.message, each.retry_after_s) for each in caught} == {
        (BROKEN.reason, "gone", 3)
    }
    assert len({id(each) for each in caught}) == 5
    assert shared.outcomes() == [AttemptOutcome.FAILED]


@pytest.mark.parametrize(
    "error",
    [
        BROKEN,
        ModelUnknown("no", upstream_status=404),
        InvalidRequest(FieldViolation("a", "b")),
        LimitExceeded(ErrorReason.POLICY_RATE_LIMITED, QuotaViolation("s", "d"), retry_after_s=2),
    ],
)
def test_a_copy_of_an_error_says_what_it_says_and_remembers_nothing_else(error: ChatError) -> None:
    try:
        raise error from ValueError("secret")
    except ChatError:
        copy = error.copied()
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
    assert (copy.__traceback__, copy.__cause__, copy.__context__) == (None, None, None)


async def test_everyone_has_a_deadline_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    heard: dict[int, str] = {}

    async with world() as shared, trio.open_nursery() as nursery:

        async def call(number: int, patience_s: float) -> None:
            with anyio.move_on_after(patience_s):
                heard[number] = said(await shared.events(ask(number)))

        for number, patience_s in enumerate((0.5, 2.5, 10.0)):
            nursery.start_soon(call, number, patience_s)
    assert heard == {2: "ab"}
    assert shared.outcomes() == [AttemptOutcome.SERVED]


async def test_the_last_deadline_that_passes_is_what_the_record_says(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as shared, trio.open_nursery() as nursery:
        for number in (1, 2):

            async def call(number: int = number) -> None:
                with anyio.move_on_after(number):
                    await shared.events(ask(number))

            nursery.start_soon(call)
    assert shared.outcomes() == [AttemptOutcome.DEADLINE]


async def test_what_is_below_sees_the_latest_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    seen: list[float] = []

    def look() -> None:
        seen.append(anyio.current_effective_deadline() - anyio.current_time())

    async with world(look, STARTED, 1.0, look, FINISHED) as shared, trio.open_nursery() as nursery:
        for number, patience_s in enumerate((4, 8, 2)):

            async def call(number: int = number, patience_s: float = patience_s) -> None:
                with anyio.move_on_after(patience_s):
                    await shared.events(ask(number))

            nursery.start_soon(call)
            await anyio.sleep(0.25)
    assert seen == pytest.approx([4, 7.25])


async def test_a_call_that_its_last_caller_cancels_is_not_late_because_the_first_would_be(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(STARTED, 60.0, FINISHED) as shared, trio.open_nursery() as nursery:

        async def call(patience_s: float) -> None:
            with anyio.move_on_after(patience_s):
                await shared.events(ask())

        nursery.start_soon(call, 1.0)
        await anyio.sleep(0.5)
        async with shared.model.stream(ask(1)) as events:
            await anext(events)
            await anyio.sleep(5)
    assert shared.outcomes() == [AttemptOutcome.CANCELLED]


LONG = (STARTED, *[TextDelta("x" * 1_000)] * 200, FINISHED)


async def test_one_who_reads_too_slowly_fails_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(*LONG, buffer_bytes=50_000) as shared, trio.open_nursery() as nursery:

        async def slow() -> None:
            with pytest.raises(ChatError, match="shared with calls that read faster") as caught:
                await shared.hear(ask(1), pause_s=10)
            assert caught.value.reason is ErrorReason.SERVICE_OVERLOADED
            assert caught.value.retryable

        async def fast(number: int) -> None:
            began = anyio.current_time()
            assert len(said(await shared.events(ask(number)))) == 200_000
            assert anyio.current_time() - began < 1

        nursery.start_soon(slow)
        for number in (2, 3):
            nursery.start_soon(fast, number)
    assert shared.upstream.opened == 1
    assert shared.outcomes() == [AttemptOutcome.SERVED]


async def test_one_who_is_alone_may_read_as_slowly_as_it_likes_and_holds_the_provider_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    given_out = 0

    def count() -> None:
        nonlocal given_out
        given_out += 1

    steps = [each for event in LONG for each in (count, event)]
    async with world(*steps, buffer_bytes=5_000) as shared:
        heard = 0
        async with shared.model.stream(ask()) as events:
            async for _ in events:
                heard += 1
                await anyio.sleep(1)
                assert given_out <= heard + AHEAD + 1
    assert heard == len(LONG)


async def test_one_who_comes_when_the_beginning_is_gone_has_a_call_of_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(*LONG, buffer_bytes=5_000) as shared, shared.model.stream(ask(1)) as events:
        for _ in range(50):
            await anext(events)
        assert len(said(await shared.events(ask(2)))) == 200_000
        assert len(said(await drain(events))) > 100_000
    assert shared.upstream.opened == 2


OTHERS: dict[str, Callable[[], ChatCall]] = {
    "another caller": lambda: ask(1, "bob"),
    "another scope": lambda: ask(1, scope="mine"),
    "another delivery": lambda: attrs.evolve(ask(1), delivery=Delivery.WHOLE),
    "one that does not ask": lambda: ask(1, coalesce=False),
    "another question": lambda: attrs.evolve(ask(1), request=attrs.evolve(ask().request, seed=1)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
async def test_only_the_same_call_of_the_same_caller_is_shared(
    autojump_clock: trio.testing.MockClock, other: Callable[[], ChatCall]
) -> None:
    async with world() as shared, trio.open_nursery() as nursery:
        nursery.start_soon(shared.events, ask())
        nursery.start_soon(shared.events, other())
    assert shared.upstream.opened == 2


async def test_calls_with_tools_are_not_shared(autojump_clock: trio.testing.MockClock) -> None:
    async with world() as shared, trio.open_nursery() as nursery:
        for number in range(2):
            armed = attrs.evolve(ask().request, tools=(Tool(name="f"),))
            call = attrs.evolve(ask(number), request=armed)
            nursery.start_soon(shared.events, call)
    assert shared.upstream.opened == 2


async def test_a_call_that_does_not_ask_is_handed_on_as_it_is() -> None:
    async with world(*LONG) as shared:
        call = ask(coalesce=False)
        await shared.events(call)
        assert shared.upstream.calls == [call]
        assert shared.upstream.calls[0] is call


async def test_a_bug_below_reaches_everyone_and_no_other_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(STARTED, 1.0, KeyError("bug")) as shared, trio.open_nursery() as nursery:

        async def call(number: int) -> None:
            with pytest.raises(KeyError):
                await shared.events(ask(number))

        for number in range(3):
            nursery.start_soon(call, number)
        await anyio.sleep(5)
        shared.upstream.steps = PACED
        assert said(await shared.events(ask())) == "ab"


joins = st.lists(
    st.tuples(
        st.integers(0, 6),  # when it comes
        st.sampled_from([0.5, 1.5, 2.5, 100.0]),  # when it has enough
        st.sampled_from([0.0, 0.7]),  # how long it takes for each event
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(joins, st.sampled_from([None, 1, 2, 3]))
def test_whoever_comes_and_goes_everyone_hears_a_beginning_or_all_of_it_or_an_error(
    plan: list[tuple[int, float, float]], fails_after: int | None
) -> None:
    steps: list[Any] = list(PACED)
    if fails_after is not None:
        steps[2 * fails_after + 1 :] = [BROKEN]

    async def play() -> None:
        left = 0

        async def call(when: int, patience_s: float, pause_s: float) -> None:
            nonlocal left
            await anyio.sleep(when)
            heard: list[ChatEvent] = []
            failed = ended = False
            with anyio.move_on_after(patience_s):
                try:
                    async with shared.model.stream(ask(when)) as events:
                        async for event in events:
                            heard.append(event)
                            await anyio.sleep(pause_s)
                    ended = True
                except ProviderFailure:
                    failed = True
            assert "ab".startswith(said(heard))
            if ended:
                assert fails_after is None
                assert isinstance(heard[-1], Finished)
                assert said(heard) == "ab"
            if failed:
                assert fails_after is not None
                assert not any(isinstance(event, Finished) for event in heard)
            left += 1

        async with world(*steps) as shared, trio.open_nursery() as nursery:
            for each in plan:
                nursery.start_soon(call, *each)
        assert left == len(plan)
        assert len(shared.log.records) == shared.upstream.opened <= len(plan)

    trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))


def test_cancelling_one_harms_no_other_wherever_it_happens() -> None:
    async def scenario(cut: Cut) -> None:
        heard: list[str] = []
        async with world() as shared, trio.open_nursery() as nursery:

            async def other() -> None:
                await anyio.sleep(0.6)
                heard.append(said(await shared.events(ask(2))))

            nursery.start_soon(other)
            with cut.here():
                heard.append(said(await shared.events(ask(1))))
        assert heard == ["ab", "ab"] or (cut.done and heard == ["ab"])
        assert 1 <= shared.upstream.opened <= 2
        assert not shared.model.inner._flying  # type: ignore[attr-defined]

    cancel_at_every_await(scenario, at_least=8)


async def test_a_service_that_goes_away_says_so_of_what_is_still_played(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as shared:
        call = ask()
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:

            async def leave() -> None:
                await anyio.sleep(1.5)
                call.ledger.drained = True
                scope.cancel()

            nursery.start_soon(leave)
            with scope:
                await shared.events(call)
    assert shared.outcomes() == [AttemptOutcome.DRAINED]


async def test_a_bug_that_the_last_one_has_not_heard_of_comes_out_as_it_leaves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world(STARTED, KeyError("bug")) as shared:

        async def leave_early() -> None:
            async with shared.model.stream(ask()) as events:
                await anext(events)
                await anyio.sleep(1)

        with pytest.raises(KeyError):
            await leave_early()


async def test_a_call_under_a_key_that_also_shares_is_played_once_and_heard_both_ways(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found: dict[str, list[ChatEvent]] = {}
    async with world() as shared, trio.open_nursery() as nursery:
        book = Keybook(KeyBounds(), shared.stage)
        keyed = Idempotent(shared.model, shared.model.sign, book)

        async def call(name: str, key: str, leaves_s: float = 100) -> None:
            asked = ask()
            request = attrs.evolve(asked.request, idempotency_key=key)
            with anyio.move_on_after(leaves_s):
                async with keyed.stream(attrs.evolve(asked, request=request)) as events:
                    found[name] = await drain(events)

        nursery.start_soon(call, "first", "k", 2.5)
        await anyio.sleep(0.5)
        nursery.start_soon(call, "again", "k", 1.5)
        nursery.start_soon(call, "without a key", "")
        nursery.start_soon(call, "with another key", "other")
        await anyio.sleep(0.25)
        # One for the first call and all that share it, one for the other key.
        assert len(shared.stage._playing) == 2
        await anyio.sleep(10)
        assert shared.stage._playing == {}
    assert shared.upstream.opened == 1
    assert {name: said(each) for name, each in found.items()} == {
        "without a key": "ab",
        "with another key": "ab",
    }
    assert status(found["without a key"]) is CacheStatus.COALESCED


async def test_who_may_not_be_told_to_discard_joins_nobody_who_may(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with world() as shared:
        anew = attrs.evolve(
            ask(1).request, routing=Routing(mid_stream=MidStream.RESTART_WITH_MARKER)
        )
        async with anyio.create_task_group() as tasks:
            for call in (attrs.evolve(ask(1), request=anew), ask(2), ask(3)):
                tasks.start_soon(shared.events, call)
        assert shared.upstream.opened == 2
