"""Limits of one process: never exceeded, never leaking, and nobody waits for nothing."""

import itertools
import math
from collections.abc import Sequence
from contextlib import suppress

import anyio
import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage import limit_plans
from adapters.storage.memory_limiter import MemoryLimiter
from domain.model.errors import ErrorReason, LimitExceeded
from domain.policy.limits import NOTHING, Limit, LimitKind, Need, Reservation
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_limits import assert_at_rest, assert_rate, assert_reasons_to_wait

PARALLEL = Limit("caller:a", LimitKind.PARALLEL_CALLS, 2)
TOKENS = Limit("caller:a", LimitKind.TOKENS_PER_MINUTE, 100)
REQUESTS = Limit("caller:a", LimitKind.REQUESTS_PER_MINUTE, 6)
BUDGET = Limit("caller:a", LimitKind.BUDGET_PER_DAY, 1_000)
OURS = Limit("service", LimitKind.PARALLEL_CALLS, 3)
LIMITS = (PARALLEL, TOKENS, REQUESTS, BUDGET, OURS)
WALL_S = 1_795_374_000.0


@attrs.frozen
class Spent:
    """An account in which something was spent before."""

    nano_usd: int

    async def spent_nano_usd(self, caller: str, since_s: float, /) -> int:
        await anyio.sleep(0.01)
        return self.nano_usd


def limiter(*, spent: int = 0, max_waiting: int = 1_000) -> MemoryLimiter:
    return MemoryLimiter(Spent(spent), max_waiting, lambda: WALL_S)


async def hold(
    books: MemoryLimiter,
    limits: Sequence[Limit],
    *,
    need: Need = NOTHING,
    wait_s: float = 0.0,
    for_s: float = 0.0,
    used: Need | None = None,
) -> None:
    async with books.reserved(limits, need, wait_s) as reservation:
        await anyio.sleep(for_s)
        reservation.used = need if used is None else used


async def test_a_call_that_fits_is_let_in_at_once(autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    await hold(limiter(), (PARALLEL, TOKENS, REQUESTS, OURS), need=Need(tokens=100))
    assert trio.current_time() == began


async def test_a_refusal_names_every_limit_that_is_short_and_says_when_to_come_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    books = limiter()
    for _ in range(6):
        await hold(books, (TOKENS, REQUESTS), need=Need(tokens=16))
    with pytest.raises(LimitExceeded) as caught:
        await hold(books, (TOKENS, REQUESTS), need=Need(tokens=16))
    error = caught.value
    assert error.reason is ErrorReason.POLICY_RATE_LIMITED
    assert error.retryable
    assert [each.subject for each in error.violations] == ["caller:a", "caller:a"]
    assert "100 tokens a minute" in error.message
    assert "6 requests a minute" in error.message
    assert error.retry_after_s == 10.0
    await anyio.sleep(10.0)
    await hold(books, (TOKENS, REQUESTS), need=Need(tokens=16))


async def test_every_refused_call_that_keeps_to_its_time_is_let_in(
    autojump_clock: trio.testing.MockClock,
) -> None:
    books = limiter()
    tries: list[int] = []

    async def call() -> None:
        for attempt in itertools.count(1):
            try:
                await hold(books, (TOKENS,), need=Need(tokens=20))
            except LimitExceeded as error:
                await anyio.sleep(error.retry_after_s or math.inf)
            else:
                tries.append(attempt)
                return

    async with trio.open_nursery() as nursery:
        for _ in range(200):
            nursery.start_soon(call)
    assert sorted(tries) == [1] * 5 + [2] * 195
    # 195 x 20 tokens at 100 a minute.
    assert trio.current_time() == pytest.approx(39 * 60, abs=1)
    assert_at_rest(books)


async def test_who_waits_is_served_in_the_order_of_arrival(
    autojump_clock: trio.testing.MockClock,
) -> None:
    books = limiter()
    order: list[int] = []

    async def call(number: int, tokens: int) -> None:
        async with books.reserved((TOKENS,), Need(tokens=tokens), 600) as reservation:
            order.append(number)
            reservation.used = Need(tokens=tokens)

    async with trio.open_nursery() as nursery:
        for number, tokens in enumerate([100, 90, 1, 50, 1]):
            nursery.start_soon(call, number, tokens)
            await trio.testing.wait_all_tasks_blocked()
    assert order == [0, 1, 2, 3, 4]


async def test_a_line_for_one_limit_holds_nobody_back_who_does_not_need_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    books = limiter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: hold(books, (PARALLEL, OURS), for_s=10))
        nursery.start_soon(lambda: hold(books, (PARALLEL, OURS), for_s=10))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(lambda: hold(books, (PARALLEL, OURS), wait_s=60))
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await hold(books, (Limit("caller:b", LimitKind.PARALLEL_CALLS, 1), OURS))
        assert trio.current_time() == began
    assert_at_rest(books)


async def test_a_wait_that_cannot_end_in_time_is_not_begun(
    autojump_clock: trio.testing.MockClock,
) -> None:
    books = limiter()
    await hold(books, (TOKENS,), need=Need(tokens=100))
    began = trio.current_time()
    with pytest.raises(LimitExceeded):
        await hold(books, (TOKENS,), need=Need(tokens=100), wait_s=59)
    assert trio.current_time() == began
    await hold(books, (TOKENS,), need=Need(tokens=100), wait_s=61)
    assert trio.current_time() - began == pytest.approx(60, abs=0.01)


async def test_a_wait_ends_when_it_was_to_end(autojump_clock: trio.testing.MockClock) -> None:
    books = limiter()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(lambda: hold(books, (PARALLEL,), for_s=100))
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        with pytest.raises(LimitExceeded) as caught:
            await hold(books, (PARALLEL,), wait_s=5)
        assert trio.current_time() - began == pytest.approx(5)
    assert caught.value.reason is ErrorReason.POLICY_CONCURRENCY_LIMITED
    assert_at_rest(books)


async def test_only_so_many_may_wait(autojump_clock: trio.testing.MockClock) -> None:
    books = limiter(max_waiting=1)
    refused: list[LimitExceeded] = []

    async def call() -> None:
        try:
            await hold(books, (OURS,), wait_s=60, for_s=10)
        except LimitExceeded as error:
            refused.append(error)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(call)
    assert [each.reason for each in refused] == [ErrorReason.SERVICE_OVERLOADED] * 2
    assert all(each.retry_after_s for each in refused)


async def test_a_budget_knows_what_was_spent_before_and_is_asked_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    books = limiter(spent=900)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(lambda: hold(books, (BUDGET,), need=Need(nano_usd=30)))
    with pytest.raises(LimitExceeded) as caught:
        await hold(books, (BUDGET,), need=Need(nano_usd=30), wait_s=60)
    assert caught.value.reason is ErrorReason.POLICY_BUDGET_EXCEEDED
    assert not caught.value.retryable
    assert 0 < (caught.value.retry_after_s or 0) <= 31 * 86_400
    await hold(books, (BUDGET,), need=Need(nano_usd=10))


async def test_a_wait_for_money_that_was_spent_meanwhile_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    books = limiter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: hold(books, (BUDGET,), need=Need(nano_usd=900), for_s=5))
        await trio.testing.wait_all_tasks_blocked()
        await anyio.sleep(1)
        began = trio.current_time()
        with pytest.raises(LimitExceeded):
            await hold(books, (BUDGET,), need=Need(nano_usd=200), wait_s=1_000)
        assert trio.current_time() - began < 5
    assert_at_rest(books)


async def test_limits_that_nobody_uses_are_forgotten(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_plans, "MOST_GATES", 10)
    books = limiter()
    async with books.reserved((OURS, TOKENS), Need(tokens=10), 0):
        for number in range(100):
            await hold(books, (Limit(f"caller:{number}", LimitKind.PARALLEL_CALLS, 1),))
        assert ("service", LimitKind.PARALLEL_CALLS) in books._plans.gates
        assert ("caller:a", LimitKind.TOKENS_PER_MINUTE) in books._plans.gates
    assert len(books._plans.gates) <= 10


async def test_no_limit_of_a_call_that_waits_is_forgotten(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_plans, "MOST_GATES", 10)
    books = limiter()
    one = Limit("caller:a", LimitKind.PARALLEL_CALLS, 1)
    async with trio.open_nursery() as nursery:
        async with books.reserved((one,), NOTHING, 0):
            # It waits for the first of its limits, and has taken nothing of the second.
            nursery.start_soon(
                lambda: hold(books, (one, TOKENS), need=Need(tokens=60), wait_s=9, for_s=5)
            )
            await trio.testing.wait_all_tasks_blocked()
            for number in range(100):
                await hold(books, (Limit(f"caller:{number}", LimitKind.PARALLEL_CALLS, 1),))
        await anyio.sleep(1)
        with pytest.raises(LimitExceeded):
            await hold(books, (TOKENS,), need=Need(tokens=60))
    assert_at_rest(books)


def test_a_call_cancelled_at_any_await_gives_everything_back() -> None:
    async def scenario(cut: Cut) -> None:
        books = limiter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                lambda: hold(books, (PARALLEL, TOKENS), need=Need(tokens=60), for_s=3)
            )
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(
                lambda: hold(books, (PARALLEL, TOKENS), need=Need(tokens=60), wait_s=90, for_s=3)
            )
            await trio.testing.wait_all_tasks_blocked()
            with cut.here():
                await hold(books, LIMITS, need=Need(tokens=60, nano_usd=5), wait_s=600, for_s=3)
        assert_at_rest(books)

    cancel_at_every_await(scenario, at_least=4)


@attrs.frozen
class Planned:
    """A call of a schedule.

    Attributes:
        limits: Which limits it is under, by index of `LIMITS`.
        cancel_s: When it is cancelled, from its start; None: never.
        crashes: Whether it ends with an error, and has used nothing.
    """

    start_s: int
    limits: frozenset[int]
    tokens: int
    nano_usd: int
    used_share: int
    hold_s: int
    wait_s: int
    cancel_s: int | None
    crashes: bool


PLANS = st.lists(
    st.builds(
        Planned,
        start_s=st.integers(0, 60),
        limits=st.frozensets(st.integers(0, len(LIMITS) - 1), min_size=1),
        tokens=st.integers(0, 150),
        nano_usd=st.integers(0, 400),
        used_share=st.integers(0, 100),
        hold_s=st.integers(0, 30),
        wait_s=st.integers(0, 200),
        cancel_s=st.none() | st.integers(0, 100),
        crashes=st.booleans(),
    ),
    max_size=12,
)


class _CrashError(Exception):
    pass


@attrs.define
class _Books:
    """What happened, beside what the limiter believes."""

    limiter: MemoryLimiter = attrs.field(factory=limiter)
    held: dict[Limit, int] = attrs.field(factory=dict)
    starts: list[float] = attrs.field(factory=list)
    tokens: list[tuple[float, int]] = attrs.field(factory=list)
    spent: int = 0

    async def play(self, plan: Planned) -> None:
        limits = tuple(LIMITS[each] for each in sorted(plan.limits))
        need = Need(tokens=plan.tokens, nano_usd=plan.nano_usd)
        await anyio.sleep(plan.start_s)
        with trio.CancelScope() as scope:
            if plan.cancel_s is not None:
                scope.deadline = trio.current_time() + plan.cancel_s + 0.5
            with suppress(LimitExceeded, _CrashError):
                async with self.limiter.reserved(limits, need, plan.wait_s) as reservation:
                    await self.run(plan, limits, reservation)

    async def run(self, plan: Planned, limits: Sequence[Limit], reservation: Reservation) -> None:
        if REQUESTS in limits:
            self.starts.append(trio.current_time())
        for limit in limits:
            self.held[limit] = self.held.get(limit, 0) + 1
            if limit.kind is LimitKind.PARALLEL_CALLS:
                assert self.held[limit] <= limit.most
        try:
            await anyio.sleep(plan.hold_s)
            if plan.crashes:
                raise _CrashError
            share = plan.used_share / 100
            used = Need(
                tokens=int(min(plan.tokens, TOKENS.most) * share),
                nano_usd=int(min(plan.nano_usd, BUDGET.most) * share),
            )
            reservation.used = used
            if TOKENS in limits:
                self.tokens.append((trio.current_time(), used.tokens))
            if BUDGET in limits:
                self.spent += used.nano_usd
                assert self.spent <= BUDGET.most
        finally:
            for limit in limits:
                self.held[limit] -= 1
        assert_reasons_to_wait(self.limiter, WALL_S)


@settings(max_examples=400)
@given(plans=PLANS)
def test_whatever_happens_no_limit_is_exceeded_and_nothing_is_kept(
    plans: Sequence[Planned],
) -> None:
    books = _Books()

    async def play() -> None:
        async with trio.open_nursery() as nursery:
            for plan in plans:
                nursery.start_soon(books.play, plan)

    trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))
    assert_at_rest(books.limiter)
    assert_rate([(at_s, 1) for at_s in books.starts], REQUESTS.most)
    assert_rate(books.tokens, TOKENS.most)


async def test_limits_in_use_are_told_with_what_is_taken_and_who_waits() -> None:
    books = limiter()
    one = Limit("caller:a", LimitKind.PARALLEL_CALLS, 1)
    assert list(books.in_use()) == []
    async with books.reserved((one, OURS), Need(tokens=1), 0.0), trio.open_nursery() as nursery:

        async def wait() -> None:
            async with books.reserved((one,), Need(tokens=1), 60.0):
                pass

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        told = [(each.limit, each.taken, each.waiting) for each in books.in_use()]
        assert told == [(one, 1, 1), (OURS, 1, 0)]
        nursery.cancel_scope.cancel()
    assert list(books.in_use()) == []
