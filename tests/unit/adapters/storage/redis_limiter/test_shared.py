"""Limits that several servers share over one Redis: exact, whoever dies, and whatever is cancelled."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import attrs
import pytest
import trio

from adapters.storage.redis_limiter.opening import RedisBounds
from domain.model.errors import LimitExceeded
from domain.policy.limits import Limit, LimitKind, Need
from ports.limiter import Limiter
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.redis import RedisServer
from tests.support.redis_limits import Spent, ask, hold, reserved_in, server

PARALLEL = Limit("caller:a", LimitKind.PARALLEL_CALLS, 5)
TOKENS = Limit("caller:a", LimitKind.TOKENS_PER_MINUTE, 100)
REQUESTS = Limit("caller:a", LimitKind.REQUESTS_PER_MINUTE, 10_000)
DAY = Limit("caller:a", LimitKind.BUDGET_PER_DAY, 1_000)
ALL = (PARALLEL, TOKENS, REQUESTS, DAY)
ONE = Limit("service", LimitKind.PARALLEL_CALLS, 1)
ROOT = Path(__file__).resolve().parents[5]


@attrs.define
class Seen:
    """What two servers let in together."""

    now: int = 0
    most: int = 0
    served: int = 0

    async def call(self, books: Limiter, limits: tuple[Limit, ...], wait_s: float) -> None:
        with suppress(LimitExceeded):
            async with books.reserved(limits, Need(tokens=2, nano_usd=1), wait_s) as reservation:
                self.now += 1
                self.most = max(self.most, self.now)
                await trio.sleep(0.002)
                self.now -= 1
                self.served += 1
                reservation.used = Need(tokens=2, nano_usd=1)


async def test_two_servers_are_never_over_a_limit_together(
    redis_server: RedisServer, redis_url: str
) -> None:
    seen = Seen()
    began = trio.current_time()
    async with server(redis_url) as one, server(redis_url) as two:
        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(seen.call, one, ALL, 0.5)
                nursery.start_soon(seen.call, two, ALL, 0.5)
        took_s = trio.current_time() - began
    assert seen.most == 5
    # 50 calls' worth, and what comes back meanwhile: 1 call each 1.2 s.
    assert 50 <= seen.served <= 50 + took_s / 1.2
    assert reserved_in(redis_server) == 0
    assert ask(redis_server, "KEYS", "*:held:*") == []


async def test_calls_of_two_servers_that_may_wait_are_all_served(
    redis_server: RedisServer, redis_url: str
) -> None:
    seen = Seen()
    async with (
        server(redis_url) as one,
        server(redis_url) as two,
        trio.open_nursery() as nursery,
    ):
        for _ in range(50):
            nursery.start_soon(seen.call, one, (PARALLEL,), 20.0)
            nursery.start_soon(seen.call, two, (PARALLEL,), 20.0)
    assert (seen.most, seen.served) == (5, 100)
    assert reserved_in(redis_server) == 0


async def test_money_spent_before_is_told_to_redis_once_however_many_servers_look(
    redis_url: str,
) -> None:
    spent = Spent(900)
    async with (
        server(redis_url, spending=spent) as one,
        server(redis_url, spending=spent) as two,
    ):
        for books in (one, two, one, two):
            await hold(books, (DAY,), need=Need(nano_usd=25))
        with pytest.raises(LimitExceeded):
            await hold(one, (DAY,), need=Need(nano_usd=1))
    assert spent.asked == 2


_HOLDER = """
import sys, trio
from adapters.storage.redis_limiter.opening import RedisBounds
from domain.policy.limits import Limit, LimitKind, Need
from tests.support.redis_limits import server
async def main():
    slots = Limit("caller:a", LimitKind.PARALLEL_CALLS, 5)
    money = Limit("caller:a", LimitKind.BUDGET_PER_DAY, 1000)
    async with server(sys.argv[1], bounds=RedisBounds(lease_s=0.5)) as books:
        async with books.reserved((slots, money), Need(nano_usd=1000), 0):
            print("held", flush=True)
            await trio.sleep_forever()
trio.run(main)
"""


async def test_what_a_killed_server_held_comes_back_after_its_lease(
    redis_server: RedisServer, redis_url: str
) -> None:
    process = await trio.to_thread.run_sync(
        lambda: subprocess.Popen(
            [sys.executable, "-c", _HOLDER, redis_url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    )
    with process:
        assert process.stdout is not None
        assert await trio.to_thread.run_sync(process.stdout.readline) == b"held\n"
        async with server(redis_url) as books:
            # Longer than the lease: it is renewed as long as the server lives.
            await trio.sleep(0.8)
            with pytest.raises(LimitExceeded):
                await hold(books, (DAY,), need=Need(nano_usd=1))
            process.send_signal(signal.SIGKILL)
            await trio.to_thread.run_sync(process.wait)
            killed = trio.current_time()
            with pytest.raises(LimitExceeded):
                await hold(books, (DAY,), need=Need(nano_usd=1))
            await hold(books, (DAY, PARALLEL), need=Need(nano_usd=1_000), wait_s=10)
            assert 0.1 < trio.current_time() - killed < 2
    assert reserved_in(redis_server) == 0


async def test_a_server_that_was_silent_for_long_has_back_what_it_holds(
    redis_server: RedisServer, redis_url: str
) -> None:
    # Its beats come much later than its lease ends.
    silent = RedisBounds(lease_s=0.05)
    async with server(redis_url, bounds=silent) as one, server(redis_url) as two:
        one.link.beat_s = 60.0
        await hold(one, (REQUESTS,))
        async with one.reserved((ONE, TOKENS), Need(tokens=90), 0) as reservation:
            await trio.sleep(0.1)
            async with two.reserved((ONE,), Need(), 0):
                with pytest.raises(LimitExceeded):
                    await hold(one, (ONE,))
                # It holds its place again, although there is but one.
                assert reserved_in(redis_server) == 92
            reservation.used = Need(tokens=70)
        with pytest.raises(LimitExceeded):
            await hold(two, (TOKENS,), need=Need(tokens=40))
        await hold(two, (TOKENS,), need=Need(tokens=30))


async def test_a_redis_that_was_emptied_learns_again_who_holds_what(
    redis_server: RedisServer, redis_url: str
) -> None:
    spent = Spent(400)
    async with server(redis_url, spending=spent) as one, server(redis_url) as two:
        async with one.reserved((ONE, DAY), Need(nano_usd=500), 0) as reservation:
            assert ask(redis_server, "FLUSHALL") == b"+OK"[1:]
            with pytest.raises(LimitExceeded):
                await hold(one, (ONE,))
            with pytest.raises(LimitExceeded):
                await hold(two, (ONE,))
            reservation.used = Need(nano_usd=300)
            spent.nano_usd += 300
        with pytest.raises(LimitExceeded):
            await hold(one, (DAY,), need=Need(nano_usd=400))
        await hold(one, (DAY,), need=Need(nano_usd=300))
    assert spent.asked == 2


async def test_nothing_stays_for_ever(redis_server: RedisServer, redis_url: str) -> None:
    async with server(redis_url) as books, books.reserved(ALL, Need(tokens=1), 0):
        names = ask(redis_server, "KEYS", "*")
        assert isinstance(names, list)
        assert len(names) == 6
        for name in names:
            assert isinstance(name, bytes)
            # One node of a cluster has them all.
            assert name.startswith(b"{llmservice}:")
            seconds = ask(redis_server, "TTL", name.decode())
            assert isinstance(seconds, int)
            assert 0 < seconds <= 33 * 86_400


def test_a_call_cancelled_at_any_await_leaves_nothing(
    redis_server: RedisServer, redis_url: str
) -> None:
    async def scenario(cut: Cut) -> None:
        async with server(redis_url) as books, server(redis_url) as other:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: hold(other, (ONE,), for_s=0.01))
                with cut.here():
                    await hold(books, (*ALL, ONE), need=Need(nano_usd=1), wait_s=5)
            assert reserved_in(redis_server) == 0
            assert (books._open, books._owed, books._waiting) == ({}, {}, 0)
            assert books._lines._lines == {}
            await hold(books, ALL, need=Need(tokens=100), used=Need())

    cancel_at_every_await(scenario, at_least=6, clock=lambda: None)
