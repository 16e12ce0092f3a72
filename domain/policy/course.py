"""The way of one call through its routes: a state that is told what failed, and says where to go next.

Laws: a route that was not tried goes before one that was; of those that were, the one that may be asked
soonest; but the last request that a call may make goes to a provider that it has not asked, if there is one.
No wait is longer than the policy allows, and none reaches the deadline. Requests to providers are no more
than the call may make, repetitions no more than their provider's budget has; a route that was passed over
without being asked takes from neither.
"""

import math
from collections.abc import Callable, Sequence

import attrs

from domain.model.call import ChatCall
from domain.model.errors import ChatError, InvalidRequest
from domain.model.target import Target
from domain.model.usage import Attempt
from domain.model.watch import Resort, ResortKind
from domain.policy.retry import Remedy, RetryPolicy
from domain.policy.retry_budget import RetryBudget

_PASSED_OVER = 3
"""Times that one route is gone back to that nobody may ask."""


@attrs.define
class Candidate:
    """One route of a call, and what came of it.

    Attributes:
        ready_s: When it may be asked next, on the event loop's clock; infinite: not any more.
        failed: How often it was tried in vain.
        asked: Whether its provider was ever asked.
    """

    target: Target
    ready_s: float = -math.inf
    failed: int = 0
    asked: bool = False


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

    def failed(self, error: ChatError, remedy: Remedy, now_s: float, *, asked: int) -> None:
        """Take note that what was tried at `at` ended at `now_s` by `error`.

        Args:
            error: What ended it.
            remedy: What may help.
            now_s: On the event loop's clock.
            asked: Requests that a provider got.
        """
        self.made += asked
        at = self.at
        at.failed += 1
        at.asked = at.asked or asked > 0
        if remedy is Remedy.NOTHING:
            self.most, self.error = 0, error
            return
        # Who is always passed over must not be gone back to for ever.
        again = remedy is Remedy.AGAIN and (asked > 0 or at.failed < _PASSED_OVER)
        at.ready_s = (
            now_s + self.policy.wait_s(at.failed, error.retry_after_s, self.chance)
            if again
            else math.inf
        )
        self.error = error if self.error is None else more_telling(self.error, error)

    def beside(self, attempts: Sequence[Attempt], remedy: Remedy, now_s: float) -> None:
        """Take note that `attempts` were made at the same time as the one at `at`, all in vain."""
        for candidate in self.routes:
            target = candidate.target
            there = any(
                (each.provider, each.model) == (target.provider, target.model)
                and (not target.keys or each.credential_alias in target.keys)
                for each in attempts
            )
            if there and candidate is not self.at:
                candidate.failed += 1
                candidate.asked = True
                candidate.ready_s = (
                    now_s + self.policy.wait_s(candidate.failed, None, self.chance)
                    if remedy is Remedy.AGAIN
                    else math.inf
                )

    def go(self, now_s: float, deadline_s: float) -> float | None:
        """Move on; return how long to wait first, in seconds; None: there is nowhere to go.

        Args:
            now_s: On the event loop's clock.
            deadline_s: Of the call, on the same clock.
        """
        if self.made >= self.most:
            return None
        # Of equals, the first stays the first.
        for each in sorted(self.routes, key=self._turn):
            wait_s = max(0.0, each.ready_s - now_s)
            if wait_s > self.policy.max_wait_s or now_s + wait_s >= deadline_s:
                break
            if self._afford(each, now_s):
                self.at = each
                return wait_s
        return None

    def _turn(self, candidate: Candidate) -> tuple[float, bool]:
        # The keys of one provider must not use up what another was to be asked by.
        last = self.made == self.most - 1
        return candidate.ready_s, last and self._asked(candidate.target.provider)

    def _afford(self, candidate: Candidate, now_s: float) -> bool:
        budget = self.budget_of(candidate.target.provider)
        if self._asked(candidate.target.provider):
            return budget.spend(now_s)
        if not candidate.failed:
            budget.earn()
        return True

    def _asked(self, provider: str) -> bool:
        return any(each.asked and each.target.provider == provider for each in self.routes)


def more_telling(before: ChatError, error: ChatError) -> ChatError:
    """Return which of two failures of one call its caller is to hear of; the later one, if neither is better.

    What several routes do not take of a request is told in one error.
    """
    if isinstance(before, InvalidRequest) and isinstance(error, InvalidRequest):
        return InvalidRequest(*dict.fromkeys((*before.violations, *error.violations)))
    # What one route does not take is no news beside what failed elsewhere.
    if isinstance(error, InvalidRequest) or (before.retryable and not error.retryable):
        return before
    # Who can try again later is told that, whatever else went wrong.
    return error


def at(call: ChatCall, target: Target) -> ChatCall:
    """Return `call` as it goes to `target`: first in its plan, so that its key is known below.

    Where it was comes last there: who looks for a second route is to find one that has not just failed.
    """
    before, *others = call.plan
    rest = [each for each in (*others, before) if each != target]
    return call.planned((target, *rest), call.public)


def resort(call: ChatCall, target: Target, error: ChatError, pause_s: float) -> Resort:
    """Return what those who watch `call` are told of its next attempt, at `target`."""
    same = (call.request.provider, call.request.model) == (target.provider, target.model)
    return Resort(
        kind=ResortKind.RETRY if same else ResortKind.FALLBACK,
        provider=target.provider,
        model=target.model,
        reason=error.reason,
        pause_s=pause_s,
    )
