"""The way of one call through its routes: a state that is told what failed, and says where to go next.

Laws: a route that was not tried goes before one that was; of those that were, the one that may be asked
soonest. No wait is longer than the policy allows, and none reaches the deadline. Requests to providers are
no more than the call may make, repetitions no more than their provider's budget has.
"""

import math
from collections.abc import Callable, Sequence

import attrs

from domain.model.errors import ChatError
from domain.model.target import Target
from domain.policy.retry import Remedy, RetryPolicy
from domain.policy.retry_budget import RetryBudget


@attrs.define
class Candidate:
    """One route of a call, and what came of it.

    Attributes:
        ready_s: When it may be asked next, on the event loop's clock; infinite: not any more.
        failed: How often it was asked in vain.
    """

    target: Target
    ready_s: float = -math.inf
    failed: int = 0


@attrs.define(kw_only=True)
class Course:
    """Where a call was, and where it may go.

    Attributes:
        policy: Bounds its waits.
        routes: First choice first.
        most: Requests to providers that it may make.
        budget_of: What may be repeated, by provider.
        chance: In [0, 1); see `RetryPolicy.wait_s`.
        at: Where it is now.
        made: Requests made.
        error: What the caller is told if nothing else helps.
    """

    policy: RetryPolicy
    routes: Sequence[Candidate]
    most: int
    budget_of: Callable[[str], RetryBudget]
    chance: float
    at: Candidate
    made: int = 0
    error: ChatError | None = None

    @classmethod
    def of(
        cls,
        policy: RetryPolicy,
        plan: Sequence[Target],
        *,
        most: int,
        budget_of: Callable[[str], RetryBudget],
        chance: float,
    ) -> "Course":
        """Return the beginning of a way through `plan`, at its first route."""
        routes = [Candidate(target) for target in plan]
        return cls(
            policy=policy,
            routes=routes,
            most=most,
            budget_of=budget_of,
            chance=chance,
            at=routes[0],
        )

    def failed(self, error: ChatError, remedy: Remedy, now_s: float, *, asked: bool) -> None:
        """Take note that the attempt at `at` ended at `now_s` by `error`.

        Args:
            error: What ended it.
            remedy: What may help.
            now_s: On the event loop's clock.
            asked: Whether a provider was asked.
        """
        self.made += asked
        at = self.at
        at.failed += 1
        if remedy is Remedy.NOTHING:
            self.most, self.error = 0, error
            return
        at.ready_s = (
            now_s + self.policy.wait_s(at.failed, error.retry_after_s, self.chance)
            if remedy is Remedy.AGAIN
            else math.inf
        )
        # Who can try again later is told that, whatever else went wrong.
        if self.error is None or error.retryable or not self.error.retryable:
            self.error = error

    def go(self, now_s: float, deadline_s: float) -> float | None:
        """Move on; return how long to wait first, in seconds; None: there is nowhere to go.

        Args:
            now_s: On the event loop's clock.
            deadline_s: Of the call, on the same clock.
        """
        if self.made >= self.most:
            return None
        # Of equals, the first stays the first.
        for each in sorted(self.routes, key=_ready_s):
            wait_s = max(0.0, each.ready_s - now_s)
            if wait_s > self.policy.max_wait_s or now_s + wait_s >= deadline_s:
                break
            if self._afford(each.target.provider, now_s):
                self.at = each
                return wait_s
        return None

    def _afford(self, provider: str, now_s: float) -> bool:
        budget = self.budget_of(provider)
        if self._was_at(provider):
            return budget.spend(now_s)
        budget.earn()
        return True

    def _was_at(self, provider: str) -> bool:
        return any(each.failed and each.target.provider == provider for each in self.routes)


def _ready_s(candidate: Candidate) -> float:
    return candidate.ready_s
