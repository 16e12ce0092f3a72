"""The meters of all limits of a call, decided together: whether it fits, taking what it needs, settling it.

What each meter says by itself is in `meters`. Here is the way of a call that need not wait, as nearly every
call: three functions for all of its limits, because to enter one for each of them costs more than what it
works out. A property test holds both to the same.
"""

from collections.abc import Iterable
from typing import TypeAlias

import attrs

from domain.policy.limits import Need
from domain.policy.meters import (
    MINUTE_US,
    NEWEST_WEIGHT,
    BudgetMeter,
    Moment,
    RateMeter,
    SlotMeter,
    StartMeter,
)

OneMeter: TypeAlias = RateMeter | StartMeter | SlotMeter | BudgetMeter


@attrs.frozen(eq=False)
class Metering:
    """Meters, each with the size of its limit.

    Attributes:
        starts: Those of calls begun; the others likewise: each kind in a row of its own.
    """

    starts: list[tuple[StartMeter, int]] = attrs.field(factory=list)
    rates: list[tuple[RateMeter, int]] = attrs.field(factory=list)
    slots: list[tuple[SlotMeter, int]] = attrs.field(factory=list)
    budgets: list[tuple[BudgetMeter, int]] = attrs.field(factory=list)

    @classmethod
    def of(cls, sized: Iterable[tuple[OneMeter, int]]) -> "Metering":
        """Return meters, each with the size of its limit, by their kinds."""
        found = cls()
        for meter, most in sized:
            if isinstance(meter, StartMeter):
                found.starts.append((meter, most))
            elif isinstance(meter, RateMeter):
                found.rates.append((meter, most))
            elif isinstance(meter, SlotMeter):
                found.slots.append((meter, most))
            else:
                found.budgets.append((meter, most))
        return found

    def fits(self, need: Need, now: Moment) -> bool:
        """Return whether all meters have room for `need` now: for each, `wait_us` would be 0."""
        tokens, nano_usd, calls = need
        now_us, wall_s = now
        for starts, most in self.starts:
            debt = starts.debt
            if now_us > starts.at_us:
                debt = max(0, debt - most * (now_us - starts.at_us))
            if debt > (most - calls) * MINUTE_US:
                return False
        for rate, most in self.rates:
            debt = rate.debt
            if now_us > rate.at_us:
                debt = max(0, debt - most * (now_us - rate.at_us))
            if debt > (most - rate.reserved - min(most, tokens)) * MINUTE_US:
                return False
        for slots, most in self.slots:
            if slots.reserved + calls > most:
                return False
        for budget, most in self.budgets:
            if not budget.begun_s <= wall_s < budget.sure_s:
                budget.turn(wall_s)
            gone = budget.spent + budget.reserved
            if gone >= most or gone + min(most, nano_usd) > most:
                return False
        return True

    def take(self, need: Need, now: Moment) -> None:
        """Reserve `need`, never more of a limit than it can hold, whether or not it fits."""
        tokens, nano_usd, calls = need
        now_us = now.steady_us
        for starts, most in self.starts:
            if now_us > starts.at_us:
                starts.debt = max(0, starts.debt - most * (now_us - starts.at_us))
                starts.at_us = now_us
            # They count from now on.
            starts.debt += calls * MINUTE_US
        for rate, most in self.rates:
            rate.reserved += min(most, tokens)
        for slots, _ in self.slots:
            slots.reserved += calls
        for budget, most in self.budgets:
            budget.reserved += min(most, nano_usd)

    def settle(self, need: Need, used: Need, held_us: int, now: Moment) -> None:
        """Put `used` in the place of `need`, which was taken `held_us` microseconds ago."""
        tokens, nano_usd, calls = need
        now_us, wall_s = now
        for rate, most in self.rates:
            if now_us > rate.at_us:
                rate.debt = max(0, rate.debt - most * (now_us - rate.at_us))
                rate.at_us = now_us
            rate.debt += used.tokens * MINUTE_US
            rate.reserved -= min(most, tokens)
        for slots, _ in self.slots:
            slots.reserved -= calls
            mean_us = slots.mean_hold_us
            if not mean_us:
                slots.mean_hold_us = held_us
            elif held_us:
                slots.mean_hold_us = mean_us + (held_us - mean_us) * NEWEST_WEIGHT
        for budget, most in self.budgets:
            if not budget.begun_s <= wall_s < budget.sure_s:
                budget.turn(wall_s)
            budget.reserved -= min(most, nano_usd)
            budget.spent += used.nano_usd
