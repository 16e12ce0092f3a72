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
        starts: Those of calls begun, with the debt of a full bucket; the others likewise: each kind in a row
            of its own.
    """

    starts: list[tuple[StartMeter, int, int]] = attrs.field(factory=list)
    rates: list[tuple[RateMeter, int, int]] = attrs.field(factory=list)
    slots: list[tuple[SlotMeter, int]] = attrs.field(factory=list)
    budgets: list[tuple[BudgetMeter, int]] = attrs.field(factory=list)

    @classmethod
    def of(cls, sized: Iterable[tuple[OneMeter, int]]) -> "Metering":
        """Return meters, each with the size of its limit, by their kinds."""
        found = cls()
        for meter, most in sized:
            if isinstance(meter, StartMeter):
                found.starts.append((meter, most, most * MINUTE_US))
            elif isinstance(meter, RateMeter):
                found.rates.append((meter, most, most * MINUTE_US))
            elif isinstance(meter, SlotMeter):
                found.slots.append((meter, most))
            else:
                found.budgets.append((meter, most))
        return found

    def fits(self, need: Need, now: Moment) -> bool:
        """Return whether all meters have room for `need` now: for each, `wait_us` would be 0."""
        # What fits as things stood last fits all the more when time has passed: only else a meter is asked.
        tokens, nano_usd, calls = need
        for starts, most, full in self.starts:
            if starts.debt + calls * MINUTE_US > full and starts.wait_us(most, calls, now):
                return False
        for rate, most, full in self.rates:
            wanted = min(most, tokens)
            taken = rate.debt + (rate.reserved + wanted) * MINUTE_US
            if taken > full and rate.wait_us(most, wanted, now):
                return False
        for slots, most in self.slots:
            if slots.reserved + calls > most:
                return False
        wall_s = now.wall_s
        for budget, most in self.budgets:
            wanted = min(most, nano_usd)
            gone = budget.spent + budget.reserved
            fits = (
                gone < most and gone + wanted <= most and budget.begun_s <= wall_s < budget.sure_s
            )
            if not fits and budget.wait_us(most, wanted, now):
                return False
        return True

    def take(self, need: Need, now: Moment) -> None:
        """Reserve `need`, never more of a limit than it can hold, whether or not it fits."""
        tokens, nano_usd, calls = need
        now_us = now.steady_us
        for starts, most, _ in self.starts:
            passed_us = now_us - starts.at_us
            if passed_us > 0:
                drained = most * passed_us
                starts.debt = starts.debt - drained if starts.debt > drained else 0
                starts.at_us = now_us
            # They count from now on.
            starts.debt += calls * MINUTE_US
        for rate, most, _ in self.rates:
            rate.reserved += min(most, tokens)
        for slots, _ in self.slots:
            slots.reserved += calls
        for budget, most in self.budgets:
            budget.reserved += min(most, nano_usd)

    def settle(self, need: Need, used: Need, held_us: int, now: Moment) -> None:
        """Put `used` in the place of `need`, which was taken `held_us` microseconds ago."""
        tokens, nano_usd, calls = need
        used_tokens, used_nano_usd, _ = used
        now_us, wall_s = now
        for rate, most, _ in self.rates:
            passed_us = now_us - rate.at_us
            if passed_us > 0:
                drained = most * passed_us
                rate.debt = rate.debt - drained if rate.debt > drained else 0
                rate.at_us = now_us
            rate.debt += used_tokens * MINUTE_US
            rate.reserved -= min(most, tokens)
        for slots, _ in self.slots:
            slots.reserved -= calls
            if held_us:
                mean_us = slots.mean_hold_us or held_us
                slots.mean_hold_us = mean_us + (held_us - mean_us) * NEWEST_WEIGHT
        for budget, most in self.budgets:
            if not budget.begun_s <= wall_s < budget.sure_s:
                budget.turn(wall_s)
            budget.reserved -= min(most, nano_usd)
            budget.spent += used_nano_usd
