"""Usage records of every shape, and what can stand in for a database."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from adapters.storage.writing.rows import COLUMNS, Row
from adapters.storage.writing.sink import RowRefused, SinkAway
from domain.model.errors import ErrorReason
from domain.model.usage import Attempt, AttemptOutcome, Usage, UsageRecord, UsageSource

NOON_S = 1_795_176_000.0
"""2026-11-20T12:00:00Z."""

FULL_USAGE = Usage(
    input_tokens=1,
    output_tokens=2,
    cache_read_tokens=3,
    cache_write_tokens=4,
    cache_write_5m_tokens=5,
    cache_write_1h_tokens=6,
    reasoning_tokens=7,
    source=UsageSource.PROVIDER_FINAL,
    cost_nano_usd=2**40,
    price_version="2026-11-01",
    raw={"input_tokens": 1, "nested": {"list": [1, None, "ü"]}},
)


def record(request_id: str = "r", **changes: Any) -> UsageRecord:
    """Return a record: of an attempt with `changes`, some of which are the record's own."""
    own = {name: changes.pop(name) for name in ("caller", "time_s", "labels") if name in changes}
    attempt: dict[str, Any] = {
        "index": 0,
        "provider": "upstream",
        "model": "model",
        "outcome": AttemptOutcome.SERVED,
    }
    whole: dict[str, Any] = {
        "request_id": request_id,
        "caller": "anonymous",
        "time_s": NOON_S,
        "attempt": Attempt(**attempt | changes),
        "labels": {},
    }
    return UsageRecord(**whole | own)


def full_record(request_id: str = "full") -> UsageRecord:
    """Return a record with everything in it."""
    return record(
        request_id,
        caller="alice",
        labels={"team": "blue", "quote'\"": "x"},
        index=3,
        credential_alias="KEY#1",
        outcome=AttemptOutcome.FAILED,
        upstream_status=529,
        upstream_request_id="req-1",
        usage=FULL_USAGE,
        queued_s=0.25,
        first_token_s=0.5,
        total_s=1.125,
        error_reason=ErrorReason.PROVIDER_OVERLOADED,
    )


@attrs.define(eq=False)
class ScriptedSink:
    """A database that is up, away or picky, as a test says.

    Attributes:
        rows: Request id by record id.
        away: Why nothing can be written; empty: it can.
        refused: Request ids that are never taken.
        before: Called before each transaction.
        transactions: How many rows each had that was committed.
    """

    rows: dict[str, str] = attrs.field(factory=dict)
    away: str = ""
    refused: frozenset[str] = frozenset()
    before: Callable[[], None] = lambda: None
    transactions: list[int] = attrs.field(factory=list)

    def insert(self, rows: Sequence[Row], /) -> None:
        """Write, or not."""
        self.before()
        if self.away:
            raise SinkAway(self.away)
        decoded = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        if any(row["request_id"] in self.refused for row in decoded):
            raise RowRefused
        self.rows |= {str(row["record_id"]): str(row["request_id"]) for row in decoded}
        self.transactions.append(len(rows))

    def interrupt(self) -> None:
        """Nothing hangs for ever."""

    @property
    def requests(self) -> list[str]:
        """The request ids of what is there, sorted."""
        return sorted(self.rows.values())
