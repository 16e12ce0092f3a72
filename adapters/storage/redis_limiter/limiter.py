"""Limits of all processes that share one Redis.

Laws: a call takes all it needs in one step inside Redis, or nothing, and Redis' clock is the only one.
Who waits in this process is served in the order of arrival; among processes it is first come first served
as far as asking again tells. What was taken is given back once, by whatever way the call ends: where
Redis does not answer then, as soon as it does; where this process dies, when its lease has run out.
"""

import itertools
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import attrs

from adapters.storage.redis_limiter.claims import Claim, Held, held, refused
from adapters.storage.redis_limiter.lines import Lines, Waiter
from adapters.storage.redis_limiter.link import Ask, Link, RedisAway
from adapters.storage.redis_limiter.scripts import (
    ANNOUNCE,
    FORGOTTEN,
    LEAVE,
    SETTLE,
    TAKE,
    TAKEN,
    WAIT,
    Script,
)
from adapters.storage.redis_limiter.seeding import Seeds
from domain.policy.limits import BUDGETS, Limit, Need, Reservation
from ports.limiter import Limiter

LONGEST_WAIT_S = 86_400.0
MOST_OWED = 10_000
"""Calls that ended while Redis was away and are settled later; more are left to the lease and the account."""

_SHORTEST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.1
_AT_ONCE = 500


@attrs.define(eq=False)
class RedisLimiter:
    """Keeps the books in Redis.

    Attributes:
        server: This process's name, which nobody else has.
        meanwhile: Answers while Redis is away.
        seeds: Knows what was spent before.
        lease_s: How long after its last sign a server keeps what its calls hold.
        settle_s: Longest that a call's end waits for Redis.
        max_waiting: Calls that may wait at once; more are refused.
    """

    link: Link
    server: str
    meanwhile: Limiter
    seeds: Seeds
    lease_s: float = 30.0
    settle_s: float = 1.0
    max_waiting: int = 1_000
    _lines: Lines = attrs.field(factory=Lines)
    _open: dict[str, Held] = attrs.field(factory=dict)
    _owed: dict[str, Held] = attrs.field(factory=dict)
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)
    _waiting: int = 0

    @property
    def away(self) -> bool:
        """Whether Redis does not answer now."""
        return self.link.away

    @property
    def away_s(self) -> float:
        """For how long Redis did not answer, altogether, in seconds."""
        return self.link.away_s

    def at_once(self, limits: Sequence[Limit], need: Need, /) -> None:
        """Take nothing: Redis has to be asked."""

    @asynccontextmanager
    async def reserved(
        self, limits: Sequence[Limit], need: Need, wait_s: float, /
    ) -> AsyncIterator[Reservation]:
        """Hold what a call with `need` may take of all `limits`; see `ports.limiter.Limiter`."""
        # A call that is over before it began is not refused.
        await anyio.lowlevel.checkpoint_if_cancelled()
        began_s = anyio.current_time()
        until_s = min(began_s + min(wait_s, LONGEST_WAIT_S), anyio.current_effective_deadline())
        number = next(self._numbers)
        call = held(str(number), limits, need)
        try:
            if await self._admitted(call, number, until_s):
                call.reservation.queued_s = anyio.current_time() - began_s
                yield call.reservation
            else:
                left_s = max(0.0, until_s - anyio.current_time())
                async with self.meanwhile.reserved(limits, need, left_s) as reservation:
                    reservation.queued_s = anyio.current_time() - began_s
                    yield reservation
        finally:
            if call.asked:
                with anyio.move_on_after(self.settle_s, shield=True):
                    await self._settle(call)
                self._lines.call(call.claims)

    async def greet(self, ask: Ask) -> None:
        """Tell a Redis that was away what we hold, and settle what is owed.

        Raises:
            RedisAway: It does not answer.
        """
        # What was spent meanwhile it does not know, but the account does.
        self.seeds.forget()
        await self._announce(ask)
        await self.beat(ask)

    async def beat(self, ask: Ask) -> None:
        """Renew the lease of all that we hold, and settle what is owed.

        Raises:
            RedisAway: Redis does not answer.
        """
        while True:
            owed = tuple(itertools.islice(self._owed.values(), _AT_ONCE))
            await self._ask(SETTLE, *(word for call in owed for word in call.settling()), ask=ask)
            for call in owed:
                self._owed.pop(call.id, None)
            if len(owed) < _AT_ONCE:
                return

    async def leave(self) -> None:
        """Give back what is left, at the end, if Redis answers."""
        with suppress(RedisAway):
            await self.beat(self.link.ask)
            await self.link.ask(LEAVE, *self._who)

    # --- taking -------------------------------------------------------------------------------------------

    async def _admitted(self, call: Held, number: int, until_s: float) -> bool:
        """Take what `call` wants; return False where Redis is away.

        Raises:
            LimitExceeded: It does not fit in time.
        """
        try:
            for claim in call.claims:
                if claim.limit.kind in BUDGETS:
                    await self.seeds.sow(claim, self._ask)
            left_s = until_s - anyio.current_time() if self._waiting < self.max_waiting else 0.0
            stands, wait_s = await self._take(call, number, left_s)
            if stands is not None:
                await self._called(call, Waiter(number, stands), wait_s, until_s)
        except RedisAway:
            return False
        return True

    async def _called(
        self, call: Held, waiter: Waiter, wait_s: float | None, until_s: float
    ) -> None:
        """Wait in line until `call` has what it wants."""
        self._lines.join(waiter)
        self._waiting += 1
        pause_s = _SHORTEST_PAUSE_S
        try:
            while True:
                left_s = max(0.0, until_s - anyio.current_time())
                first = self._lines.first(waiter)
                rest_s = min(left_s, pause_s, left_s if wait_s is None else wait_s)
                with anyio.move_on_after(rest_s if first else left_s) as rest:
                    await waiter.called.wait()
                waiter.called = anyio.Event()
                left_s = max(0.0, until_s - anyio.current_time())
                if left_s and not self._lines.first(waiter):
                    continue
                pause_s = (
                    min(pause_s * 1.5, _LONGEST_PAUSE_S) * random.uniform(0.8, 1.0)  # noqa: S311
                    if rest.cancelled_caught
                    else _SHORTEST_PAUSE_S
                )
                stands, wait_s = await self._take(call, waiter.number, left_s)
                if stands is None:
                    return
                self._lines.move(waiter, stands)
        finally:
            self._waiting -= 1
            self._lines.leave(waiter)

    async def _take(
        self, call: Held, number: int, wait_s: float
    ) -> tuple[Claim | None, float | None]:
        """Return the first of `call`'s claims that does not fit, or None: all is taken.

        Also returned: in how many seconds it does fit; None: when others give back.

        Raises:
            LimitExceeded: It does not fit in time.
            RedisAway: Nobody knows what was taken.
        """
        words: list[str | int] = [call.id, max(0, round(wait_s * 1e6))]
        for claim in call.claims:
            behind, queued = self._lines.ahead(claim.name, number)
            words += (claim.name, claim.limit.most, claim.amount, behind, int(queued))
        call.asked = True
        self._open[call.id] = call
        verdict, *rest = await self._ask(TAKE, *words)
        if verdict == TAKEN:
            call.taken_s = anyio.current_time()
            return None, None
        call.asked = False
        del self._open[call.id]
        if verdict == WAIT:
            index, wait_us = rest
            return call.claims[index], None if wait_us < 0 else wait_us / 1e6
        raise refused(call.claims, rest)

    # --- giving back --------------------------------------------------------------------------------------

    async def _settle(self, call: Held) -> None:
        del self._open[call.id]
        # Until it surely is settled.
        self._owed[call.id] = call
        if len(self._owed) > MOST_OWED:
            del self._owed[next(iter(self._owed))]
        with suppress(RedisAway):
            await self._ask(SETTLE, *call.settling())
            self._owed.pop(call.id, None)

    async def _announce(self, ask: Ask) -> None:
        now_s = anyio.current_time()
        # What nobody knows of may still be taken, and is told then.
        sure = [each for each in self._open.values() if each.taken_s is not None]
        words = (word for call in sure for word in call.announcing(now_s))
        await ask(ANNOUNCE, *self._who, *words)

    async def _ask(
        self, script: Script, /, *words: str | int, ask: Ask | None = None
    ) -> Sequence[Any]:
        run = ask or self.link.ask
        answer = await run(script, *self._who, *words)
        if answer[0] == FORGOTTEN:
            # Redis was emptied, or we were silent for very long.
            self.seeds.forget()
            await self._announce(run)
            answer = await run(script, *self._who, *words)
        return answer

    @property
    def _who(self) -> tuple[str, int]:
        return self.server, round(self.lease_s * 1e6)
