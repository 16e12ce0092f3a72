"""Limits of one process.

Laws: a call takes all it needs in one step, or nothing. Who waits for a limit is served in the order of
arrival, and nobody waits who is first there and fits. What was taken is given back once, by whatever way the
call ends.

No task runs beside the calls: whoever gives something back serves the lines of what was given, and the first
in a line wakes itself when time alone makes room.
"""

import itertools
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import anyio
import attrs

from adapters.storage.limit_gates import (
    Claim,
    Gate,
    Waiter,
    first_short,
    refused,
    take,
    worth_waiting,
)
from domain.policy.limits import (
    AMOUNTS,
    BUDGETS,
    METERS,
    NOTHING,
    Limit,
    LimitKind,
    Need,
    Reservation,
    amount,
)
from domain.policy.meters import BudgetMeter, Moment
from ports.spending import Spending

MOST_GATES = 10_000
"""More limits than this are looked through for those that nobody uses any more."""

LONGEST_WAIT_S = 86_400.0


@attrs.frozen
class NothingSpent:
    """An account that begins now."""

    async def spent_nano_usd(self, caller: str, since_s: float, /) -> int:
        """Return 0."""
        return 0


@attrs.define(eq=False)
class MemoryLimiter:
    """Keeps the books of one process.

    Attributes:
        spending: Tells what was spent before this process began.
        max_waiting: Calls that may wait at once; more are refused.
        wall_clock: Seconds since the Unix epoch.
    """

    spending: Spending = NothingSpent()
    max_waiting: int = 1_000
    wall_clock: Callable[[], float] = time.time
    _gates: dict[tuple[str, LimitKind], Gate] = attrs.field(factory=dict)
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)
    _waiting: int = 0

    @asynccontextmanager
    async def reserved(
        self, limits: Sequence[Limit], need: Need, wait_s: float, /
    ) -> AsyncIterator[Reservation]:
        """Hold what a call with `need` may take of all `limits`; see `ports.limiter.Limiter`."""
        for limit in limits:
            if limit.kind in BUDGETS and not self._gate(limit).seeded:
                await self._seed(limit)
        claims = [Claim(self._gate(limit), limit, amount(limit, need)) for limit in limits]
        taken = await self._admitted(claims, wait_s)
        reservation = Reservation(need)
        try:
            yield reservation
        finally:
            self._give_back(claims, reservation.used, taken)

    async def _admitted(self, claims: Sequence[Claim], wait_s: float) -> Moment:
        """Take all of `claims` and return when; or raise."""
        now = self._now()
        number = next(self._numbers)
        short = first_short(claims, number, now)
        if short is None:
            take(claims, now)
            return now
        if self._waiting >= self.max_waiting or not worth_waiting(claims, wait_s, now):
            raise refused(claims, short, now)
        waiter = Waiter(number, claims, short)
        short.gate.join(waiter, short)
        kept = False
        self._waiting += 1
        try:
            kept = await self._called(
                waiter, now.steady_us + round(min(wait_s, LONGEST_WAIT_S) * 1e6)
            )
        finally:
            self._waiting -= 1
            if not kept:
                self._withdraw(waiter)
        now = self._now()
        if not kept:
            raise refused(claims, waiter.stands, now)
        return now

    async def _called(self, waiter: Waiter, until_us: int) -> bool:
        """Wait until `waiter` is admitted; return whether it was in time."""
        while not waiter.admitted:
            now = self._now()
            if now.steady_us >= until_us:
                return False
            wake_us = min(self._alone_us(waiter, now), until_us - now.steady_us)
            with anyio.move_on_after(wake_us / 1e6):
                await waiter.called.wait()
            if not waiter.admitted:
                waiter.called = anyio.Event()
                self._serve(waiter.stands.gate, awake=waiter)
            if self._lost(waiter):
                return False
        return True

    def _lost(self, waiter: Waiter) -> bool:
        return not waiter.admitted and waiter.stands.hopeless(self._now())

    def _alone_us(self, waiter: Waiter, now: Moment) -> float:
        """Return when time alone lets `waiter` in."""
        if waiter.stands.gate.line[0] is not waiter:
            return math.inf
        # Never 0: the clock may lag behind the timer by less than its step.
        return max(waiter.stands.wait_us(now), 1)

    def _withdraw(self, waiter: Waiter) -> None:
        if waiter.admitted:
            self._give_back(waiter.claims, NOTHING, self._now())
        else:
            waiter.stands.gate.leave(waiter)
            self._serve(waiter.stands.gate)

    def _serve(self, gate: Gate, *, awake: Waiter | None = None) -> None:
        """Admit whoever is first in the line and fits, and so on."""
        now = self._now()
        while gate.line:
            first = gate.line[0]
            short = first_short(first.claims, first.number, now)
            if short is not None and short.gate is gate:
                if first is not awake:
                    # What it has to wait for may have changed.
                    first.called.set()
                return
            gate.leave(first)
            if short is None:
                take(first.claims, now)
                first.admitted = True
            else:
                short.gate.join(first, short)
            first.called.set()

    def _give_back(self, claims: Sequence[Claim], used: Need, taken: Moment) -> None:
        now = self._now()
        held_us = now.steady_us - taken.steady_us
        for claim in claims:
            actual = AMOUNTS[claim.limit.kind](used)
            claim.gate.held -= 1
            claim.gate.meter.settle(claim.limit.most, claim.amount, actual, held_us, now)
        for claim in claims:
            if claim.gate.line:
                self._serve(claim.gate)

    # --- the books ----------------------------------------------------------------------------------------

    def _now(self) -> Moment:
        return Moment(int(anyio.current_time() * 1e6), self.wall_clock())

    def _gate(self, limit: Limit) -> Gate:
        key = (limit.subject, limit.kind)
        gate = self._gates.get(key)
        if gate is None:
            if len(self._gates) >= MOST_GATES:
                self._forget()
            gate = self._gates[key] = Gate(METERS[limit.kind](), seeded=limit.kind not in BUDGETS)
        gate.most = limit.most
        return gate

    async def _seed(self, limit: Limit) -> None:
        """Find out what was spent before; who comes in the meantime waits for it."""
        gate = self._gate(limit)
        async with gate.seeding:
            # Another call may have done it while this one waited.
            if not gate.seeded and isinstance(gate.meter, BudgetMeter):
                now = self._now()
                caller = limit.subject.removeprefix("caller:")
                since_s = gate.meter.period.start_s(now.wall_s)
                gate.meter.seed(await self.spending.spent_nano_usd(caller, since_s), now)
                gate.seeded = True

    def _forget(self) -> None:
        now = self._now()
        for key, gate in tuple(self._gates.items()):
            if not (gate.line or gate.held) and gate.meter.at_rest(gate.most, now):
                del self._gates[key]
