"""Who is calling, what they may ask for, and how much."""

import attrs


@attrs.frozen(kw_only=True)
class CallerLimits:
    """What one caller may use; ``None`` is "no limit of ours".

    Attributes:
        requests_per_minute: Calls begun.
        tokens_per_minute: Input and output together.
        parallel_calls: Calls in flight at once.
        budget_nano_usd_per_day: Money a UTC day, in 1e-9 US dollars.
        budget_nano_usd_per_month: Money a UTC calendar month, in 1e-9 US dollars.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel_calls: int | None = None
    budget_nano_usd_per_day: int | None = None
    budget_nano_usd_per_month: int | None = None


UNLIMITED = CallerLimits()


# Looked up in tables at every call.
@attrs.frozen(cache_hash=True)
class Caller:
    """The party a call is made for and accounted to.

    Attributes:
        name: Stable name, used in records, logs and limits.
        scopes: What the caller may do beside calling models, e.g. ``usage.read_all``.
        allow: Globs of ``provider/model`` that may be called; empty: all of them.
        limits: How much.
    """

    name: str
    scopes: frozenset[str] = frozenset()
    allow: tuple[str, ...] = ()
    limits: CallerLimits = UNLIMITED


ANONYMOUS = Caller("anonymous")
