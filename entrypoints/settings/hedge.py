"""Settings of asking a second route for an answer that is slow to begin, section ``[hedge]``."""

import attrs
from attrs.validators import ge, gt, le


@attrs.frozen(kw_only=True)
class HedgeSettings:
    """When a call is hedged that does not say it itself (``routing.hedge_after``).

    Attributes:
        after_s: How long the first choice may take to its first content before the next route is asked too,
            in seconds; 0: as long as it wants.
        after_p95: Take what 95 of 100 of the latest answers of the route took, once there were 20, in place
            of `after_s`.
        min_s: It is never less.
        budget_ratio: Share of the calls to each provider that may be asked there as the second of two.
        budget_min_per_s: Such requests a second that are always allowed.
        budget_burst: Most of them that are saved up.
    """

    after_s: float = attrs.field(default=0.0, validator=[ge(0), le(3_600)])
    after_p95: bool = False
    min_s: float = attrs.field(default=0.1, validator=[gt(0), le(3_600)])
    budget_ratio: float = attrs.field(default=0.05, validator=[ge(0), le(1)])
    budget_min_per_s: float = attrs.field(default=0.1, validator=[ge(0), le(1_000)])
    budget_burst: float = attrs.field(default=5.0, validator=[ge(0), le(10_000)])
