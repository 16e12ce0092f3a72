"""What a limit has left: three meters with memory and no clock of their own.

Laws: what is given back is exactly what was taken, in whole numbers; a meter in which nothing is reserved and
from which time has drained everything is as new. A limit's size is told with each question, because it may
change while calls are in flight.
"""

import math
from typing import NamedTuple, Protocol

import attrs

from domain.policy.periods import Period

MINUTE_US = 60_000_000
_LONGEST_PROMISE_MINUTES = 60
_NEWEST_WEIGHT = 0.125
_NEVER_S = -(10**12)


class Moment(NamedTuple):
    """Now, on two clocks.

    Attributes:
        steady_us: Whole microseconds on a clock that never goes back; its zero means nothing.
        wall_s: Seconds since the Unix epoch.
    """

    steady_us: int
    wall_s: float


class Meter(Protocol):
    """What a limit has left. Amounts are whole: calls, tokens or 1e-9 US dollars.

    To take is to add to what a meter has, right after `wait_us` said of the same moment that it fits: to
    `reserved`, or to the `debt` of a `StartMeter`. There is no method for it, which each call would enter for
    each of its limits.

    Attributes:
        reserved: By calls that run.
    """

    reserved: int

    def wait_us(self, most: int, amount: int, now: Moment) -> float:
        """Return after how many microseconds `amount` fits: 0 is now, infinity is when others give back."""
        ...

    def hopeless(self, most: int, amount: int, now: Moment) -> bool:
        """Return whether `amount` cannot fit even once all that is reserved has been given back unused."""
        ...

    def settle(self, most: int, reserved: int, used: int, held_us: int, now: Moment) -> None:
        """Put `used` in place of `reserved`, which was taken `held_us` microseconds ago."""
        ...

    def promise_us(self, most: int, amount: int, now: Moment) -> int:
        """Return when a refused call may try again, in microseconds from now; 0: never.

        Each promise is behind the ones before it, so that those who keep to them do not meet.
        """
        ...

    def at_rest(self, most: int, now: Moment) -> bool:
        """Return whether a new meter would be the same."""
        ...

    def taken(self, most: int, now: Moment) -> int:
        """Return how much is reserved or used and does not fit again yet, rounded up."""
        ...


@attrs.define
class RateMeter:
    """A bucket that holds a minute's worth and refills evenly (GCRA).

    What is reserved stays reserved until its call ends; what the call has used drains from then on. The
    bucket is kept as debt: an amount of 1 is `MINUTE_US` of it, and `most` drain each microsecond, so that
    nothing is ever rounded.

    Attributes:
        debt: As it was when somebody last asked.
        reserved: By calls that run.
    """

    debt: int = 0
    reserved: int = 0
    _promised: int = 0
    _at_us: int = 0

    def wait_us(self, most: int, amount: int, now: Moment) -> float:
        """Return after how many microseconds `amount` fits."""
        reserved = self.reserved + amount
        if reserved > most:
            return math.inf
        now_us = now.steady_us
        if now_us > self._at_us:
            # As `_drained`, without a call of a function for every call.
            drained = most * (now_us - self._at_us)
            self.debt = self.debt - drained if self.debt > drained else 0
            self._promised = self._promised - drained if self._promised > drained else 0
            self._at_us = now_us
        debt = self.debt + reserved * MINUTE_US
        return 0 if debt <= most * MINUTE_US else _until(debt, most)

    def hopeless(self, most: int, amount: int, now: Moment) -> bool:
        """Return whether the bucket can never hold `amount`."""
        return amount > most

    def settle(self, most: int, reserved: int, used: int, held_us: int, now: Moment) -> None:
        """Put `used` in place of `reserved`."""
        debt, now_us = self.debt, now.steady_us
        if now_us > self._at_us:
            # As `_drained` again.
            drained = most * (now_us - self._at_us)
            debt = debt - drained if debt > drained else 0
            self._promised = self._promised - drained if self._promised > drained else 0
            self._at_us = now_us
        self.debt = debt + used * MINUTE_US
        self.reserved -= reserved

    def promise_us(self, most: int, amount: int, now: Moment) -> int:
        """Return when a refused call may try again: as if what is reserved was used up now."""
        taken = self._drained(most, now) + self.reserved * MINUTE_US
        behind = max(taken, self._promised) + amount * MINUTE_US
        self._promised = min(behind, _LONGEST_PROMISE_MINUTES * most * MINUTE_US)
        return _until(self._promised, most)

    def at_rest(self, most: int, now: Moment) -> bool:
        """Return whether everything has drained."""
        return self._drained(most, now) == self.reserved == self._promised == 0

    def taken(self, most: int, now: Moment) -> int:
        """Return what is reserved, and what has not drained."""
        return self.reserved - (-self._drained(most, now) // MINUTE_US)

    def _drained(self, most: int, now: Moment) -> int:
        now_us = now.steady_us
        if now_us > self._at_us:
            drained = most * (now_us - self._at_us)
            self.debt = self.debt - drained if self.debt > drained else 0
            self._promised = self._promised - drained if self._promised > drained else 0
            self._at_us = now_us
        return self.debt


def _until(debt: int, most: int) -> int:
    """Return in how many microseconds a bucket with `debt` is within its size, rounded up."""
    return max(0, -((most * MINUTE_US - debt) // most))


@attrs.define
class StartMeter(RateMeter):
    """Calls begun: they count from their start, and whatever becomes of them."""

    def settle(self, most: int, reserved: int, used: int, held_us: int, now: Moment) -> None:
        """Do nothing: it has begun."""


@attrs.define
class SlotMeter:
    """Places for calls in flight; how long the last ones were held says when to try again.

    Attributes:
        reserved: How many are taken.
    """

    reserved: int = 0
    _mean_hold_us: float = 0.0
    _promised: float = 0.0
    _at_us: int = 0

    def wait_us(self, most: int, amount: int, now: Moment) -> float:
        """Return 0, or infinity: places come back when others leave."""
        return 0 if self.reserved + amount <= most else math.inf

    def hopeless(self, most: int, amount: int, now: Moment) -> bool:
        """Return whether there are not even so many places."""
        return amount > most

    def settle(self, most: int, reserved: int, used: int, held_us: int, now: Moment) -> None:
        """Give the places back; they cannot be used up."""
        self.reserved -= reserved
        if held_us:
            weight = _NEWEST_WEIGHT if self._mean_hold_us else 1.0
            self._mean_hold_us += (held_us - self._mean_hold_us) * weight

    def promise_us(self, most: int, amount: int, now: Moment) -> int:
        """Return when a refused call may try again: as if every call took as long as the last ones."""
        hold_us = max(self._mean_hold_us, 100_000.0) if self._mean_hold_us else 1_000_000.0
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
        reserved: By calls that run.
    """

    period: Period
    _current_s: int = _NEVER_S
    # Until then the calendar need not be asked.
    _sure_s: int = _NEVER_S
    _spent: int = 0
    # The period before the clock last moved to another one.
    _left_s: int = _NEVER_S
    _left_spent: int = 0
    reserved: int = 0

    def seed(self, spent: int, now: Moment) -> None:
        """Know what was spent in this period before this meter was made."""
        self._turn(now)
        self._spent += spent

    def wait_us(self, most: int, amount: int, now: Moment) -> float:
        """Return 0, or infinity: what others have reserved may come back."""
        if now.wall_s >= self._sure_s or now.wall_s < self._current_s:
            self._turn(now)
        # As `_fits`, which most calls need not be asked.
        gone = self._spent + self.reserved
        return 0 if gone + amount <= most and gone < most else math.inf

    def hopeless(self, most: int, amount: int, now: Moment) -> bool:
        """Return whether what is spent leaves too little until the next period."""
        self._turn(now)
        return not self._fits(most, amount, self._spent)

    def settle(self, most: int, reserved: int, used: int, held_us: int, now: Moment) -> None:
        """Spend `used`, and give the rest of `reserved` back."""
        if now.wall_s >= self._sure_s or now.wall_s < self._current_s:
            self._turn(now)
        self.reserved -= reserved
        self._spent += used

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
        self._turn(now)
        return self.reserved == 0 and self._spent == 0

    def taken(self, most: int, now: Moment) -> int:
        """Return what is spent in this period, and what is reserved."""
        self._turn(now)
        return self._spent + self.reserved

    def _fits(self, most: int, amount: int, gone: int) -> bool:
        # Who has nothing left gets nothing, not even what costs nothing as far as one knows.
        return gone + amount <= most and gone < most

    def _turn(self, now: Moment) -> None:
        start_s = self.period.start_s(now.wall_s)
        if start_s != self._current_s:
            spent = self._left_spent if start_s == self._left_s else 0
            self._left_s, self._left_spent = self._current_s, self._spent
            self._current_s, self._spent = start_s, spent
            self._sure_s = start_s + self.period.least_s
