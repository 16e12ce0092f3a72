"""What every response cache does, in memory and over a real Redis; and what each does by itself."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import attrs
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.memory_response_cache import MemoryResponseCache
from adapters.storage.redis_cache.cache import (
    CacheBounds,
    RedisResponseCache,
    open_redis_response_cache,
)
from adapters.storage.redis_cache.form import decode, encode
from adapters.storage.redis_limiter.address import redis_address
from domain.model.events import (
    CallWarning,
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    WarningRaised,
)
from domain.model.response_cache import CacheStatus
from domain.model.usage import Usage, UsageSource
from domain.policy.keeping import compact
from ports.response_cache import ResponseCache
from tests.support.core_model import ANSWER, FINISHED, STARTED
from tests.support.redis import RedisServer

KEPT = compact(ANSWER)
OTHER = compact([STARTED, TextDelta("other"), FINISHED])


@asynccontextmanager
async def redis_cache(
    url: str, told: list[str] | None = None, bounds: CacheBounds | None = None
) -> AsyncIterator[RedisResponseCache]:
    async with open_redis_response_cache(
        redis_address(url),
        tell=([] if told is None else told).append,
        bounds=bounds or CacheBounds(retry_s=0.02),
    ) as cache:
        yield cache


async def holds_the_contract(cache: ResponseCache) -> None:
    assert await cache.get(b"a") is None
    await cache.put(b"a", KEPT, 60)
    await cache.put(b"b", OTHER, 60)
    found = await cache.get(b"a")
    assert found is not None
    assert found.events == KEPT
    assert 0 <= found.age_s < 5
    await cache.put(b"a", OTHER, 60)
    again = await cache.get(b"a")
    assert again is not None
    assert again.events == OTHER


async def test_memory_gives_what_it_was_given() -> None:
    await holds_the_contract(MemoryResponseCache(1_000_000))


async def test_redis_gives_what_it_was_given_to_every_server(redis_url: str) -> None:
    async with redis_cache(redis_url) as cache, redis_cache(redis_url) as other:
        await holds_the_contract(cache)
        found = await other.get(b"b")
        assert found is not None
        assert found.events == OTHER


async def test_memory_forgets_in_time(autojump_clock: trio.testing.MockClock) -> None:
    cache = MemoryResponseCache(1_000_000)
    await cache.put(b"a", KEPT, 10)
    await anyio.sleep(9.5)
    found = await cache.get(b"a")
    assert found is not None
    assert found.age_s == 9.5
    await anyio.sleep(0.5)
    assert await cache.get(b"a") is None
    assert cache.taken_bytes == 0


async def test_redis_forgets_in_time(redis_url: str, redis_server: RedisServer) -> None:
    async with redis_cache(redis_url) as cache:
        await cache.put(b"a", KEPT, 60)
        (left,) = redis_server.command("PTTL", "{llmservice}answer:61").strip().split(b":")[1:]
        assert 55_000 < int(left) <= 60_000


async def test_memory_lets_go_what_was_used_longest_ago() -> None:
    answer = (STARTED, TextDelta("x" * 1_000), FINISHED)
    one = MemoryResponseCache(1_000_000)
    await one.put(b"a", answer, 60)
    cache = MemoryResponseCache(one.taken_bytes * 3)
    for key in (b"a", b"b", b"c"):
        await cache.put(key, answer, 60)
    assert await cache.get(b"a") is not None
    await cache.put(b"d", answer, 60)
    assert [key for key in (b"a", b"b", b"c", b"d") if await cache.get(key)] == [b"a", b"c", b"d"]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3_000)), max_size=30))
def test_memory_never_takes_more_than_it_may(puts: list[tuple[str, int]]) -> None:
    async def play() -> None:
        cache = MemoryResponseCache(5_000, clock=lambda: 0.0)
        for key, length in puts:
            answer = (STARTED, TextDelta("x" * length), FINISHED)
            await cache.put(key.encode(), answer, 60)
            assert cache.taken_bytes <= 5_000
            # The newest is there.
            assert await cache.get(key.encode()) is not None
        assert (cache.taken_bytes == 0) is (puts == [])

    trio.run(play)


async def test_redis_keeps_no_answer_that_is_too_long(redis_url: str) -> None:
    bounds = CacheBounds(max_value_bytes=2_000)
    async with redis_cache(redis_url, bounds=bounds) as cache:
        await cache.put(b"a", (STARTED, TextDelta("x" * 3_000), FINISHED), 60)
        assert await cache.get(b"a") is None


async def test_redis_that_is_away_is_an_empty_cache_and_said_once(
    redis_server: RedisServer, redis_url: str
) -> None:
    told: list[str] = []
    async with redis_cache(redis_url, told) as cache:
        await cache.put(b"a", KEPT, 60)
        redis_server.stop(signal.SIGKILL)
        for _ in range(5):
            assert await cache.get(b"a") is None
            await cache.put(b"a", KEPT, 60)
        redis_server.start()
        with anyio.fail_after(5):
            while len(told) < 2:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        await cache.put(b"a", KEPT, 60)
        assert await cache.get(b"a") is not None
    assert len(told) == 2
    assert "is away" in told[0]
    assert "is back" in told[1]


async def test_redis_that_answers_no_more_is_waited_for_once(
    redis_server: RedisServer, redis_url: str
) -> None:
    async with redis_cache(redis_url, bounds=CacheBounds(timeout_s=0.1, retry_s=0.02)) as cache:
        redis_server._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        try:
            began = anyio.current_time()
            for _ in range(10):
                assert await cache.get(b"a") is None
            assert anyio.current_time() - began < 0.5
        finally:
            redis_server._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]


async def test_what_somebody_else_wrote_under_the_key_is_as_good_as_nothing(
    redis_server: RedisServer, redis_url: str
) -> None:
    async with redis_cache(redis_url) as cache:
        for value in ("", "x", "[]", "[2,0,[]]", '[1,0,[["text",{}]]]', '[1,0,[["no",{}]]]', "[1]"):
            redis_server.command("SET", "{llmservice}answer:61", value)
            assert await cache.get(b"a") is None


texts = st.text(max_size=5)
indices = st.integers(0, 3)
counts = st.none() | st.integers(0, 2**40)
events: st.SearchStrategy[ChatEvent] = st.one_of(
    st.builds(TextDelta, texts, indices),
    st.builds(RefusalDelta, texts, indices),
    st.builds(
        ReasoningDelta,
        text=texts,
        signature=st.binary(max_size=5),
        redacted=st.booleans(),
        provider=texts,
        part_index=indices,
    ),
    st.builds(
        ToolCallDelta,
        id=texts,
        name=texts,
        arguments_fragment=texts,
        signature=st.binary(max_size=5),
        part_index=indices,
    ),
    st.builds(WarningRaised, st.builds(CallWarning, texts, texts)),
)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    reasoning_tokens=counts,
    source=st.just(UsageSource.LOCAL_CACHE),
    cost_nano_usd=st.just(0),
)


@settings(max_examples=100)
@given(st.lists(events, max_size=6), usages, st.sampled_from(FinishReason), texts)
def test_whatever_was_said_is_read_as_it_was_written(
    found: list[ChatEvent], usage: Usage, reason: FinishReason, word: str
) -> None:
    answer = (
        Started(id=word, provider="p", model="m", cache_status=CacheStatus.HIT),
        *found,
        Finished(reason=reason, native_reason=word, usage=usage),
    )
    data = encode(answer, 12.5)
    assert data is not None
    assert decode(data) == (answer, 12.5)


def test_what_cannot_be_said_in_json_is_not_kept() -> None:
    assert encode((STARTED, TextDelta("\ud800"), FINISHED), 0) is None


def test_no_field_of_an_event_is_forgotten() -> None:
    counted = [field.name for field in attrs.fields(Usage) if str(field.type).startswith("int")]
    full = attrs.evolve(
        Usage(source=UsageSource.LOCAL_CACHE, price_version="v"),
        **dict.fromkeys(counted, 1),  # type: ignore[arg-type]
    )
    assert len(counted) == len(attrs.fields(Usage)) - 3
    begun = attrs.evolve(STARTED, cache_status=CacheStatus.HIT)
    answer = (begun, Finished(reason=FinishReason.STOP, native_reason="n", usage=full))
    data = encode(answer, 0)
    assert data is not None
    assert decode(data) == (answer, 0.0)


@settings(max_examples=100)
@given(st.binary(max_size=30) | st.text(max_size=30).map(str.encode))
def test_what_cannot_be_read_is_absent(data: bytes) -> None:
    assert decode(data) is None
