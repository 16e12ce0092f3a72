"""Answers that are kept and given again: whose, which, when, and what they cost."""

from typing import Any

import anyio
import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.memory_response_cache import MemoryResponseCache
from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.call import ChatCall, Delivery
from domain.model.caller import Caller
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    Started,
    TextDelta,
)
from domain.model.response_cache import CacheMode, CacheStatus, ResponseCachePolicy
from domain.model.tools import Tool
from domain.model.usage import UsageSource
from domain.services.recalled import Keeping, Kept, Recalled
from domain.services.settle import Settled
from domain.services.signed import Signer
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import ANSWER, FINISHED, STARTED, SlowLog, Upstream, drain, question

BOTH = ResponseCachePolicy(mode=CacheMode.READ_WRITE)
READ = ResponseCachePolicy(mode=CacheMode.READ_ONLY)
WRITE = ResponseCachePolicy(mode=CacheMode.WRITE_ONLY)


def ask(
    policy: ResponseCachePolicy | None = BOTH, text: str = "hi", caller: str = "alice", **more: Any
) -> ChatCall:
    request = attrs.evolve(question(text), response_cache=policy, **more)
    return ChatCall(request=request, caller=Caller(caller))


@attrs.define
class Cached:
    """An accounted upstream whose answers are kept."""

    upstream: Upstream = attrs.field(factory=Upstream)
    cache: MemoryResponseCache | None = attrs.field(factory=lambda: MemoryResponseCache(1_000_000))
    with_tools: bool = False
    max_answer_bytes: int = 100_000
    log: MemoryUsageLog = attrs.field(factory=MemoryUsageLog)

    @property
    def model(self) -> Recalled:
        keeping = Keeping(
            cache=self.cache,
            default_ttl_s=100,
            max_ttl_s=1000,
            max_answer_bytes=self.max_answer_bytes,
            with_tools=self.with_tools,
        )
        sign = Signer({})
        return Recalled(
            Kept(Settled(self.upstream, "upstream", self.log), keeping, sign), keeping, sign
        )

    async def events(self, call: ChatCall) -> list[ChatEvent]:
        async with self.model.stream(call) as events:
            return await drain(events)

    async def status(self, call: ChatCall) -> CacheStatus | None:
        """Return what a call is told, which is what the log is told."""
        started = (await self.events(call))[0]
        assert isinstance(started, Started)
        assert started.cache_status is call.ledger.cache_status
        return started.cache_status


def text_of(events: list[ChatEvent]) -> str:
    return "".join(each.text for each in events if isinstance(each, TextDelta))


@pytest.mark.parametrize("delivery", Delivery)
async def test_the_second_call_is_answered_without_a_provider_a_record_or_a_charge(
    delivery: Delivery,
) -> None:
    cached = Cached()
    first = await cached.events(ask())
    again = attrs.evolve(ask(), delivery=delivery)
    second = await cached.events(again)
    assert text_of(first) == text_of(second) == "Hello world"
    start, end = second[0], second[-1]
    assert isinstance(start, Started)
    assert (start.id, start.cache_status) == (STARTED.id, CacheStatus.HIT)
    assert isinstance(end, Finished)
    assert (end.usage.source, end.usage.cost_nano_usd) == (UsageSource.LOCAL_CACHE, 0)
    assert (end.usage.input_tokens, end.usage.output_tokens, end.attempts) == (3, 5, ())
    assert cached.upstream.opened == len(cached.log.records) == 1
    assert again.ledger.attempts == []


async def test_a_call_that_does_not_ask_is_handed_on_as_it_is() -> None:
    cached = Cached()
    for policy in (None, ResponseCachePolicy()):
        call = ask(policy)
        settled = cached.model.inner.inner  # type: ignore[attr-defined]
        assert type(cached.model.stream(call)) is type(settled.stream(call))
        assert await cached.status(call) is None
        assert cached.upstream.calls[-1] is call
    assert cached.upstream.opened == 2


MODES = [
    (BOTH, BOTH, [CacheStatus.MISS, CacheStatus.HIT]),
    (WRITE, READ, [CacheStatus.BYPASS, CacheStatus.HIT]),
    (READ, READ, [CacheStatus.MISS, CacheStatus.MISS]),
    (WRITE, WRITE, [CacheStatus.BYPASS, CacheStatus.BYPASS]),
    (BOTH, None, [CacheStatus.MISS, None]),
    (None, BOTH, [None, CacheStatus.MISS]),
]


@pytest.mark.parametrize(("first", "second", "told"), MODES)
async def test_each_mode_reads_and_writes_what_it_says(
    first: ResponseCachePolicy | None, second: ResponseCachePolicy | None, told: list[Any]
) -> None:
    cached = Cached()
    assert [await cached.status(ask(first)), await cached.status(ask(second))] == told


async def test_without_a_cache_every_call_is_told_that_it_is_bypassed() -> None:
    cached = Cached(cache=None)
    assert [await cached.status(ask()) for _ in range(2)] == [CacheStatus.BYPASS] * 2


async def test_calls_with_tools_go_past_the_cache_unless_the_settings_say_otherwise() -> None:
    tools = (Tool(name="f"),)
    for with_tools, told in ((False, CacheStatus.BYPASS), (True, CacheStatus.HIT)):
        cached = Cached(with_tools=with_tools)
        await cached.events(ask(tools=tools))
        assert await cached.status(ask(tools=tools)) is told


async def test_an_answer_is_kept_as_long_as_its_call_said_and_never_longer_than_may_be(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for ttl_s, kept_s in ((None, 100), (10.0, 10), (5_000.0, 1000)):
        cached = Cached()
        policy = attrs.evolve(BOTH, ttl_s=ttl_s)
        await cached.events(ask(policy))
        await anyio.sleep(kept_s - 1)
        assert await cached.status(ask(READ)) is CacheStatus.HIT
        await anyio.sleep(1)
        assert await cached.status(ask(READ)) is CacheStatus.MISS


async def test_a_call_takes_no_answer_older_than_it_accepts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    cached = Cached()
    await cached.events(ask())
    await anyio.sleep(20)
    assert await cached.status(ask(attrs.evolve(READ, max_age_s=20.0))) is CacheStatus.HIT
    assert await cached.status(ask(attrs.evolve(BOTH, max_age_s=19.0))) is CacheStatus.MISS
    # It brought a new one.
    assert await cached.status(ask(attrs.evolve(READ, max_age_s=0.0))) is CacheStatus.HIT


@pytest.mark.parametrize("reason", FinishReason)
async def test_only_answers_that_ended_by_themselves_are_kept(reason: FinishReason) -> None:
    cached = Cached(
        Upstream(steps=(STARTED, TextDelta("a"), attrs.evolve(FINISHED, reason=reason)))
    )
    await cached.events(ask())
    natural = reason in (FinishReason.STOP, FinishReason.MAX_TOKENS, FinishReason.TOOL_CALLS)
    assert await cached.status(ask()) is (CacheStatus.HIT if natural else CacheStatus.MISS)


async def test_what_failed_or_was_left_is_not_kept() -> None:
    broken = ProviderFailure("gone", ErrorReason.PROVIDER_CONNECTION_FAILED)
    cached = Cached(Upstream(steps=(STARTED, TextDelta("a"), broken)))
    with pytest.raises(ProviderFailure):
        await cached.events(ask())
    cached.upstream.steps = ANSWER
    async with cached.model.stream(ask()) as events:
        await anext(events)
        await anext(events)
    assert await cached.status(ask()) is CacheStatus.MISS
    assert await cached.status(ask()) is CacheStatus.HIT


async def test_an_answer_that_is_too_long_is_given_and_not_kept() -> None:
    cached = Cached(
        Upstream(steps=(STARTED, *[TextDelta("x" * 100)] * 50, FINISHED)), max_answer_bytes=4_000
    )
    for _ in range(2):
        assert text_of(await cached.events(ask())) == "x" * 5_000
    assert cached.upstream.opened == 2


async def test_a_long_kept_answer_lets_others_have_their_turn() -> None:
    cached = Cached(Upstream(steps=(STARTED, *[TextDelta("x" * 600)] * 100, FINISHED)))
    await cached.events(ask())
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await cached.events(ask())
        nursery.cancel_scope.cancel()
    assert turns >= 2


@attrs.define
class Personal(Upstream):
    """Says who asked, in which scope, for what: so that a mix-up shows."""

    def answer_to(self, call: ChatCall) -> str:
        policy = call.request.response_cache
        part = call.request.messages[0].parts[0]
        return f"{call.caller.name}/{policy and policy.scope}/{part}"

    def stream(self, call: ChatCall, /) -> Any:
        self.steps = (STARTED, TextDelta(self.answer_to(call)), FINISHED)
        return super().stream(call)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["alice", "bob", "alice/a"]),
            st.sampled_from(["", "a", "b"]),
            st.sampled_from(["x", "y"]),
            st.sampled_from([BOTH, READ, WRITE]),
        ),
        max_size=20,
    )
)
def test_nobody_is_ever_given_what_was_said_to_somebody_else(
    calls: list[tuple[str, str, str, ResponseCachePolicy]],
) -> None:
    async def play() -> None:
        upstream = Personal()
        cached = Cached(upstream)
        for caller, scope, text, policy in calls:
            call = ask(attrs.evolve(policy, scope=scope), text, caller)
            assert text_of(await cached.events(call)) == upstream.answer_to(call)

    trio.run(play)


def test_a_cached_call_settles_and_keeps_only_what_is_whole_wherever_it_is_cancelled() -> None:
    async def scenario(cut: Cut) -> None:
        upstream = Upstream(
            steps=(1.0, STARTED, 1.0, TextDelta("a"), FINISHED), entry=(0.5,), close_s=0.25
        )
        log = SlowLog(takes_s=0.5)
        cached = Cached(upstream, log=log)  # type: ignore[arg-type]
        with cut.here():
            await cached.events(ask())
        assert upstream.opened == upstream.closed == len(log.records)
        cached.upstream.steps = (STARTED, TextDelta("b"), FINISHED)
        assert text_of(await cached.events(ask())) in ("a", "b")
        if not cut.done:
            assert upstream.opened == 1

    cancel_at_every_await(scenario, at_least=8)
