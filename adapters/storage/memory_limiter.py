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

import anyio
import anyio.lowlevel
import attrs

from adapters.storage.limit_gates import (
    Claim,
    Gate,
    Held,
    Plan,
    Waiter,
    first_short,
    refused,
    worth_waiting,
)
from adapters.storage.limit_plans import Plans
from domain.policy.limits import (
    NOTHING,
    Limit,
    LimitUse,
    Need,
    Reservation,
    amount,
)
from domain.policy.meters import BudgetMeter, Moment
from ports.spending import Spending

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
        steady_clock: The event loop's, in seconds.
    """

    spending: Spending = NothingSpent()
    max_waiting: int = 1_000
    wall_clock: Callable[[], float] = time.time
    steady_clock: Callable[[], float] = anyio.current_time
    _plans: Plans = attrs.field(factory=Plans)
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)
    _waiting: int = 0

    def reserved(
        self, limits: Sequence[Limit], need: Need, wait_s: float, /
    ) -> AbstractAsyncContextManager[Reservation]:
        """Hold what a call with `need` may take of all `limits`; see `ports.limiter.Limiter`."""
        return _Holding(self, limits, need, wait_s)

    def at_once(self, limits: Sequence[Limit], need: Need, /) -> Held | None:
        """Take what `need` is of all `limits`; or nothing, if one has to wait for that."""
        # This is the whole way of a call that need not wait: it makes nothing that only waiting needs.
        known = self._plans.known.get(id(limits))
        now = tuple.__new__(Moment, (int(self.steady_clock() * 1e6), self.wall_clock()))
        plan = known[1] if known is not None and known[0] is limits else self._plans.of(limits, now)
        for gate in plan.gates:
            if gate.line or not gate.seeded:
                return None
        if not plan.meters.fits(need, now):
            return None
        return self._taken(plan, need, now)

    async def take(self, limits: Sequence[Limit], reservation: Reservation, wait_s: float) -> Held:
        """Take all that `reservation` needs of `limits`, or raise."""
        plan = self._plans.of(limits, self._now())
        plan.calls += 1
        try:
            return await self._in_turn(plan, limits, reservation, wait_s)
        finally:
            plan.calls -= 1

    async def _in_turn(
        self, plan: Plan, limits: Sequence[Limit], reservation: Reservation, wait_s: float
    ) -> Held:
        need = reservation.need
        claims = [
            Claim(gate, limit, amount(limit, need))
            for gate, limit in zip(plan.gates, limits, strict=True)
        ]
        for claim in claims:
            if not claim.gate.seeded:
                await self._seed(claim)
        now = self._now()
        number = next(self._numbers)
        short = first_short(claims, number, now)
        if short is None:
            return self._taken(plan, need, now)
        began_s = anyio.current_time()
        held = await self._waited(Waiter(number, plan, need, claims, short), wait_s, now)
        reservation.queued_s = anyio.current_time() - began_s
        return held

    async def _waited(self, waiter: Waiter, wait_s: float, now: Moment) -> Held:
        """Take the claims of `waiter` in its turn, and return them; or raise."""
        # A call that is over before it began is not refused.
        await anyio.lowlevel.checkpoint_if_cancelled()
        left_s = anyio.current_effective_deadline() - anyio.current_time()
        wait_s = min(wait_s, left_s, LONGEST_WAIT_S)
        claims, short = waiter.claims, waiter.stands
        if self._waiting >= self.max_waiting or not worth_waiting(claims, wait_s, now):
            raise refused(claims, short, now)
        short.gate.join(waiter, short)
        held = None
        self._waiting += 1
        try:
            held = await self._called(waiter, now.steady_us + round(wait_s * 1e6))
        finally:
            self._waiting -= 1
            if held is None:
                self._withdraw(waiter)
        now = self._now()
        if held is None:
            raise refused(claims, waiter.stands, now)
        held.since_us = now.steady_us
        return held

    async def _called(self, waiter: Waiter, until_us: int) -> Held | None:
        """Wait until `waiter` is let in; return what it holds, if it was in time."""
        while waiter.held is None:
            now = self._now()
            if now.steady_us >= until_us:
                return None
            wake_us = min(self._alone_us(waiter, now), until_us - now.steady_us)
            with anyio.move_on_after(wake_us / 1e6):
                await waiter.called.wait()
            if waiter.held is None:
                waiter.called = anyio.Event()
                self._serve(waiter.stands.gate, awake=waiter)
            if self._lost(waiter):
                return None
        return waiter.held

    def _lost(self, waiter: Waiter) -> bool:
        return waiter.held is None and waiter.stands.hopeless(self._now())

    def _alone_us(self, waiter: Waiter, now: Moment) -> float:
        """Return when time alone lets `waiter` in."""
        if waiter.stands.gate.line[0] is not waiter:
            return math.inf
        # Never 0: the clock may lag behind the timer by less than its step.
        return max(waiter.stands.wait_us(now), 1)

    def _withdraw(self, waiter: Waiter) -> None:
        if waiter.held is not None:
            waiter.held.since_us = self._now().steady_us
            self.give_back(waiter.held, NOTHING)
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
                first.held = self._taken(first.plan, first.need, now)
            else:
                short.gate.join(first, short)
            first.called.set()

    def give_back(self, held: Held, used: Need, /) -> None:
        """Put `used` in place of what is `held`, and let in whom that makes room for."""
        now = tuple.__new__(Moment, (int(self.steady_clock() * 1e6), self.wall_clock()))
        plan = held.plan
        plan.calls -= 1
        plan.meters.settle(held.need, used, now.steady_us - held.since_us, now)
        if self._waiting:
            # Not before all of it is back.
            for gate in plan.gates:
                self._serve(gate)

    def _taken(self, plan: Plan, need: Need, now: Moment) -> Held:
        plan.calls += 1
        plan.meters.take(need, now)
        return Held(plan, need, now.steady_us, self)

    # --- the books ----------------------------------------------------------------------------------------

    def _now(self) -> Moment:
        # What each call asks does this itself, as its class does it: two calls of functions fewer.
        return Moment(int(self.steady_clock() * 1e6), self.wall_clock())

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

    def in_use(self) -> Iterator[LimitUse]:
        """Give every limit of which something is taken, or for which somebody waits."""
        now = self._now()
        for (subject, kind), gate in tuple(self._plans.gates.items()):
            taken = gate.meter.taken(gate.most, now)
            if taken or gate.line:
                limit = Limit(subject, kind, gate.most)
                yield LimitUse(limit=limit, taken=taken, waiting=len(gate.line))


@attrs.define(eq=False)
class _Holding:
    """The block that holds a reservation. A class, because a generator costs each call twice as much."""

    _limiter: MemoryLimiter
    _limits: Sequence[Limit]
    _need: Need
    _wait_s: float
    _reservation: Reservation | None = None
    _held: Held | None = None

    async def __aenter__(self) -> Reservation:
        reservation = self._reservation = Reservation(self._need)
        held = self._limiter.at_once(self._limits, self._need)
        if held is None:
            held = await self._limiter.take(self._limits, reservation, self._wait_s)
        self._held = held
        return reservation

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._held is not None and self._reservation is not None:
            self._limiter.give_back(self._held, self._reservation.used)
