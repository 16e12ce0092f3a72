"""The account between the wire and the core."""

import attrs
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from domain.model.errors import ErrorReason, InvalidRequest
from domain.model.usage import AttemptOutcome, UsageRecord
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.usage import filter_of, filter_pb, record_of, record_pb
from ports.usage_query import UsageFilter
from tests.support.account_records import NOON_S, full_record, record


@pytest.mark.parametrize(
    "kept",
    [
        full_record(),
        record(),
        *(record(outcome=each) for each in AttemptOutcome),
        *(record(error_reason=each) for each in ErrorReason),
    ],
)
def test_a_record_goes_over_the_wire_as_it_is_but_for_the_providers_own_words(
    kept: UsageRecord,
) -> None:
    usage = attrs.evolve(kept.attempt.usage, raw=None)
    told = attrs.evolve(kept, attempt=attrs.evolve(kept.attempt, usage=usage))
    wire = record_pb(kept).SerializeToString()
    assert record_of(pb.UsageRecord.FromString(wire)) == told


def test_a_record_of_a_newer_server_is_read() -> None:
    wire = record_pb(record())
    wire.attempt.outcome = 99  # type: ignore[assignment]
    wire.attempt.error_reason = 999  # type: ignore[assignment]
    found = record_of(wire).attempt
    assert (found.outcome, found.error_reason) == (AttemptOutcome.FAILED, None)


@pytest.mark.parametrize(
    "wanted",
    [
        UsageFilter(),
        UsageFilter(start_s=NOON_S + 0.000001, end_s=NOON_S + 1, labels={"team": "blue"}),
    ],
)
def test_what_is_wanted_goes_over_the_wire_as_it_is(wanted: UsageFilter) -> None:
    assert filter_of(filter_pb(wanted)) == wanted


def test_nothing_said_is_everything() -> None:
    assert filter_of(pb.QueryUsageRequest()) == UsageFilter()


@pytest.mark.parametrize(("seconds", "nanos"), [(0, -1), (0, 10**9), (2**60, 0), (-(2**60), 0)])
def test_times_that_are_none_are_named(seconds: int, nanos: int) -> None:
    bad = Timestamp(seconds=seconds, nanos=nanos)
    with pytest.raises(InvalidRequest) as caught:
        filter_of(pb.QueryUsageRequest(start=bad, end=bad, labels={"": "x"}))
    assert {"start", "end", "labels"} <= {each.field for each in caught.value.violations}
