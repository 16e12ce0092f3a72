"""The rows of the fault kit's table: each is one call, and what must come of it."""

from collections.abc import Collection, Sequence

import attrs

from adapters.faults.format import Format
from adapters.faults.formats import FORMATS
from adapters.faults.plays import SHAPES
from adapters.faults.steps import Play
from domain.model.call import Delivery
from domain.model.errors import ErrorReason
from domain.model.usage import UsageRecord
from entrypoints.faults.expectations import EXPECTED, Outcome, Told


@attrs.frozen(kw_only=True)
class Row:
    """One call.

    Attributes:
        hasty: Whether it takes a caller with little patience.
        plays: What the provider does, request by request.
    """

    fault: str
    format: Format
    delivery: Delivery
    expected: Outcome
    hasty: bool
    plays: tuple[Play, ...] = attrs.field(repr=False)

    @property
    def key(self) -> str:
        """What tells it apart from all others; also its provider's name."""
        return f"{self.format.kind}-{self.delivery}-{self.fault}"


@attrs.frozen(kw_only=True)
class Seen:
    """What came of a call.

    Attributes:
        message: Of its failure.
        attempts: As the client was told.
    """

    reason: ErrorReason | None
    told: Told
    retry_after_s: float | None = None
    message: str = ""
    attempts: int = 0


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


def verdict(row: Row, seen: Seen, requests: int, records: Sequence[UsageRecord]) -> Verdict:
    """Return the verdict on `row`.

    Args:
        row: What was tried.
        seen: By the client.
        requests: By the provider.
        records: Of the call, oldest first.
    """
    last = records[-1].attempt if records else None
    got = Outcome(
        reason=seen.reason,
        told=seen.told,
        retry_after_s=seen.retry_after_s,
        usage=last.usage.source if last else None,
        requests=requests,
        attempts=seen.attempts,
    )
    wanted = attrs.asdict(row.expected, recurse=False)
    differences = [
        f"{name} {_word(value)}, not {_word(wanted[name])}"
        for name, value in attrs.asdict(got, recurse=False).items()
        if value != wanted[name]
    ]
    if len(records) != seen.attempts:
        differences.append(f"{len(records)} records of {seen.attempts} attempts")
    if last is not None and last.error_reason is not seen.reason:
        differences.append(f"the last record says {_word(last.error_reason)}")
    return Verdict(
        row=row,
        got=got,
        records=len(records),
        message=seen.message,
        differences=tuple(differences),
    )


def _word(value: object) -> str:
    return value.name if isinstance(value, ErrorReason) else str(value)


def rows(
    kinds: Collection[str] = (), faults: Collection[str] = (), deliveries: Collection[str] = ()
) -> Sequence[Row]:
    """Return the rows of these; of all where none is named."""
    return [
        Row(
            fault=fault,
            format=format_,
            delivery=delivery,
            expected=expected,
            hasty=EXPECTED[fault].hasty,
            plays=(played(format_),),
        )
        for fault, shape in SHAPES.items()
        for format_ in FORMATS.values()
        for delivery, played in (
            (Delivery.STREAMED, shape.streamed),
            (Delivery.WHOLE, shape.whole),
        )
        if (not kinds or format_.kind in kinds)
        and (not faults or fault in faults)
        and (not deliveries or delivery in deliveries)
        and played is not None
        and (expected := EXPECTED[fault].of(format_.kind, delivery)) is not None
    ]
