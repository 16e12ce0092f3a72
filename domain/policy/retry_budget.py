"""How much of a provider's traffic may be repetition: a share of what it is asked anyway, and a little more.

Law: within any time, the repetitions are no more than `burst`, and `ratio` of the calls, and `min_per_s` of
the seconds. A provider in trouble so gets little more load, and never many times as much.
"""

import attrs


@attrs.frozen(kw_only=True)
class BudgetPolicy:
    """How large it is.

    Attributes:
        ratio: Share of the calls.
        min_per_s: Each second, however few calls there are.
        burst: Most that is saved up.
    """

    ratio: float = 0.2
    min_per_s: float = 0.5
    burst: float = 10.0


@attrs.define
class RetryBudget:
    """What may be repeated towards one provider.

    Attributes:
        _left: Repetitions, as of `_at_s`.
    """

    _policy: BudgetPolicy
    _left: float
    _at_s: float | None = None

    @classmethod
    def full(cls, policy: BudgetPolicy) -> "RetryBudget":
        """Return one that nothing was taken of."""
        return cls(policy, policy.burst)

    def earn(self) -> None:
        """Take note of a call that is none."""
        self._left = min(self._policy.burst, self._left + self._policy.ratio)

    def spend(self, now_s: float) -> bool:
        """Take one, at `now_s` on a clock that never goes back; return whether there was one."""
        policy = self._policy
        if self._at_s is not None:
            earned = (now_s - self._at_s) * policy.min_per_s
            self._left = min(policy.burst, self._left + earned)
        self._at_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
