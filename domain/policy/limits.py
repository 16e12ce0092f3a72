"""Limits: whose they are, what a call needs of them, and how one that is reached is told.

A call reserves what it may need of every limit at once, and settles to what it used.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

import attrs

from domain.model.caller import Caller
from domain.model.errors import ErrorReason, LimitExceeded, QuotaViolation
from domain.policy.meters import BudgetMeter, RateMeter, SlotMeter, StartMeter
from domain.policy.periods import DAY, MONTH

SERVICE = "service"
"""The subject of the limits that all calls share."""


class LimitKind(Enum):
    """What is limited; the value is how one says it."""

    REQUESTS_PER_MINUTE = "requests a minute"
    TOKENS_PER_MINUTE = "tokens a minute"
    PARALLEL_CALLS = "parallel calls"
    BUDGET_PER_DAY = "US dollars a day (UTC)"
    BUDGET_PER_MONTH = "US dollars a month (UTC)"

    # Enum's own is in Python, and a call looks up dozens.
    __hash__ = object.__hash__


BUDGETS = frozenset({LimitKind.BUDGET_PER_DAY, LimitKind.BUDGET_PER_MONTH})


@attrs.frozen
class Limit:
    """One limit.

    Attributes:
        subject: Whose: ``caller:NAME``, ``provider:NAME``, ``model:GLOB`` or `SERVICE`.
        most: Calls, tokens, or 1e-9 US dollars.
    """

    subject: str
    kind: LimitKind
    most: int


class Need(NamedTuple):
    """What a call needs, or has used.

    Attributes:
        tokens: Input and output together.
        nano_usd: Money in 1e-9 US dollars.
        calls: It is one.
    """

    tokens: int = 0
    nano_usd: int = 0
    calls: int = 1


NOTHING = Need()


@attrs.define
class Reservation:
    """What a call holds while it runs.

    Attributes:
        need: What is reserved.
        used: What takes its place in the end; set by whoever made the call. All is given back unless
            it is set.
        queued_s: How long the call waited for it, in seconds.
    """

    need: Need
    used: Need = NOTHING
    queued_s: float = 0.0


def amount(limit: Limit, need: Need) -> int:
    """Return what a call with `need` reserves of `limit`: never more than it can ever hold."""
    return min(need[PARTS[limit.kind]], limit.most)


_TOKENS, _NANO_USD, _CALLS = range(3)
PARTS: Mapping[LimitKind, int] = {
    LimitKind.REQUESTS_PER_MINUTE: _CALLS,
    LimitKind.TOKENS_PER_MINUTE: _TOKENS,
    LimitKind.PARALLEL_CALLS: _CALLS,
    LimitKind.BUDGET_PER_DAY: _NANO_USD,
    LimitKind.BUDGET_PER_MONTH: _NANO_USD,
}
"""Which part of a `Need` counts."""

METERS: Mapping[LimitKind, Callable[[], RateMeter | SlotMeter | BudgetMeter]] = {
    LimitKind.REQUESTS_PER_MINUTE: StartMeter,
    LimitKind.TOKENS_PER_MINUTE: RateMeter,
    LimitKind.PARALLEL_CALLS: SlotMeter,
    LimitKind.BUDGET_PER_DAY: lambda: BudgetMeter(DAY),
    LimitKind.BUDGET_PER_MONTH: lambda: BudgetMeter(MONTH),
}


@lru_cache(4_096)
def limits_of(caller: Caller) -> tuple[Limit, ...]:
    """Return the limits of `caller` itself."""
    sizes = {
        LimitKind.REQUESTS_PER_MINUTE: caller.limits.requests_per_minute,
        LimitKind.TOKENS_PER_MINUTE: caller.limits.tokens_per_minute,
        LimitKind.PARALLEL_CALLS: caller.limits.parallel_calls,
        LimitKind.BUDGET_PER_DAY: caller.limits.budget_nano_usd_per_day,
        LimitKind.BUDGET_PER_MONTH: caller.limits.budget_nano_usd_per_month,
    }
    subject = f"caller:{caller.name}"
    return tuple(Limit(subject, kind, most) for kind, most in sizes.items() if most is not None)


@attrs.frozen(kw_only=True)
class Shortage:
    """A limit that a call does not fit into.

    Attributes:
        amount: What the call would reserve.
        hopeless: Whether waiting for other calls does not help.
        retry_after_s: When to try again; ``None``: never, or nobody knows.
    """

    limit: Limit
    amount: int
    hopeless: bool = False
    retry_after_s: float | None = None


_REASONS: Mapping[LimitKind, ErrorReason] = {
    LimitKind.REQUESTS_PER_MINUTE: ErrorReason.POLICY_RATE_LIMITED,
    LimitKind.TOKENS_PER_MINUTE: ErrorReason.POLICY_RATE_LIMITED,
    LimitKind.PARALLEL_CALLS: ErrorReason.POLICY_CONCURRENCY_LIMITED,
    LimitKind.BUDGET_PER_DAY: ErrorReason.POLICY_BUDGET_EXCEEDED,
    LimitKind.BUDGET_PER_MONTH: ErrorReason.POLICY_BUDGET_EXCEEDED,
}


def refusal(shortages: Sequence[Shortage]) -> LimitExceeded:
    """Return the failure of a call that fits into none of the limits of `shortages`; at least one."""
    hopeless = [each for each in shortages if each.hopeless]
    worst = (hopeless or shortages)[0]
    waits = [each.retry_after_s for each in shortages if each.retry_after_s is not None]
    never = any(each.retry_after_s is None for each in hopeless)
    return LimitExceeded(
        _reason(worst.limit),
        *(QuotaViolation(each.limit.subject, _sentence(each)) for each in shortages),
        retryable=not hopeless,
        retry_after_s=None if never or not waits else max(waits),
    )


def _reason(limit: Limit) -> ErrorReason:
    # What the whole service cannot take is no caller's fault, and may be answered elsewhere.
    return ErrorReason.SERVICE_OVERLOADED if limit.subject == SERVICE else _REASONS[limit.kind]


def _sentence(shortage: Shortage) -> str:
    limit = shortage.limit
    if limit.kind in BUDGETS:
        asked = f"and this call may cost {_usd(shortage.amount)}"
        text = f"the budget is {_usd(limit.most)} {limit.kind.value}, {asked}"
        remedy = "ask for fewer max_tokens, or wait for the next period"
        return f"{text}, more than is left: {remedy}" if shortage.hopeless else text
    text = f"at most {limit.most} {limit.kind.value}"
    if limit.kind is LimitKind.TOKENS_PER_MINUTE:
        text += f", of which this call may need {shortage.amount}"
    return text


def _usd(nano_usd: int) -> str:
    return f"{nano_usd / 1e9:.9f}".rstrip("0").rstrip(".")


@attrs.frozen(kw_only=True)
class LimitUse:
    """A limit as it stands.

    Attributes:
        taken: Of `Limit.most`, reserved and used together.
        waiting: Calls that wait for it.
    """

    limit: Limit
    taken: int
    waiting: int
