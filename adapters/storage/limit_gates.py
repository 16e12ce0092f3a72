"""Limits as gates: a meter, and a line of calls that wait for it.

A waiting call stands in one line, that of the first limit it does not fit into; it keeps its number when it
moves on to another, so that it is never behind a call that came later.
"""

import math
from bisect import insort
from collections.abc import Callable, Sequence

import anyio
import attrs

from domain.model.errors import LimitExceeded
from domain.policy.limits import Limit, Need, Shortage, refusal
from domain.policy.meters import Meter, Moment


@attrs.define(eq=False)
class Gate:
    """One limit's meter, and who waits for it, by number.

    Attributes:
        asked: Says what a need is in the words of this limit.
    """

    meter: Meter
    asked: Callable[[Need], int]
    line: list["Waiter"] = attrs.field(factory=list)
    # By those in the line.
    wanted: int = 0
    # Calls that have taken of it and are not settled.
    held: int = 0
    most: int = 0
    # Whether what was spent before is known; looked up under the lock.
    seeded: bool = True
    seeding: anyio.Lock = attrs.field(factory=anyio.Lock)

    def join(self, waiter: "Waiter", claim: "Claim") -> None:
        """Have `waiter` stand here, by its number, for `claim`."""
        waiter.stands = claim
        insort(self.line, waiter, key=lambda each: each.number)
        self.wanted += claim.amount

    def leave(self, waiter: "Waiter") -> None:
        """Have `waiter` stand here no more."""
        self.line.remove(waiter)
        self.wanted -= waiter.stands.amount


@attrs.define(eq=False)
class Claim:
    """What a call wants of one limit. Not frozen, which would double what each call pays for it."""

    gate: Gate
    limit: Limit
    amount: int

    def wait_us(self, now: Moment, *, behind: int = 0) -> float:
        """Return when it fits, after as much as `behind`."""
        return self.gate.meter.wait_us(self.limit.most, self.amount + behind, now)

    def hopeless(self, now: Moment) -> bool:
        """Return whether waiting for others does not help."""
        return self.gate.meter.hopeless(self.limit.most, self.amount, now)

    def shortage(self, now: Moment) -> Shortage:
        """Say how it does not fit, and promise a time at which it may."""
        most = self.limit.most
        hopeless = self.hopeless(now)
        return Shortage(
            limit=self.limit,
            amount=self.amount,
            hopeless=hopeless,
            retry_after_s=None
            if hopeless
            # Rounded up to what every client keeps of it.
            else math.ceil(self.gate.meter.promise_us(most, self.amount, now) / 1_000) / 1_000,
        )


@attrs.define(eq=False)
class Waiter:
    """A call that waits."""

    number: int
    claims: Sequence[Claim]
    stands: Claim
    admitted: bool = False
    called: anyio.Event = attrs.field(factory=anyio.Event)


def first_short(claims: Sequence[Claim], number: int, now: Moment) -> Claim | None:
    """Return the first of `claims` that does not fit, or for which somebody with a lower number waits."""
    for claim in claims:
        line = claim.gate.line
        if line and line[0].number < number:
            return claim
        if claim.gate.meter.wait_us(claim.limit.most, claim.amount, now) > 0:
            return claim
    return None


def take(claims: Sequence[Claim], now: Moment) -> None:
    """Reserve all of `claims`."""
    for claim in claims:
        claim.gate.held += 1
        claim.gate.meter.take(claim.limit.most, claim.amount, now)


def worth_waiting(claims: Sequence[Claim], wait_s: float, now: Moment) -> bool:
    """Return whether waiting for `wait_s` can help: what only time gives back is known beforehand."""
    if wait_s <= 0 or any(claim.hopeless(now) for claim in claims):
        return False
    waits = (claim.wait_us(now, behind=claim.gate.wanted) for claim in claims)
    return all(math.isinf(wait_us) or wait_us <= wait_s * 1e6 for wait_us in waits)


def refused(claims: Sequence[Claim], stands: Claim, now: Moment) -> LimitExceeded:
    """Return the failure of a call that stands at `stands`; it names every limit that is short."""
    short = [claim for claim in claims if claim is stands or claim.wait_us(now) > 0]
    return refusal([claim.shortage(now) for claim in short])
