"""A record as a row: one line of JSON, keyed by column.

The same line goes to the journal and, many in one array, to the database, which takes it apart itself: so a
record is encoded once, and the thread that does it holds up the event loop for microseconds.

Laws: every record can be encoded, whatever a provider or a caller put into it. What no database can hold
(NUL, half a surrogate pair, a number beyond 64 bits) is replaced by the nearest thing it can.
"""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from domain.model.errors import ErrorReason
from domain.model.json_value import Json
from domain.model.usage import Attempt, AttemptOutcome, Usage, UsageRecord, UsageSource

_LARGEST = 2**63 - 1
_NUL = b"\\u0000"


def encode(record: UsageRecord) -> bytes:
    """Return `record` as a row with an identity of its own; it holds no line break."""
    row = _row(record)
    try:
        line = orjson.dumps(row, default=_plain)
    except TypeError:
        # Half a surrogate pair, or a whole number beyond 64 bits.
        return orjson.dumps(_cleaned(row))
    return orjson.dumps(_cleaned(row)) if _NUL in line else line


def _row(record: UsageRecord) -> dict[str, Any]:
    attempt = record.attempt
    usage = attempt.usage
    return {
        "record_id": _new_id(),
        "request_id": record.request_id,
        "caller": record.caller,
        "time_us": round(record.time_s * 1e6),
        "attempt_index": attempt.index,
        "provider": attempt.provider,
        "model": attempt.model,
        "credential_alias": attempt.credential_alias,
        "outcome": attempt.outcome.value,
        "error_reason": None if attempt.error_reason is None else attempt.error_reason.name,
        "upstream_status": attempt.upstream_status,
        "upstream_request_id": attempt.upstream_request_id,
        "input_tokens": _count(usage.input_tokens),
        "output_tokens": _count(usage.output_tokens),
        "cache_read_tokens": _count(usage.cache_read_tokens),
        "cache_write_tokens": _count(usage.cache_write_tokens),
        "cache_write_5m_tokens": _count(usage.cache_write_5m_tokens),
        "cache_write_1h_tokens": _count(usage.cache_write_1h_tokens),
        "reasoning_tokens": _count(usage.reasoning_tokens),
        "usage_source": None if usage.source is None else usage.source.value,
        "cost_nano_usd": _count(usage.cost_nano_usd),
        "price_version": usage.price_version,
        "queued_us": round(attempt.queued_s * 1e6),
        "first_token_us": _microseconds(attempt.first_token_s),
        "total_us": round(attempt.total_s * 1e6),
        "labels": record.labels,
        "raw_usage": usage.raw,
    }


def decode(row: Mapping[Any, Any]) -> UsageRecord:
    """Return the record that a row of the database holds."""
    source, reason = row["usage_source"], row["error_reason"]
    usage = Usage(
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cache_read_tokens=row["cache_read_tokens"],
        cache_write_tokens=row["cache_write_tokens"],
        cache_write_5m_tokens=row["cache_write_5m_tokens"],
        cache_write_1h_tokens=row["cache_write_1h_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
        source=None if source is None else UsageSource(source),
        cost_nano_usd=row["cost_nano_usd"],
        price_version=row["price_version"],
        raw=row["raw_usage"],
    )
    attempt = Attempt(
        index=row["attempt_index"],
        provider=row["provider"],
        model=row["model"],
        credential_alias=row["credential_alias"],
        outcome=AttemptOutcome(row["outcome"]),
        upstream_status=row["upstream_status"],
        upstream_request_id=row["upstream_request_id"],
        usage=usage,
        queued_s=row["queued_us"] / 1e6,
        first_token_s=_seconds(row["first_token_us"]),
        total_s=row["total_us"] / 1e6,
        error_reason=None if reason is None else ErrorReason[reason],
    )
    return UsageRecord(
        request_id=row["request_id"],
        caller=row["caller"],
        time_s=row["time_us"] / 1e6,
        attempt=attempt,
        labels=row["labels"],
    )


def _new_id() -> str:
    # Ordered by time, so that an index grows at its end; 80 bits of chance.
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def _count(value: int | None) -> int | None:
    # Numbers that JSON can hold, and a database's column cannot.
    return None if value is None else max(-_LARGEST, min(value, _LARGEST))


def _microseconds(duration_s: float | None) -> int | None:
    return None if duration_s is None else round(duration_s * 1e6)


def _seconds(duration_us: int | None) -> float | None:
    return None if duration_us is None else duration_us / 1e6


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError


def _cleaned(value: Json) -> Json:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        return max(-_LARGEST, min(value, _LARGEST))
    if isinstance(value, Mapping):
        return {str(_cleaned(key)): _cleaned(each) for key, each in value.items()}
    return [_cleaned(each) for each in value]
