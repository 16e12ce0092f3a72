"""Settings of trying again, section ``[retry]``."""

import attrs
from attrs.validators import ge, gt, le


@attrs.frozen(kw_only=True)
class RetrySettings:
    """How calls are tried again that fail before anything of their answer was delivered.

    Attributes:
        max_attempts: Requests to providers for one call, on all routes together; 1: no call is tried again.
            A call may ask for another number (``routing.max_attempts``).
        base_s: The first wait before a route is asked again is up to so long, and each further one up to
            twice as long as the one before.
        max_s: No such wait is longer.
        max_wait_s: A provider that names a longer time is not waited for; the caller is told it instead.
        after_accept: Send a request again that a provider had accepted before it fell silent or broke off,
            and may be paid for (``routing.retry_after_accept``).
        budget_ratio: Share of the calls to each provider that may be repeated.
        budget_min_per_s: Repetitions a second that are always allowed.
        budget_burst: Most repetitions that are saved up.
    """

    max_attempts: int = attrs.field(default=3, validator=[ge(1), le(10)])
    base_s: float = attrs.field(default=0.5, validator=[gt(0), le(60)])
    max_s: float = attrs.field(default=8.0, validator=[gt(0), le(600)])
    max_wait_s: float = attrs.field(default=30.0, validator=[ge(0), le(3_600)])
    after_accept: bool = False
    budget_ratio: float = attrs.field(default=0.2, validator=[ge(0), le(1)])
    budget_min_per_s: float = attrs.field(default=0.5, validator=[ge(0), le(1_000)])
    budget_burst: float = attrs.field(default=10.0, validator=[ge(0), le(10_000)])

    def __attrs_post_init__(self) -> None:
        """Refuse a longest wait that is shorter than the first.

        Raises:
            ValueError: It is.
        """
        if self.max_s < self.base_s:
            raise ValueError(f"'max_s' must be at least base_s, which is {self.base_s:g}")
