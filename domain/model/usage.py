"""What a call cost, and the ledger of the attempts that were made to answer it.

Totals are inclusive, whatever a provider's own habit is.
Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import attrs

from domain.model.errors import ErrorReason
from domain.model.json_value import JsonObject


class UsageSource(StrEnum):
    """Who counted."""

    PROVIDER_FINAL = "provider_final"
    PROVIDER_PARTIAL = "provider_partial"
    ESTIMATED = "estimated"
    LOCAL_CACHE = "local_cache"


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens and money. ``None`` is "not reported"; 0 is zero.

    Attributes:
        input_tokens: Prompt, cache reads and writes included.
        output_tokens: Answer, reasoning included.
        source: Who counted; ``None`` where nobody did.
        cost_nano_usd: Price in 1e-9 US dollars; ``None`` where unknown, never 0 for that.
        price_version: Which price list was used.
        raw: The provider's own usage object.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource | None = None
    cost_nano_usd: int | None = None
    price_version: str = ""
    raw: JsonObject | None = None


NO_USAGE = Usage()
_COUNTED = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "cost_nano_usd",
)


def total(usages: Iterable[Usage]) -> Usage:
    """Return what `usages` come to together.

    What nobody reported stays unknown. Who counted, and by which prices, is told where all agree; where one
    is an estimate, the sum is.
    """
    told = [each for each in usages if each != NO_USAGE]
    if len(told) < 2:
        return attrs.evolve(told[0], raw=None) if told else NO_USAGE
    sums: dict[str, Any] = {}
    for name in _COUNTED:
        known = [value for each in told if (value := getattr(each, name)) is not None]
        if known:
            sums[name] = sum(known)
    sources = {each.source for each in told}
    estimated = UsageSource.ESTIMATED if UsageSource.ESTIMATED in sources else None
    versions = {each.price_version for each in told if each.cost_nano_usd is not None}
    return Usage(
        source=sources.pop() if len(sources) == 1 else estimated,
        price_version=versions.pop() if len(versions) == 1 else "",
        **sums,
    )


class AttemptOutcome(StrEnum):
    """How an attempt ended.

    `SKIPPED_COOLDOWN` is none: a route that rests was not asked. It stands among the attempts of its call,
    and has no record, since nothing went upstream.
    """

    SERVED = "served"
    FAILED = "failed"
    HEDGE_LOST = "hedge_lost"
    CANCELLED = "cancelled"
    TIMED_OUT_FIRST_TOKEN = "timed_out_first_token"
    TIMED_OUT_IDLE = "timed_out_idle"
    DEADLINE = "deadline"
    DRAINED = "drained"
    SKIPPED_COOLDOWN = "skipped_cooldown"


@attrs.frozen(kw_only=True)
class Attempt:
    """One try at one provider.

    Attributes:
        index: Position among the call's attempts, from 0.
        credential_alias: Which key was used, never the secret.
        upstream_status: HTTP status; 0 where none was seen.
        queued_s: How long the call waited for our limits before it, in seconds.
        first_token_s: From the attempt's start to its first content, in seconds.
        total_s: Whole duration, in seconds.
        error_reason: ``None`` where it was served.
    """

    index: int
    provider: str
    model: str
    credential_alias: str = ""
    outcome: AttemptOutcome
    upstream_status: int = 0
    upstream_request_id: str = ""
    usage: Usage = NO_USAGE
    queued_s: float = 0.0
    first_token_s: float | None = None
    total_s: float = 0.0
    error_reason: ErrorReason | None = None


@attrs.frozen(kw_only=True)
class UsageRecord:
    """The account of one attempt.

    Attributes:
        time_s: When the attempt ended, in seconds since the Unix epoch.
    """

    request_id: str
    caller: str
    time_s: float
    attempt: Attempt
    labels: Mapping[str, str]
