"""While Redis is away calls are refused or kept within limits here, as was chosen; nobody waits for it."""

import logging
import signal
import socket

import pytest
import trio

from adapters.storage.memory_limiter import MemoryLimiter
from adapters.storage.redis_limiter.limiter import RedisLimiter
from adapters.storage.redis_limiter.opening import RedisBounds
from domain.model.errors import ErrorReason, LimitExceeded
from domain.policy.limits import Limit, LimitKind, Need
from tests.support.redis import RedisServer
from tests.support.redis_limits import Spent, hold, reserved_in, server

TOKENS = Limit("caller:a", LimitKind.TOKENS_PER_MINUTE, 100)
ONE = Limit("caller:a", LimitKind.PARALLEL_CALLS, 1)
DAY = Limit("caller:a", LimitKind.BUDGET_PER_DAY, 1_000)


async def until_back(books: RedisLimiter) -> None:
    with trio.fail_after(10):
        while books.away:  # noqa: ASYNC110 - it comes from outside
            await trio.sleep(0.005)


async def test_calls_are_refused_at_once_and_let_in_again_when_it_is_back(
    redis_server: RedisServer, redis_url: str
) -> None:
    told: list[str] = []
    async with server(redis_url, tell=told.append) as books:
        await hold(books, (ONE,))
        redis_server.stop(signal.SIGKILL)
        began = trio.current_time()
        for _ in range(20):
            with pytest.raises(LimitExceeded) as caught:
                await hold(books, (ONE,), wait_s=10)
            assert caught.value.reason is ErrorReason.SERVICE_OVERLOADED
            assert caught.value.retry_after_s == 1.0
        assert trio.current_time() - began < 0.5
        assert books.away
        redis_server.start()
        await until_back(books)
        await hold(books, (ONE,))
        assert books.away_s > 0
    (away, back) = told
    assert f"Redis at {redis_url} is away" in away
    assert "is back" in back


async def test_each_server_keeps_the_limits_by_itself_meanwhile_if_that_was_chosen(
    redis_server: RedisServer, redis_url: str
) -> None:
    async with server(redis_url, meanwhile=MemoryLimiter()) as books:
        redis_server.stop(signal.SIGKILL)
        await hold(books, (TOKENS,), need=Need(tokens=100))
        with pytest.raises(LimitExceeded) as caught:
            await hold(books, (TOKENS,), need=Need(tokens=100))
        assert caught.value.reason is ErrorReason.POLICY_RATE_LIMITED
        redis_server.start()
        await until_back(books)
        await hold(books, (TOKENS,), need=Need(tokens=100))


async def test_a_redis_that_answers_no_more_is_waited_for_once(
    redis_server: RedisServer, redis_url: str
) -> None:
    bounds = RedisBounds(timeout_s=0.2, settle_s=0.2, retry_s=0.02)
    async with server(redis_url, bounds=bounds) as books:
        async with books.reserved((ONE, TOKENS), Need(tokens=50), 0) as reservation:
            redis_server._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
            try:
                began = trio.current_time()
                for _ in range(10):
                    with pytest.raises(LimitExceeded):
                        await hold(books, (ONE,), wait_s=10)
                assert 0.15 < trio.current_time() - began < 0.4
                reservation.used = Need(tokens=50)
            finally:
                redis_server._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
        await until_back(books)
        # Settled later, and counted once.
        assert reserved_in(redis_server) == 0
        with pytest.raises(LimitExceeded):
            await hold(books, (TOKENS,), need=Need(tokens=60))
        await hold(books, (TOKENS,), need=Need(tokens=50))


async def test_a_call_that_waits_when_redis_goes_does_not_wait_for_its_return(
    redis_server: RedisServer, redis_url: str
) -> None:
    async with server(redis_url) as books, server(redis_url) as other:
        async with other.reserved((ONE,), Need(), 0), trio.open_nursery() as nursery:

            async def call() -> None:
                with pytest.raises(LimitExceeded, match="away"):
                    await hold(books, (ONE,), wait_s=60)

            for _ in range(3):
                nursery.start_soon(call)
            await trio.sleep(0.05)
            redis_server.stop(signal.SIGKILL)
        redis_server.start()
        await until_back(other)
        await hold(other, (ONE,))


async def test_what_was_spent_meanwhile_is_looked_up_in_the_account(
    redis_server: RedisServer, redis_url: str
) -> None:
    account = Spent(100)
    async with server(redis_url, spending=account, meanwhile=MemoryLimiter()) as books:
        await hold(books, (DAY,), need=Need(nano_usd=1))
        redis_server.stop(signal.SIGKILL)
        await hold(books, (DAY,), need=Need(nano_usd=800))
        account.nano_usd = 901
        redis_server.start()
        await until_back(books)
        with pytest.raises(LimitExceeded):
            await hold(books, (DAY,), need=Need(nano_usd=100))
        await hold(books, (DAY,), need=Need(nano_usd=99))


async def test_a_server_starts_where_nothing_answers(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://:s3cret@127.0.0.1:{probe.getsockname()[1]}"
        with caplog.at_level(logging.DEBUG):
            async with server(url, tell=told.append) as books:
                with pytest.raises(LimitExceeded):
                    await hold(books, (ONE,))
                await trio.sleep(0.1)
    assert len(told) == 1
    assert "s3cret" not in told[0] + caplog.text
