"""When a second route is asked for an answer that is slow to begin.

Laws: what is not asked for, and not configured, never happens; a route's own time is known only after enough
answers, and the latest of them say it; the extra requests are a share of the traffic.

Source: Dean and Barroso, "The Tail at Scale" (2013), hedged requests after the 95th percentile.
"""

import math
from collections import deque
from collections.abc import Sequence

import attrs

from domain.model.target import Target
from domain.policy.retry_budget import BudgetPolicy

_LATEST = 64
_ENOUGH = 20


@attrs.frozen(kw_only=True)
class HedgePolicy:
    """When calls are hedged that do not say it themselves.

    Attributes:
        after_s: How long the first choice may take to its first content; ``None``: as long as it wants.
        by_p95: Whether each route's own 95th percentile is the time, once it is known.
        min_s: It is never less.
        budget: What part of each provider's traffic may be the second of two.
        off: Whether only calls that ask for it are hedged.
    """

    after_s: float | None = None
    by_p95: bool = False
    min_s: float = 0.1
    budget: BudgetPolicy = BudgetPolicy(ratio=0.05, min_per_s=0.1, burst=5.0)
    off: bool = attrs.field(
        init=False,
        default=attrs.Factory(
            lambda self: self.after_s is None and not self.by_p95, takes_self=True
        ),
    )


@attrs.define
class FirstContentTimes:
    """How long a route took to its first content, the latest times."""

    _latest: deque[float] = attrs.field(factory=lambda: deque(maxlen=_LATEST))

    def add(self, took_s: float) -> None:
        """Take note of one more: of an answer that was not waited for, how long it was waited for."""
        self._latest.append(took_s)

    def p95_s(self) -> float | None:
        """Return what 95 of 100 answers take at most; None: there were too few."""
        if len(self._latest) < _ENOUGH:
            return None
        return sorted(self._latest)[math.ceil(0.95 * len(self._latest)) - 1]


def hedge_after_s(
    asked_s: float | None, policy: HedgePolicy, times: FirstContentTimes | None
) -> float | None:
    """Return how long to wait for content before a second route is asked; None: for ever.

    Args:
        asked_s: What the call says.
        policy: Where it says nothing.
        times: Of its route, if any are known.
    """
    if asked_s is not None:
        return asked_s
    own_s = times.p95_s() if policy.by_p95 and times is not None else None
    found_s = policy.after_s if own_s is None else own_s
    return None if found_s is None else max(found_s, policy.min_s)


def second(plan: Sequence[Target]) -> Target:
    """Return which route of `plan` is asked beside its first: another if there is one, else the same."""
    first = plan[0]
    others = [each for each in plan if (each.provider, each.model) != (first.provider, first.model)]
    return next(iter((*others, *plan[1:])), first)
