"""What came of a row, and how it differs from what must come of it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import attrs

from domain.model.errors import ErrorReason
from domain.model.usage import UsageRecord
from entrypoints.faults.expectations import Outcome, Told
from entrypoints.faults.rows import Row


@attrs.frozen(kw_only=True)
class Seen:
    """What the client saw of a call.

    Attributes:
        message: Of its failure.
        attempts: How many it was told of.
        restarts: How often it was told that the answer begins anew.
    """

    reason: ErrorReason | None
    told: Told
    retry_after_s: float | None = None
    message: str = ""
    attempts: int = 0
    restarts: int = 0


@attrs.frozen(kw_only=True)
class Verdict:
    """A row and what came of it.

    Attributes:
        got: In the words of what was expected.
        records: How many the account has.
        differences: What is not as expected; empty: all is well.
    """

    row: Row
    got: Outcome
    records: int
    message: str
    differences: tuple[str, ...]


def verdict(
    row: Row, seen: Seen, asked: Sequence[Sequence[float]], records: Sequence[UsageRecord]
) -> Verdict:
    """Return the verdict on `row`.

    Args:
        row: What was tried.
        seen: By the client.
        asked: When each of its providers was asked, in seconds.
        records: Of the call, oldest first.
    """
    last = records[-1].attempt if records else None
    got = Outcome(
        reason=seen.reason,
        told=seen.told,
        retry_after_s=seen.retry_after_s,
        usage=last.usage.source if last else None,
        requests=sum(map(len, asked)),
        attempts=seen.attempts,
        restarts=seen.restarts,
    )
    wanted = attrs.asdict(row.expected, recurse=False)
    differences = [
        f"{name} {_word(value)}, not {_word(wanted[name])}"
        for name, value in attrs.asdict(got, recurse=False).items()
        if value != wanted[name]
    ]
    return Verdict(
        row=row,
        got=got,
        records=len(records),
        message=seen.message,
        differences=(
            *differences,
            *_of_records(row, seen, records),
            *_of_waits(row, asked),
        ),
    )


def _of_records(row: Row, seen: Seen, records: Sequence[UsageRecord]) -> Iterator[str]:
    if len(records) != seen.attempts:
        yield f"{len(records)} records of {seen.attempts} attempts"
    reasons = [each.attempt.error_reason for each in records]
    if reasons and reasons[-1] is not seen.reason:
        yield f"the last record says {_word(reasons[-1])}"
    for reason in reasons[:-1]:
        if reason is not row.fails_with:
            yield f"a record says {_word(reason)}, not {_word(row.fails_with)}"


def _of_waits(row: Row, asked: Sequence[Sequence[float]]) -> Iterator[str]:
    for times in asked:
        for before_s, then_s in pairwise(times):
            if then_s - before_s < row.apart_s:
                yield f"asked again after {then_s - before_s:.2f} s, not {row.apart_s:g} s"


def _word(value: object) -> str:
    return value.name if isinstance(value, ErrorReason) else str(value)
