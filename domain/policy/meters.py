"""What a limit has left: meters with memory and no clock of their own.

They say how things stand; what a call takes and uses is entered by `metering`. All answer the same questions
about whole amounts (calls, tokens or 1e-9 US dollars): `wait_us`, after how many microseconds one fits (0 is
now, infinity is when others give back); `hopeless`, whether it cannot fit even once all that is reserved has
been given back unused; `promise_us`, in how many microseconds a refused call may try again (0 is never), each
promise behind the ones before it, so that those who keep to them do not meet; `taken`, how much does not fit
again yet, rounded up; `at_rest`, whether a new meter would be the same.

Laws: what is given back is exactly what was taken, in whole numbers; a meter in which nothing is reserved and
from which time has drained everything is as new. A limit's size is told with each question, because it may
change while calls are in flight.
"""

import math
from typing import NamedTuple

import attrs

from domain.policy.periods import Period

MINUTE_US = 60_000_000
_LONGEST_PROMISE_MINUTES = 60
NEWEST_WEIGHT = 0.125
"""How much the latest call says of how long calls hold their place."""
_NEVER_S = -(10**12)


class Moment(NamedTuple):
    """Now, on two clocks.

    Attributes:
        steady_us: Whole microseconds on a clock that never goes back; its zero means nothing.
        wall_s: Seconds since the Unix epoch.
    """

    steady_us: int
    wall_s: float


@attrs.define
class RateMeter:
    """A bucket that holds a minute's worth and refills evenly (GCRA).

    What is reserved stays reserved until its call ends; what the call has used drains from then on. The
    bucket is kept as debt: an amount of 1 is `MINUTE_US` of it, and `most` drain each microsecond, so that
    nothing is ever rounded.

    Attributes:
        debt: As it was at `at_us`, in microseconds of the steady clock.
        reserved: By calls that run.
    """

    debt: int = 0
    at_us: int = 0
    reserved: int = 0
    _promised: int = 0
    _promised_at_us: int = 0

    def wait_us(self, most: int, amount: int, now: Moment) -> float:
        """Return after how many microseconds `amount` fits."""
        reserved = self.reserved + amount
        if reserved > most:
            return math.inf
        debt = self._debt_now(most, now) + reserved * MINUTE_US
        return 0 if debt <= most * MINUTE_US else _until(debt, most)

    def hopeless(self, most: int, amount: int, now: Moment) -> bool:
        """Return whether the bucket can never hold `amount`."""
        return amount > most

    def promise_us(self, most: int, amount: int, now: Moment) -> int:
        """Return when a refused call may try again: as if what is reserved was used up now."""
        taken = self._debt_now(most, now) + self.reserved * MINUTE_US
        behind = max(taken, self._promised_now(most, now)) + amount * MINUTE_US
        self._promised = min(behind, _LONGEST_PROMISE_MINUTES * most * MINUTE_US)
        self._promised_at_us = now.steady_us
        return _until(self._promised, most)

    def at_rest(self, most: int, now: Moment) -> bool:
        """Return whether everything has drained."""
        return self._debt_now(most, now) == self.reserved == self._promised_now(most, now) == 0

    def taken(self, most: int, now: Moment) -> int:
        """Return what is reserved, and what has not drained."""
        return self.reserved - (-self._debt_now(most, now) // MINUTE_US)

    def _debt_now(self, most: int, now: Moment) -> int:
        return _drained(self.debt, most, now.steady_us - self.at_us)

    def _promised_now(self, most: int, now: Moment) -> int:
        return _drained(self._promised, most, now.steady_us - self._promised_at_us)


def _drained(debt: int, most: int, passed_us: int) -> int:
    """Return what is left of `debt`; a clock that goes back drains nothing."""
    return max(0, debt - most * max(0, passed_us))


def _until(debt: int, most: int) -> int:
    """Return in how many microseconds a bucket with `debt` is within its size, rounded up."""
    return max(0, -((most * MINUTE_US - debt) // most))


@attrs.define
class StartMeter(RateMeter):
    """Calls begun: they count from their start, and whatever becomes of them."""


@attrs.define
class SlotMeter:
    """Places for calls in flight; how long the last ones were held says when to try again.

    Attributes:
        reserved: How many are taken.
        mean_hold_us: How long the last ones were held; 0: nobody left yet.
    """

    reserved: int = 0
    mean_hold_us: float = 0.0
    _promised: float = 0.0
    _at_us: int = 0

    def wait_us(self, most: int, amount: int, now: Moment) -> float:
        """Return 0, or infinity: places come back when others leave."""
        return 0 if self.reserved + amount <= most else math.inf

    def hopeless(self, most: int, amount: int, now: Moment) -> bool:
        """Return whether there are not even so many places."""
        return amount > most

    def promise_us(self, most: int, amount: int, now: Moment) -> int:
        """Return when a refused call may try again: as if every call took as long as the last ones."""
        hold_us = max(self.mean_hold_us, 100_000.0) if self.mean_hold_us else 1_000_000.0
        gone = (now.steady_us - self._at_us) * most / hold_us
        self._at_us = now.steady_us
        self._promised = max(0.0, self._promised - gone) + amount
        return min(math.ceil(self._promised * hold_us / most), MINUTE_US)

    def at_rest(self, most: int, now: Moment) -> bool:
        """Return whether nobody is there."""
        return self.reserved == 0

    def taken(self, most: int, now: Moment) -> int:
        """Return how many places are taken."""
        return self.reserved


@attrs.define
class BudgetMeter:
    """Money for a period; what is spent comes back when the next one begins.

    A clock that is set back, or was ahead for a while, finds the period that it comes back to as it left it.

    Attributes:
        begun_s: When this period began, in seconds since the Unix epoch.
        sure_s: Until then it is this one, and the calendar need not be asked: `turn` is called where the
            wall clock is outside of both.
        spent: In this period.
        reserved: By calls that run.
    """

    period: Period
    begun_s: int = _NEVER_S
    sure_s: int = _NEVER_S
    spent: int = 0
    # The period before the clock last moved to another one.
    _left_s: int = _NEVER_S
    _left_spent: int = 0
    reserved: int = 0

    def seed(self, spent: int, now: Moment) -> None:
        """Know what was spent in this period before this meter was made."""
        self.turn(now.wall_s)
        self.spent += spent

    def wait_us(self, most: int, amount: int, now: Moment) -> float:
        """Return 0, or infinity: what others have reserved may come back."""
        self.turn(now.wall_s)
        return 0 if self._fits(most, amount, self.spent + self.reserved) else math.inf

    def hopeless(self, most: int, amount: int, now: Moment) -> bool:
        """Return whether what is spent leaves too little until the next period."""
        self.turn(now.wall_s)
        return not self._fits(most, amount, self.spent)

    def promise_us(self, most: int, amount: int, now: Moment) -> int:
        """Return when the next period begins, where what is spent leaves too little; never, without a budget.

        Else it is a second: what is reserved may come back at any time.
        """
        if most == 0:
            return 0
        if not self.hopeless(most, amount, now):
            return 1_000_000
        return self.period.next_s(now.wall_s) * 1_000_000 - round(now.wall_s * 1_000_000)

    def at_rest(self, most: int, now: Moment) -> bool:
        """Return whether nothing is reserved, and nothing spent in this period."""
        self.turn(now.wall_s)
        return self.reserved == 0 and self.spent == 0

    def taken(self, most: int, now: Moment) -> int:
        """Return what is spent in this period, and what is reserved."""
        self.turn(now.wall_s)
        return self.spent + self.reserved

    def _fits(self, most: int, amount: int, gone: int) -> bool:
        # Who has nothing left gets nothing, not even what costs nothing as far as one knows.
        return gone + amount <= most and gone < most

    def turn(self, wall_s: float) -> None:
        """Be in the period of `wall_s`, in seconds since the Unix epoch."""
        start_s = self.period.start_s(wall_s)
        if start_s != self.begun_s:
            spent = self._left_spent if start_s == self._left_s else 0
            self._left_s, self._left_spent = self.begun_s, self.spent
            self.begun_s, self.spent = start_s, spent
            self.sure_s = start_s + self.period.least_s
