"""The fault kit's table, and what it says of a row that differs."""

import attrs
import pytest

from adapters.faults.format import TEXT
from adapters.faults.formats import FORMATS
from adapters.faults.plays import SHAPES
from domain.model.call import Delivery
from domain.model.errors import ErrorReason
from domain.model.usage import Attempt, AttemptOutcome, Usage, UsageRecord, UsageSource
from entrypoints.faults.callers import told
from entrypoints.faults.expectations import EXPECTED, Told
from entrypoints.faults.manners import ENDS, TRIALS, Help, Manner, help_for
from entrypoints.faults.rows import rows
from entrypoints.faults.verdict import Seen, verdict


def test_every_fault_has_an_expectation_in_every_delivery_that_it_has() -> None:
    assert list(SHAPES) == list(EXPECTED)
    for name, shape in SHAPES.items():
        expected = EXPECTED[name]
        assert (shape.streamed is None) == (expected.streamed is None), name
        assert (shape.whole is None) == (expected.whole is None), name


def test_exceptions_of_the_table_are_of_formats_that_there_are_and_say_something() -> None:
    for name, expectation in EXPECTED.items():
        for (kind, delivery), outcome in expectation.but.items():
            assert kind in FORMATS
            usual = attrs.evolve(expectation, but={}).of(kind, delivery)
            assert outcome != usual, name


def test_rows_can_be_chosen() -> None:
    chosen = rows(["gemini"], ["cut_in_json", "healthy"], [Delivery.STREAMED])
    assert [row.key for row in chosen] == ["gemini-streamed-healthy", "gemini-streamed-cut_in_json"]
    (row,) = rows([], ["status_429"], [Delivery.WHOLE], [Manner.FALLBACK])
    assert (row.key, row.other) == (
        "openai-whole-status_429-fallback",
        "openai-whole-status_429-fallback-other",
    )


def test_every_manner_has_its_trial_and_every_fault_its_help() -> None:
    assert set(TRIALS) == set(ENDS) == set(Manner)
    for row in rows(["openai"]):
        helped = help_for(row.fault, row.delivery)
        assert (helped is Help.FINE) == (row.fails_with is None), row.key
        assert row.expected.attempts <= row.trial.max_attempts, row.key


def test_of_a_connection_that_was_never_made_no_provider_knows() -> None:
    ever, other = rows(["openai"], ["refused"], ["whole"], [Manner.EVER, Manner.FALLBACK])
    assert (ever.expected.attempts, ever.expected.requests) == (3, 0)
    assert (other.expected.attempts, other.expected.requests) == (2, 1)


def _record(reason: ErrorReason | None = None) -> UsageRecord:
    outcome = AttemptOutcome.FAILED if reason else AttemptOutcome.SERVED
    usage = Usage(input_tokens=1, output_tokens=1, source=UsageSource.PROVIDER_FINAL)
    attempt = Attempt(
        index=0, provider="p", model="m", outcome=outcome, usage=usage, error_reason=reason
    )
    return UsageRecord(request_id="r", caller="c", time_s=0.0, attempt=attempt, labels={})


(ROW,) = rows([], ["healthy"], [Delivery.WHOLE], [Manner.AGAIN])
(LATER,) = rows([], ["status_429_retry_after"], [Delivery.WHOLE], [Manner.AGAIN])
SERVED = Seen(reason=None, told=Told.ALL, attempts=1)
LIMITED = ErrorReason.PROVIDER_RATE_LIMITED


def test_a_row_that_came_out_as_it_must_has_no_differences() -> None:
    assert verdict(ROW, SERVED, [(0.0,)], [_record()]).differences == ()


@pytest.mark.parametrize(
    ("seen", "requests", "records", "difference"),
    [
        (SERVED, 2, [_record()], "requests 2, not 1"),
        (SERVED, 1, [], "0 records of 1 attempts"),
        (SERVED, 1, [_record(), _record()], "2 records of 1 attempts"),
        (SERVED, 1, [_record(LIMITED)], "the last record says PROVIDER_RATE_LIMITED"),
        (
            Seen(reason=None, told=Told.SOME, attempts=1),
            1,
            [_record()],
            "told some, not all",
        ),
        (
            Seen(reason=LIMITED, told=Told.ALL, attempts=1),
            1,
            [_record(LIMITED)],
            "reason PROVIDER_RATE_LIMITED, not None",
        ),
    ],
)
def test_whatever_differs_is_named(
    seen: Seen, requests: int, records: list[UsageRecord], difference: str
) -> None:
    assert difference in verdict(ROW, seen, [range(requests)], records).differences


def test_what_nobody_said_is_no_part_of_the_answer() -> None:
    assert (told(""), told(TEXT[:3]), told(TEXT)) == (Told.NOTHING, Told.SOME, Told.ALL)
    with pytest.raises(ValueError, match="which nobody said"):
        told(TEXT + "!")


def test_what_came_before_the_last_attempt_has_to_be_the_fault_and_as_far_apart_as_was_asked_for() -> (
    None
):
    seen = Seen(reason=None, told=Told.ALL, attempts=3)
    records = [_record(LIMITED), _record(ErrorReason.PROVIDER_OVERLOADED), _record()]
    assert verdict(LATER, seen, [(0.0, 0.5, 1.5)], records).differences == (
        "a record says PROVIDER_OVERLOADED, not PROVIDER_RATE_LIMITED",
        "asked again after 0.50 s, not 1 s",
    )
