"""Limits as gates: a meter, and a line of calls that wait for it.

A waiting call stands in one line, that of the first limit it does not fit into; it keeps its number when it
moves on to another, so that it is never behind a call that came later.
"""

import math
from bisect import insort
from collections.abc import Sequence
from typing import Protocol

import anyio
import attrs

from domain.model.errors import LimitExceeded
from domain.policy.limits import Limit, Need, Shortage, refusal
from domain.policy.metering import Metering, OneMeter
from domain.policy.meters import Moment


@attrs.define(eq=False)
class Gate:
    """One limit's meter, and who waits for it, by number."""

    meter: OneMeter
    line: list["Waiter"] = attrs.field(factory=list)
    # By those in the line.
    wanted: int = 0
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
class Plan:
    """The gates of a call's limits.

    Attributes:
        gates: All of them, in the order of the limits.
        meters: Theirs.
        calls: That have taken something, or wait to: as long as there are any, no gate may be forgotten.
    """

    gates: Sequence[Gate]
    meters: Metering
    calls: int = 0


@attrs.define(eq=False)
class Held:
    """What a call holds; see `ports.limiter.Hold`.

    Attributes:
        need: What it holds of each limit.
        since_us: When it was taken, by the steady clock.
        books: Where it is given back.
    """

    plan: Plan
    need: Need
    since_us: int
    books: "Books"

    async def settle(self, used: Need, /) -> None:
        """Put `used` in its place."""
        self.books.give_back(self, used)


class Books(Protocol):
    """Takes back what is held."""

    def give_back(self, held: Held, used: Need, /) -> None:
        """Put `used` in place of what is `held`, and let in whom that makes room for."""
        ...


@attrs.define(eq=False)
class Claim:
    """What a call that has to wait wants of one limit."""

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
        promise_us = self.gate.meter.promise_us(most, self.amount, now)
        return Shortage(
            limit=self.limit,
            amount=self.amount,
            hopeless=self.hopeless(now),
            # Rounded up to what every client keeps of it.
            retry_after_s=math.ceil(promise_us / 1_000) / 1_000 if promise_us else None,
        )


@attrs.define(eq=False)
class Waiter:
    """A call that waits.

    Attributes:
        plan: All of its gates; `claims`: what it wants of each.
        held: What it holds, once it was let in.
    """

    number: int
    plan: Plan
    need: Need
    claims: Sequence[Claim]
    stands: Claim
    held: Held | None = None
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
