"""The rows of the fault kit's table: each is one call, and what must come of it."""

from collections.abc import Collection, Iterator, Sequence

import attrs

from adapters.faults.format import Format
from adapters.faults.formats import FORMATS
from adapters.faults.plays import SHAPES, Played
from adapters.faults.steps import Play
from domain.model.call import Delivery
from domain.model.errors import ErrorReason
from entrypoints.faults.expectations import EXPECTED, SERVED, Outcome
from entrypoints.faults.manners import ENDS, NEVER_HEALS, TRIALS, Manner, Trial, help_for


@attrs.frozen(kw_only=True)
class Row:
    """One call.

    Attributes:
        fails_with: The reason of each attempt that fails; ``None``: none does.
        apart_s: How far requests to its provider must lie apart, in seconds.
        hasty: Whether it takes a caller with little patience.
        plays: What the provider does, request by request; the last again and again.
        well: What the other provider does.
    """

    fault: str
    format: Format
    delivery: Delivery
    manner: Manner
    expected: Outcome
    fails_with: ErrorReason | None
    apart_s: float
    hasty: bool
    plays: tuple[Play, ...] = attrs.field(repr=False)
    well: Play = attrs.field(repr=False)

    @property
    def key(self) -> str:
        """What tells it apart from all others; also its provider's name."""
        plain = f"{self.format.kind}-{self.delivery}-{self.fault}"
        return plain if self.manner is Manner.ONCE else f"{plain}-{self.manner}"

    @property
    def other(self) -> str:
        """The name of the provider that it may go to, if its manner has one."""
        return f"{self.key}-other"

    @property
    def trial(self) -> Trial:
        """How the call is made."""
        return TRIALS[self.manner]


def rows(
    kinds: Collection[str] = (),
    faults: Collection[str] = (),
    deliveries: Collection[str] = (),
    manners: Collection[str] = (),
) -> Sequence[Row]:
    """Return the rows of these; of all where none is named."""
    return [
        row
        for fault in SHAPES
        for manner in Manner
        for row in _rows(fault, manner)
        if (not faults or fault in faults)
        and (not manners or manner in manners)
        and (not kinds or row.format.kind in kinds)
        and (not deliveries or row.delivery in deliveries)
    ]


def _rows(fault: str, manner: Manner) -> Iterator[Row]:
    trial = TRIALS[manner]
    if trial.faults and fault not in trial.faults:
        return
    # Where it never heals, all that comes of trying again is that it ends some time.
    if trial.fails and fault in NEVER_HEALS:
        return
    for format_ in FORMATS.values():
        if not trial.kinds or format_.kind in trial.kinds:
            shape = SHAPES[fault]
            for delivery, played in (
                (Delivery.STREAMED, shape.streamed),
                (Delivery.WHOLE, shape.whole),
            ):
                if played is not None:
                    yield _row(fault, manner, format_, delivery, played)


def _row(fault: str, manner: Manner, format_: Format, delivery: Delivery, played: Played) -> Row:
    trial = TRIALS[manner]
    at_once = EXPECTED[fault].of(format_.kind, delivery)
    assert at_once is not None, f"the table says nothing of {fault}, {delivery}"
    shape = SHAPES["healthy"]
    answered = shape.streamed if delivery is Delivery.STREAMED else shape.whole
    assert answered is not None, "every delivery can go well"
    fails, well = played(format_), answered(format_)
    return Row(
        fault=fault,
        format=format_,
        delivery=delivery,
        manner=manner,
        expected=_expected(fault, manner, delivery, at_once),
        fails_with=at_once.reason,
        apart_s=at_once.retry_after_s or 0.0,
        hasty=EXPECTED[fault].hasty,
        plays=(*[fails] * trial.fails, well) if trial.fails else (fails,),
        well=well,
    )


def _expected(fault: str, manner: Manner, delivery: Delivery, at_once: Outcome) -> Outcome:
    """Return what must come of a call that ends `at_once` where it is made once."""
    end = ENDS[manner].get(help_for(fault, delivery))
    if end is None:
        return at_once
    # Of a connection that was never made, no provider knows.
    unseen = (end.attempts - end.served) * (1 - at_once.requests)
    return attrs.evolve(
        SERVED if end.served else at_once,
        attempts=end.attempts,
        requests=end.attempts - unseen,
        restarts=end.restarts,
    )
