"""Whether a failed attempt is followed by another, where, and when.

What a failure means for the rest of its call is a fact of its reason, and stands in the table. A route that
was not tried yet is tried at once; one that was, after a wait that grows, or that its provider named.
Randomness comes in as a number.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog ("full jitter"); gRFC A6.
"""

from collections.abc import Mapping
from enum import Enum

import attrs

from domain.model.errors import ChatError, ErrorReason, LimitExceeded, RouteBroken


class Remedy(Enum):
    """What may help after a failure."""

    AGAIN = "again"
    """Another route, or the same one in a while."""
    ELSEWHERE = "elsewhere"
    """Another route alone."""
    NOTHING = "nothing"


REMEDIES: Mapping[ErrorReason, Remedy] = {
    ErrorReason.PROVIDER_RATE_LIMITED: Remedy.AGAIN,
    ErrorReason.PROVIDER_OVERLOADED: Remedy.AGAIN,
    ErrorReason.PROVIDER_SERVER_ERROR: Remedy.AGAIN,
    ErrorReason.PROVIDER_CONNECTION_FAILED: Remedy.AGAIN,
    ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN: Remedy.AGAIN,
    ErrorReason.PROVIDER_TIMEOUT_IDLE: Remedy.AGAIN,
    ErrorReason.PROVIDER_STREAM_TRUNCATED: Remedy.AGAIN,
    ErrorReason.PROVIDER_PROTOCOL_ERROR: Remedy.AGAIN,
    # What is between us and this provider, or in what it offers, is not so elsewhere.
    ErrorReason.PROVIDER_NOT_CONFIGURED: Remedy.ELSEWHERE,
    ErrorReason.PROVIDER_AUTH_FAILED: Remedy.ELSEWHERE,
    ErrorReason.PROVIDER_BILLING: Remedy.ELSEWHERE,
    ErrorReason.PROVIDER_CONTENT_BLOCKED: Remedy.ELSEWHERE,
    ErrorReason.CALLER_MODEL_UNKNOWN: Remedy.ELSEWHERE,
    # Of ours, before anybody is asked: what one model or protocol has no words for.
    ErrorReason.CALLER_INVALID_REQUEST: Remedy.ELSEWHERE,
    # Only where the limit is not the caller's own; see `remedy`.
    ErrorReason.POLICY_RATE_LIMITED: Remedy.ELSEWHERE,
    ErrorReason.POLICY_CONCURRENCY_LIMITED: Remedy.ELSEWHERE,
    # PROVIDER_REJECTED_REQUEST is not here: what one provider calls wrong, the caller should hear of.
}
"""Reasons that are not named: nothing helps."""

_AT_WORK = frozenset(
    {
        ErrorReason.PROVIDER_CONNECTION_FAILED,
        ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN,
        ErrorReason.PROVIDER_TIMEOUT_IDLE,
        ErrorReason.PROVIDER_STREAM_TRUNCATED,
        ErrorReason.PROVIDER_PROTOCOL_ERROR,
    }
)
"""Reasons after which a provider that has accepted the request may be at work on it, and be paid for it."""
_LEAST = 0.1
"""Of a wait that is left to chance: never none at all."""
_OF_ROUTES = ("provider:", "model:")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Bounds on trying again.

    Attributes:
        max_attempts: Requests to providers for one call, on all routes together.
        base_s: The first wait is up to so long; each further one up to twice as long as the one before.
        max_s: No wait of our own is longer.
        max_wait_s: A provider that wants to be left alone for longer is not waited for.
        accepted: Whether a request that a provider has accepted may be sent again.
    """

    max_attempts: int = 3
    base_s: float = 0.5
    max_s: float = 8.0
    max_wait_s: float = 30.0
    accepted: bool = False

    def wait_s(self, failed: int, retry_after_s: float | None, chance: float) -> float:
        """Return how long a route is left alone that has `failed` so often, at least once.

        Args:
            failed: How often.
            retry_after_s: What its provider asked for, which is never cut short.
            chance: In [0, 1), evenly; one for the whole call, so that its waits grow for sure.
        """
        share = _LEAST + (1.0 - _LEAST) * chance
        if retry_after_s is not None:
            # A little more, so that not all who were told the same come at the same time.
            return retry_after_s + chance * self.base_s
        return float(share * min(self.max_s, self.base_s * 2.0 ** min(failed - 1, 60)))


def remedy(error: ChatError, *, begun: bool, resend: bool) -> Remedy:
    """Return what may help after `error`, before anything of the answer was delivered.

    Args:
        error: What ended the attempt.
        begun: Whether the answer had begun.
        resend: Whether a request that was accepted may be sent again.
    """
    if isinstance(error, RouteBroken):
        # To wait for it would be to stand in line before a door that may stay closed.
        return Remedy.ELSEWHERE
    found = REMEDIES.get(error.reason, Remedy.NOTHING)
    if found is Remedy.AGAIN:
        if not resend and error.reason in _AT_WORK and (begun or _accepted(error)):
            return Remedy.NOTHING
        # A certificate or a redirect: it will not go away.
        return Remedy.AGAIN if error.retryable else Remedy.ELSEWHERE
    if isinstance(error, LimitExceeded) and not all(
        each.subject.startswith(_OF_ROUTES) for each in error.violations
    ):
        return Remedy.NOTHING
    return found


def _accepted(error: ChatError) -> bool:
    return error.upstream_status is not None and 200 <= error.upstream_status < 300
