"""A limiter that lets nobody in: what stands in where limits cannot be kept."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import attrs

from domain.model.errors import ErrorReason, LimitExceeded, QuotaViolation
from domain.policy.limits import SERVICE, Limit, Need, Reservation


@attrs.frozen
class RefusingLimiter:
    """Refuses every call that has a limit.

    Attributes:
        why: A sentence for the caller.
        retry_after_s: When to try again.
    """

    why: str
    retry_after_s: float

    def at_once(self, limits: Sequence[Limit], need: Need, /) -> None:
        """Let nobody in."""

    def reserved(
        self, limits: Sequence[Limit], need: Need, wait_s: float, /
    ) -> AbstractAsyncContextManager[Reservation]:
        """Refuse.

        Raises:
            LimitExceeded: Always.
        """
        raise LimitExceeded(
            ErrorReason.SERVICE_OVERLOADED,
            QuotaViolation(SERVICE, self.why),
            retry_after_s=self.retry_after_s,
        )
