"""How much of something a peer may do: so much at once, so much a second, and what it has earned.

Pure: time is an argument. What is earned keeps beside the rest, so that a peer that is idle for long cannot
save up more than the burst.
"""

import math

import attrs

# What may be saved of what was earned, in bursts: a client that comes back from a pause answers much at once.
_SAVED_BURSTS = 40


@attrs.frozen
class Rate:
    """A token bucket's shape.

    Attributes:
        burst: At once.
        per_s: Then, a second.
    """

    burst: float
    per_s: float


UNLIMITED = Rate(math.inf, 0.0)


@attrs.define
class Allowance:
    """What is left of a rate."""

    rate: Rate
    _level: float = attrs.field(init=False)
    _earned: float = 0.0
    _since_s: float = -math.inf

    def __attrs_post_init__(self) -> None:
        """Begin with a whole burst."""
        self._level = self.rate.burst

    def earn(self, amount: float) -> None:
        """Add to what may be spent, up to a bound."""
        self._earned = min(self._earned + amount, self.rate.burst * _SAVED_BURSTS)

    def spend(self, amount: float, now_s: float) -> bool:
        """Take `amount`, earned or given by time; return whether it was there. Time never runs back."""
        if self._earned >= amount:
            self._earned -= amount
            return True
        if now_s > self._since_s:
            if self._level < self.rate.burst:
                gained = (now_s - self._since_s) * self.rate.per_s
                self._level = min(self.rate.burst, self._level + gained)
            self._since_s = now_s
        if self._earned + self._level < amount:
            return False
        self._level -= amount - self._earned
        self._earned = 0.0
        return True
