"""The account between the wire and the core, in both directions."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp

from domain.model.errors import ErrorReason, FieldViolation, InvalidRequest
from domain.model.usage import Attempt, AttemptOutcome, Usage, UsageRecord, UsageSource
from domain.services.usage_reader import violations
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.answers import OUTCOMES, USAGE_SOURCES, attempt_pb, timestamp_pb
from ports.usage_query import UsageFilter

_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
"""google.protobuf.Timestamp's bounds: the years 1 to 9999."""

_OUTCOMES: Mapping[int, AttemptOutcome] = {number: each for each, number in OUTCOMES.items()}
_SOURCES: Mapping[int, UsageSource | None] = {
    number: each for each, number in USAGE_SOURCES.items()
}


def filter_of(request: pb.QueryUsageRequest) -> UsageFilter:
    """Return which records `request` wants.

    Raises:
        InvalidRequest: Names every bad field.
    """
    wrong: list[FieldViolation] = []
    found = UsageFilter(
        start_s=_moment(request.start, "start", wrong) if request.HasField("start") else 0.0,
        end_s=_moment(request.end, "end", wrong) if request.HasField("end") else None,
        labels=dict(request.labels),
    )
    if wrong:
        raise InvalidRequest(*wrong, *violations(found))
    return found


def filter_pb(wanted: UsageFilter) -> pb.QueryUsageRequest:
    """Return the request for what is `wanted`; whose records it is decided by who asks."""
    return pb.QueryUsageRequest(
        start=timestamp_pb(wanted.start_s),
        end=None if wanted.end_s is None else timestamp_pb(wanted.end_s),
        labels=wanted.labels,
    )


def record_pb(record: UsageRecord) -> pb.UsageRecord:
    """Return `record` for the wire."""
    return pb.UsageRecord(
        request_id=record.request_id,
        caller=record.caller,
        time=timestamp_pb(record.time_s),
        attempt=attempt_pb(record.attempt),
        labels=record.labels,
    )


def record_of(record: pb.UsageRecord) -> UsageRecord:
    """Return what the wire says of a record; outcomes that a newer server knows are failures."""
    attempt, usage = record.attempt, record.attempt.usage
    return UsageRecord(
        request_id=record.request_id,
        caller=record.caller,
        time_s=record.time.seconds + record.time.nanos / 1e9,
        attempt=Attempt(
            index=attempt.index,
            provider=attempt.provider,
            model=attempt.model,
            credential_alias=attempt.credential_alias,
            outcome=_OUTCOMES.get(attempt.outcome, AttemptOutcome.FAILED),
            upstream_status=attempt.upstream_status,
            upstream_request_id=attempt.upstream_request_id,
            usage=_usage_of(usage),
            queued_s=attempt.queued.seconds + attempt.queued.nanos / 1e9,
            first_token_s=attempt.first_token.seconds + attempt.first_token.nanos / 1e9
            if attempt.HasField("first_token")
            else None,
            total_s=attempt.total.seconds + attempt.total.nanos / 1e9,
            error_reason=_REASONS.get(pb.ErrorReason.Name(attempt.error_reason))
            if attempt.error_reason in pb.ErrorReason.values()
            else None,
        ),
        labels=dict(record.labels),
    )


_REASONS: Mapping[str, ErrorReason] = {each.name: each for each in ErrorReason}
_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "cost_nano_usd",
)


def _usage_of(usage: pb.Usage) -> Usage:
    counts = {name: getattr(usage, name) for name in _COUNTS if usage.HasField(name)}
    return Usage(source=_SOURCES.get(usage.source), price_version=usage.price_version, **counts)


def _moment(time: Timestamp, path: str, wrong: list[FieldViolation]) -> float:
    if not _FIRST_S <= time.seconds <= _LAST_S or not 0 <= time.nanos < 10**9:
        wrong.append(FieldViolation(path, "is no time: its seconds or nanos are out of bounds"))
        return 0.0
    return time.seconds + time.nanos / 1e9
