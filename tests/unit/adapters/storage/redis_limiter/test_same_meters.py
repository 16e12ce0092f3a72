"""The scripts decide as the meters do, to the last microsecond: the same schedules through both."""

import math
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.redis_limiter.claims import name_of
from adapters.storage.redis_limiter.scripts import ANNOUNCE, SEED, SETTLE, TAKE, Script
from domain.policy.limits import METERS, Limit, LimitKind
from domain.policy.metering import OneMeter
from domain.policy.meters import Moment
from domain.policy.periods import DAY, MONTH
from tests.support.core_limits import settle, take
from tests.support.redis import RedisServer

LIMITS = (
    Limit("caller:a", LimitKind.PARALLEL_CALLS, 1),
    Limit("caller:a", LimitKind.TOKENS_PER_MINUTE, 1_000),
    Limit("caller:a", LimitKind.REQUESTS_PER_MINUTE, 7),
    Limit("caller:a", LimitKind.BUDGET_PER_DAY, 10**10),
    Limit("caller:a", LimitKind.BUDGET_PER_MONTH, 3 * 10**10),
    Limit("provider:p", LimitKind.TOKENS_PER_MINUTE, 10**8),
)
ROOT = "{same}"
# As good as none.
LEASE_US = 10**15
DAY_US = 86_400_000_000
Reply = Sequence[bytes | int]


@attrs.define
class _Redis:
    """The scripts, with a clock that is set by hand."""

    _socket: socket.socket

    def run(self, script: Script, now_us: int, *words: str | int) -> Reply:
        seconds, rest = divmod(now_us, 1_000_000)
        self._send("HSET", f"{ROOT}:clock", "s", seconds, "us", rest)
        text = script.text.replace(
            "redis.call('TIME')", f"redis.call('HMGET', '{ROOT}:clock', 's', 'us')"
        )
        reply = self._send("EVAL", text, 1, ROOT, "server", LEASE_US, *words)
        assert isinstance(reply, list)
        return reply

    def empty(self) -> None:
        self._send("FLUSHALL")

    def _send(self, *words: str | int) -> object:
        packed = [str(each).encode() for each in words]
        self._socket.sendall(
            b"*%d\r\n" % len(packed) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in packed)
        )
        return self._read(iter(self._socket.recv(65_536).split(b"\r\n")))

    def _read(self, lines: Iterator[bytes]) -> object:
        line = next(lines)
        assert line[:1] != b"-", line
        if line[:1] == b"*":
            return [self._read(lines) for _ in range(int(line[1:]))]
        return next(lines) if line[:1] == b"$" else int(line[1:]) if line[:1] == b":" else line


@attrs.frozen
class Take:
    """A call that wants something."""

    after_us: int
    chosen: frozenset[int]
    share: int
    wait_us: int
    behind: int


@attrs.frozen
class Settle:
    """The oldest call ends."""

    after_us: int
    share: int


AFTER = st.one_of(
    st.just(0), st.integers(0, 2_000_000), st.integers(0, 90_000_000), st.integers(0, 40 * DAY_US)
)
TAKES = st.builds(
    Take,
    AFTER,
    st.frozensets(st.integers(0, len(LIMITS) - 1), min_size=1),
    st.sampled_from([0, 1, 30, 50, 100]),
    st.sampled_from([0, 1, 10**6, 10**8]),
    st.sampled_from([0, 0, 0, 1, 50]),
)
STEPS = st.lists(
    st.one_of(TAKES, st.builds(Settle, AFTER, st.sampled_from([0, 30, 50, 100, 130]))),
    min_size=1,
    max_size=40,
)


@attrs.define
class _Both:
    """Both at once; every answer must be the same."""

    redis: _Redis
    now_us: int
    meters: Sequence[OneMeter] = attrs.field(
        factory=lambda: [METERS[each.kind]() for each in LIMITS]
    )
    open: list[tuple[int, int, dict[int, int]]] = attrs.field(factory=list)
    made: int = 0

    def take(self, step: Take) -> None:
        now = Moment(self.now_us, self.now_us / 1e6)
        wanted = {i: _amount(LIMITS[i], step.share) for i in sorted(step.chosen)}
        words: list[str | int] = []
        for i, amount in wanted.items():
            limit = LIMITS[i]
            words += (name_of(limit.subject, limit.kind), limit.most, amount, step.behind, 0)
        self.made += 1
        got = self.redis.run(TAKE, self.now_us, self.made, step.wait_us, *words)
        assert list(got) == self._meant(step, wanted, now)
        if got[0] == b"taken":
            for i, amount in wanted.items():
                take(self.meters[i], LIMITS[i].most, amount, now)
            self.open.append((self.made, self.now_us, wanted))

    def _meant(self, step: Take, wanted: dict[int, int], now: Moment) -> list[bytes | int]:
        def wait(i: int, more: int = 0) -> float:
            return self.meters[i].wait_us(LIMITS[i].most, wanted[i] + more, now)

        order = list(wanted)
        short = [i for i in order if wait(i) > 0]
        if not short:
            return [b"taken"]
        hopeless = {i: self.meters[i].hopeless(LIMITS[i].most, wanted[i], now) for i in wanted}
        worth = step.wait_us > 0 and not any(hopeless.values())
        if worth and all(
            math.isinf(found) or found <= step.wait_us
            for found in (wait(i, step.behind) for i in wanted)
        ):
            first = wait(short[0])
            return [b"wait", order.index(short[0]), -1 if math.isinf(first) else int(first)]
        said: list[bytes | int] = [b"refused"]
        for i in short:
            promise = self.meters[i].promise_us(LIMITS[i].most, wanted[i], now)
            said += (order.index(i), int(hopeless[i]), promise)
        return said

    def settle(self, step: Settle) -> None:
        if not self.open:
            return
        made, taken_us, wanted = self.open.pop(0)
        now = Moment(self.now_us, self.now_us / 1e6)
        tokens, nano_usd = 10 * step.share, 10**8 * step.share
        for i, amount in wanted.items():
            used = tokens if LIMITS[i].kind is LimitKind.TOKENS_PER_MINUTE else nano_usd
            settle(self.meters[i], LIMITS[i].most, amount, used, self.now_us - taken_us, now)
        self.redis.run(SETTLE, self.now_us, made, 0, tokens, nano_usd)


def _amount(limit: Limit, share: int) -> int:
    if limit.kind in (LimitKind.PARALLEL_CALLS, LimitKind.REQUESTS_PER_MINUTE):
        return 1
    return limit.most * share // 100


@pytest.fixture(scope="module")
def redis(redis_server: RedisServer) -> Iterator[_Redis]:
    redis_server.start()
    with closing(socket.create_connection(("127.0.0.1", redis_server.port), timeout=5)) as made:
        yield _Redis(made)


@settings(max_examples=300)
@given(began_s=st.integers(1_700_000_000, 4_000_000_000), steps=STEPS)
def test_the_scripts_decide_as_the_meters_do(
    redis: _Redis, began_s: int, steps: Sequence[Take | Settle]
) -> None:
    redis.empty()
    both = _Both(redis, began_s * 1_000_000)
    redis.run(ANNOUNCE, both.now_us)
    for step in steps:
        both.now_us += step.after_us
        if isinstance(step, Take):
            both.take(step)
        else:
            both.settle(step)


@settings(max_examples=30)
@given(holds_us=st.lists(st.integers(0, 20_000_000), min_size=1, max_size=6))
def test_a_place_is_promised_by_how_long_the_last_ones_were_held(
    redis: _Redis, holds_us: Sequence[int]
) -> None:
    redis.empty()
    both = _Both(redis, 1_700_000_000_000_000)
    redis.run(ANNOUNCE, both.now_us)
    place = Take(0, frozenset({0}), 1, 0, 0)
    for hold_us in holds_us:
        both.take(place)
        both.now_us += hold_us
        both.take(place)
        both.settle(Settle(0, 0))
    both.take(place)
    both.take(place)
    both.take(place)


@settings(max_examples=100)
@given(now_s=st.integers(1_600_000_000, 7_000_000_000))
def test_periods_begin_when_they_begin(redis: _Redis, now_s: int) -> None:
    redis.empty()
    redis.run(ANNOUNCE, now_s * 1_000_000)
    for name, period in (("day", DAY), ("month", MONTH)):
        limit = f"{name}:caller:a"
        # What is told of another period counts for nothing.
        redis.run(SEED, now_s * 1_000_000, limit, period.start_s(now_s) - 86_400, 7)
        redis.run(SEED, now_s * 1_000_000, limit, period.start_s(now_s), 5)
        redis.run(SEED, now_s * 1_000_000, limit, period.start_s(now_s), 3)
        spent = redis.run(TAKE, now_s * 1_000_000, name, 0, limit, 6, 2, 0, 0)
        next_us = (period.next_s(now_s) - now_s) * 1_000_000
        assert spent == [b"refused", 0, 1, next_us]
        assert redis.run(TAKE, now_s * 1_000_000, name, 0, limit, 6, 1, 0, 0) == [b"taken"]


def test_a_clock_that_goes_back_over_midnight_gives_no_budget_twice(redis: _Redis) -> None:
    redis.empty()
    before_us = (1_795_305_600 - 1) * 1_000_000
    after_us = before_us + 2_000_000
    limit = "day:caller:a"

    def answer(now_us: int, name: str, amount: int) -> bytes | int:
        return redis.run(TAKE, now_us, name, 0, limit, 100, amount, 0, 0)[0]

    redis.run(ANNOUNCE, before_us)
    redis.run(SEED, before_us, limit, DAY.start_s(before_us / 1e6), 90)
    assert answer(after_us, "1", 80) == b"taken"
    redis.run(SETTLE, after_us, "1", 0, 0, 80)
    assert answer(before_us, "2", 11) == b"refused"
    assert answer(after_us, "3", 21) == b"refused"
    assert answer(after_us, "4", 20) == b"taken"
