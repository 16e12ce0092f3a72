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
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TypeAlias

import anyio
import anyio.lowlevel
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
)
from domain.policy.meters import BudgetMeter, Moment
from ports.spending import Spending

MOST_GATES = 10_000
"""More limits than this are looked through for those that nobody uses any more."""

MOST_PLANS = 4_096
"""Sequences of limits whose gates are remembered."""

LONGEST_WAIT_S = 86_400.0


@attrs.frozen
class NothingSpent:
    """An account that begins now."""

    async def spent_nano_usd(self, caller: str, since_s: float, /) -> int:
        """Return 0."""
        return 0


Taken: TypeAlias = tuple[Sequence[Claim], Moment]
"""What a call holds, and since when."""


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
    # The gates of limits, by the identity of the sequence, which is kept beside them.
    _plans: dict[int, tuple[Sequence[Limit], Sequence[Gate]]] = attrs.field(factory=dict)
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)
    _waiting: int = 0

    def reserved(
        self, limits: Sequence[Limit], need: Need, wait_s: float, /
    ) -> AbstractAsyncContextManager[Reservation]:
        """Hold what a call with `need` may take of all `limits`; see `ports.limiter.Limiter`."""
        return _Held(self, limits, need, wait_s)

    async def take(self, limits: Sequence[Limit], reservation: Reservation, wait_s: float) -> Taken:
        """Take all that `reservation` needs of `limits`, or raise."""
        need = reservation.need
        claims = [
            Claim(gate, limit, min(gate.asked(need), limit.most))
            for gate, limit in zip(self._gates_of(limits), limits, strict=True)
        ]
        for claim in claims:
            if not claim.gate.seeded:
                await self._seed(claim)
        now = self._now()
        number = next(self._numbers)
        short = first_short(claims, number, now)
        if short is None:
            take(claims, now)
            return claims, now
        began_s = anyio.current_time()
        taken = await self._waited(Waiter(number, claims, short), wait_s, now)
        reservation.queued_s = anyio.current_time() - began_s
        return claims, taken

    async def _waited(self, waiter: Waiter, wait_s: float, now: Moment) -> Moment:
        """Take the claims of `waiter` in its turn, and return when; or raise."""
        # A call that is over before it began is not refused.
        await anyio.lowlevel.checkpoint_if_cancelled()
        left_s = anyio.current_effective_deadline() - anyio.current_time()
        wait_s = min(wait_s, left_s, LONGEST_WAIT_S)
        claims, short = waiter.claims, waiter.stands
        if self._waiting >= self.max_waiting or not worth_waiting(claims, wait_s, now):
            raise refused(claims, short, now)
        short.gate.join(waiter, short)
        kept = False
        self._waiting += 1
        try:
            kept = await self._called(waiter, now.steady_us + round(wait_s * 1e6))
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
            self.give_back(waiter.claims, NOTHING, self._now())
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

    def give_back(self, claims: Sequence[Claim], used: Need, taken: Moment) -> None:
        """Put `used` in place of `claims`, and let in whom that makes room for."""
        now = self._now()
        held_us = now.steady_us - taken.steady_us
        for claim in claims:
            gate = claim.gate
            gate.held -= 1
            gate.meter.settle(claim.limit.most, claim.amount, gate.asked(used), held_us, now)
        for claim in claims:
            if claim.gate.line:
                self._serve(claim.gate)

    # --- the books ----------------------------------------------------------------------------------------

    def _now(self) -> Moment:
        return Moment(int(anyio.current_time() * 1e6), self.wall_clock())

    def _gates_of(self, limits: Sequence[Limit]) -> Sequence[Gate]:
        # The same caller and model come with the same sequence again and again.
        known = self._plans.get(id(limits))
        if known is not None and known[0] is limits:
            return known[1]
        gates = [self._gate(limit) for limit in limits]
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        self._plans[id(limits)] = (limits, gates)
        return gates

    def _gate(self, limit: Limit) -> Gate:
        key = (limit.subject, limit.kind)
        gate = self._gates.get(key)
        if gate is None:
            if len(self._gates) >= MOST_GATES:
                self._forget()
            kind = limit.kind
            gate = Gate(METERS[kind](), AMOUNTS[kind], seeded=kind not in BUDGETS)
            self._gates[key] = gate
        gate.most = limit.most
        return gate

    async def _seed(self, claim: Claim) -> None:
        """Find out what was spent before; who comes in the meantime waits for it."""
        gate = claim.gate
        async with gate.seeding:
            # Another call may have done it while this one waited.
            if not gate.seeded and isinstance(gate.meter, BudgetMeter):
                now = self._now()
                caller = claim.limit.subject.removeprefix("caller:")
                since_s = gate.meter.period.start_s(now.wall_s)
                gate.meter.seed(await self.spending.spent_nano_usd(caller, since_s), now)
                gate.seeded = True

    def _forget(self) -> None:
        now = self._now()
        self._plans.clear()
        for key, gate in tuple(self._gates.items()):
            if not (gate.line or gate.held) and gate.meter.at_rest(gate.most, now):
                del self._gates[key]


@attrs.define(eq=False)
class _Held:
    """The block that holds a reservation. A class, because a generator costs each call twice as much."""

    _limiter: MemoryLimiter
    _limits: Sequence[Limit]
    _need: Need
    _wait_s: float
    _reservation: Reservation | None = None
    _taken: Taken | None = None

    async def __aenter__(self) -> Reservation:
        reservation = self._reservation = Reservation(self._need)
        self._taken = await self._limiter.take(self._limits, reservation, self._wait_s)
        return reservation

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._taken is not None and self._reservation is not None:
            claims, since = self._taken
            self._limiter.give_back(claims, self._reservation.used, since)
