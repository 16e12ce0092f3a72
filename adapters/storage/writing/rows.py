"""A record as a row: its columns' values, in their order.

A record is taken apart once, in the writer's thread, which holds up the event loop for microseconds.
SQLite takes the values as they are; the journal and PostgreSQL take one line of JSON, keyed by column.

Laws: every record can be a row, whatever a provider or a caller put into it. What no database can hold
(NUL, half a surrogate pair, a number beyond 64 bits) is replaced by the nearest thing it can.
"""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from domain.model.errors import ErrorReason
from domain.model.json_value import Json
from domain.model.usage import Attempt, AttemptOutcome, Usage, UsageRecord, UsageSource

Row: TypeAlias = tuple[str | int | None, ...]
"""The values of `COLUMNS`; the last two are JSON, as text."""

COLUMNS = (
    "record_id",
    "request_id",
    "caller",
    "time_us",
    "attempt_index",
    "provider",
    "model",
    "credential_alias",
    "outcome",
    "error_reason",
    "upstream_status",
    "upstream_request_id",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "usage_source",
    "cost_nano_usd",
    "price_version",
    "queued_us",
    "first_token_us",
    "total_us",
    "labels",
    "raw_usage",
)
_CHANCE_BYTES = 10
_LARGEST = 2**63 - 1
_NUL = b"\\u0000"


def rows_of(records: Sequence[UsageRecord]) -> Sequence[Row]:
    """Return `records` as rows, in their order, each with an identity of its own."""
    # Ordered by time, so that an index grows at its end, and from there on by number; 80 bits of chance.
    now_ms = time.time_ns() // 1_000_000
    first = int.from_bytes(os.urandom(_CHANCE_BYTES))
    return [
        _row(f"{now_ms:012x}{(first + number) % 2 ** (8 * _CHANCE_BYTES):020x}", record)
        for number, record in enumerate(records)
    ]


def _row(record_id: str, record: UsageRecord) -> Row:
    attempt = record.attempt
    usage = attempt.usage
    texts: Sequence[str] = (
        record.request_id,
        record.caller,
        attempt.provider,
        attempt.model,
        attempt.credential_alias,
        attempt.upstream_request_id,
        usage.price_version,
    )
    together = "".join(texts)
    if not together.isascii() or "\0" in together:
        texts = [_text(each) for each in texts]
    counts: Sequence[int | None] = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.reasoning_tokens,
        usage.cost_nano_usd,
    )
    for count in counts:
        if count is not None and not -_LARGEST <= count <= _LARGEST:
            counts = [None if each is None else _whole(each) for each in counts]
            break
    request_id, caller, provider, model, alias, upstream_request_id, price_version = texts
    *tokens, cost = counts
    reason, source, first_token_s = attempt.error_reason, usage.source, attempt.first_token_s
    return (
        record_id,
        request_id,
        caller,
        round(record.time_s * 1e6),
        attempt.index,
        provider,
        model,
        alias,
        attempt.outcome.value,
        None if reason is None else reason.name,
        attempt.upstream_status,
        upstream_request_id,
        *tokens,
        None if source is None else source.value,
        cost,
        price_version,
        round(attempt.queued_s * 1e6),
        None if first_token_s is None else round(first_token_s * 1e6),
        round(attempt.total_s * 1e6),
        _json(record.labels) if record.labels else "{}",
        None if usage.raw is None else _json(usage.raw),
    )


def line_of(row: Row) -> bytes:
    """Return `row` as JSON; it holds no line break."""
    *plain, labels, raw = row
    # Both are JSON already.
    both = [None if each is None else orjson.Fragment(str(each)) for each in (labels, raw)]
    return orjson.dumps(dict(zip(COLUMNS, (*plain, *both), strict=True)))


def row_in(line: bytes) -> Row:
    """Return the row that `line` holds; a column that was not there yet is NULL."""
    found = orjson.loads(line)
    *plain, labels, raw = map(found.get, COLUMNS)
    both = (None if each is None else orjson.dumps(each).decode() for each in (labels, raw))
    return (*plain, *both)


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


def _seconds(duration_us: int | None) -> float | None:
    return None if duration_us is None else duration_us / 1e6


def _json(value: Json) -> str:
    try:
        text = orjson.dumps(value, default=_plain)
    except TypeError:
        # Half a surrogate pair, or a whole number beyond 64 bits.
        return orjson.dumps(_cleaned(value)).decode()
    return (orjson.dumps(_cleaned(value)) if _NUL in text else text).decode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError


def _text(value: str) -> str:
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _whole(value: int) -> int:
    return max(-_LARGEST, min(value, _LARGEST))


def _cleaned(value: Json) -> Json:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, Mapping):
        return {_text(key): _cleaned(each) for key, each in value.items()}
    return [_cleaned(each) for each in value]
