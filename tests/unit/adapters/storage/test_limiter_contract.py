"""What every limiter does, wherever it keeps its books; in real time, as Redis has a clock of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import pytest
import trio

from adapters.storage.memory_limiter import MemoryLimiter
from domain.model.errors import ErrorReason, LimitExceeded
from domain.policy.limits import Limit, LimitKind, Need
from ports.limiter import Limiter
from tests.support.redis_limits import Spent, hold, server

PARALLEL = Limit("caller:a", LimitKind.PARALLEL_CALLS, 2)
TOKENS = Limit("caller:a", LimitKind.TOKENS_PER_MINUTE, 100)
REQUESTS = Limit("caller:a", LimitKind.REQUESTS_PER_MINUTE, 6)
DAY = Limit("caller:a", LimitKind.BUDGET_PER_DAY, 1_000)
MONTH = Limit("caller:a", LimitKind.BUDGET_PER_MONTH, 1_000)
OURS = Limit("service", LimitKind.PARALLEL_CALLS, 3)
GLOB = Limit("model:openai/gpt 5 % *", LimitKind.PARALLEL_CALLS, 1)
# 100 tokens come back in 60 ms.
FAST = Limit("provider:a", LimitKind.TOKENS_PER_MINUTE, 100_000)

Opened = Callable[..., AbstractAsyncContextManager[Limiter]]


@pytest.fixture(params=["memory", "redis"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Open a limiter that nobody has used."""
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        return partial(_over_redis, url)

    return _in_memory


@asynccontextmanager
async def _in_memory(spent: int = 0) -> AsyncIterator[Limiter]:
    yield MemoryLimiter(Spent(spent))


@asynccontextmanager
async def _over_redis(url: str, spent: int = 0) -> AsyncIterator[Limiter]:
    async with server(url, spending=Spent(spent)) as books:
        yield books


async def test_a_call_takes_all_or_nothing(opened: Opened) -> None:
    async with opened() as books:
        async with books.reserved((GLOB,), Need(), 0):
            for _ in range(10):
                with pytest.raises(LimitExceeded):
                    await hold(books, (TOKENS, PARALLEL, REQUESTS, GLOB), need=Need(tokens=90))
        await hold(
            books, (TOKENS, PARALLEL, REQUESTS, GLOB, DAY, MONTH, OURS), need=Need(tokens=90)
        )


async def test_a_refusal_names_every_limit_that_is_short_and_says_when_to_come_back(
    opened: Opened,
) -> None:
    async with opened() as books:
        for _ in range(6):
            await hold(books, (TOKENS, REQUESTS), need=Need(tokens=16))
        with pytest.raises(LimitExceeded) as caught:
            await hold(books, (TOKENS, REQUESTS), need=Need(tokens=16), wait_s=1)
        error = caught.value
        assert error.reason is ErrorReason.POLICY_RATE_LIMITED
        assert error.retryable
        assert "100 tokens a minute" in error.message
        assert "6 requests a minute" in error.message
        assert 9 < (error.retry_after_s or 0) <= 10
        with pytest.raises(LimitExceeded) as caught:
            await hold(books, (TOKENS, REQUESTS), need=Need(tokens=16))
        # Behind the one before it.
        assert 19 < (caught.value.retry_after_s or 0) <= 20


async def test_what_was_not_used_is_there_at_once(opened: Opened) -> None:
    async with opened() as books:
        for _ in range(5):
            await hold(books, (TOKENS,), need=Need(tokens=90), used=Need(tokens=1))
            with pytest.raises(LimitExceeded):
                await hold(books, (TOKENS,), need=Need(tokens=100))
            await hold(books, (TOKENS,), need=Need(tokens=90), used=Need())


async def test_who_waits_for_a_rate_is_let_in_when_it_says(opened: Opened) -> None:
    async with opened() as books:
        await hold(books, (FAST,), need=Need(tokens=100_000))
        began = trio.current_time()
        with pytest.raises(LimitExceeded):
            await hold(books, (FAST,), need=Need(tokens=1_000), wait_s=0.3)
        assert trio.current_time() - began < 0.25
        await hold(books, (FAST,), need=Need(tokens=200), wait_s=10)
        assert 0.09 < trio.current_time() - began < 2


async def test_who_waits_is_served_in_the_order_of_arrival(opened: Opened) -> None:
    order: list[int] = []

    async def call(books: Limiter, number: int) -> None:
        async with books.reserved((GLOB, FAST), Need(tokens=100), 10):
            order.append(number)
            await trio.sleep(0.005)

    async with opened() as books, trio.open_nursery() as nursery:  # noqa: SIM117 - the order matters
        async with books.reserved((GLOB,), Need(), 0):
            for number in range(12):
                nursery.start_soon(call, books, number)
                await trio.sleep(0.005)
            assert order == []
    assert order == list(range(12))


async def test_a_line_for_one_limit_holds_nobody_back_who_does_not_need_it(opened: Opened) -> None:
    other = Limit("caller:b", LimitKind.PARALLEL_CALLS, 1)
    async with opened() as books, trio.open_nursery() as nursery:  # noqa: SIM117 - as well
        async with books.reserved((GLOB, OURS), Need(), 0):
            nursery.start_soon(lambda: hold(books, (GLOB, OURS), wait_s=10))
            await trio.sleep(0.03)
            await hold(books, (other, OURS))


async def test_a_wait_ends_when_it_was_to_end(opened: Opened) -> None:
    async with opened() as books, books.reserved((GLOB,), Need(), 0):
        began = trio.current_time()
        with pytest.raises(LimitExceeded) as caught:
            await hold(books, (GLOB,), wait_s=0.15)
        assert 0.15 <= trio.current_time() - began < 1
        assert caught.value.reason is ErrorReason.POLICY_CONCURRENCY_LIMITED
        assert caught.value.retry_after_s


@pytest.mark.parametrize("budget", [DAY, MONTH], ids=["day", "month"])
async def test_a_budget_knows_what_was_spent_before(opened: Opened, budget: Limit) -> None:
    async with opened(900) as books:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(lambda: hold(books, (budget,), need=Need(nano_usd=30)))
        with pytest.raises(LimitExceeded) as caught:
            await hold(books, (budget,), need=Need(nano_usd=30), wait_s=60)
        assert caught.value.reason is ErrorReason.POLICY_BUDGET_EXCEEDED
        assert not caught.value.retryable
        longest_s = 86_400 if budget is DAY else 31 * 86_400
        assert 0 < (caught.value.retry_after_s or 0) <= longest_s
        await hold(books, (budget,), need=Need(nano_usd=10))


async def test_a_wait_for_money_that_was_spent_meanwhile_ends(opened: Opened) -> None:
    async with opened() as books, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: hold(books, (DAY,), need=Need(nano_usd=900), for_s=0.1))
        await trio.sleep(0.05)
        began = trio.current_time()
        with pytest.raises(LimitExceeded):
            await hold(books, (DAY,), need=Need(nano_usd=200), wait_s=30)
        assert trio.current_time() - began < 2
