"""From the core's answer to the wire: events, responses, usage, attempts, models."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import NULL_VALUE, Value
from google.protobuf.timestamp_pb2 import Timestamp

from domain.model.events import (
    CallWarning,
    FinishReason,
)
from domain.model.model_info import ModelInfo
from domain.model.response import ChatResponse
from domain.model.response_cache import CacheStatus
from domain.model.usage import Attempt, AttemptOutcome, Usage, UsageSource
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.parts import message_pb

FINISH_REASONS: Mapping[FinishReason, pb.FinishReason] = {
    FinishReason.STOP: pb.FINISH_REASON_STOP,
    FinishReason.MAX_TOKENS: pb.FINISH_REASON_MAX_TOKENS,
    FinishReason.CONTEXT_LENGTH: pb.FINISH_REASON_CONTEXT_LENGTH,
    FinishReason.TOOL_CALLS: pb.FINISH_REASON_TOOL_CALLS,
    FinishReason.CONTENT_FILTER: pb.FINISH_REASON_CONTENT_FILTER,
    FinishReason.REFUSAL: pb.FINISH_REASON_REFUSAL,
    FinishReason.PAUSE: pb.FINISH_REASON_PAUSE,
    FinishReason.OTHER: pb.FINISH_REASON_OTHER,
}
USAGE_SOURCES: Mapping[UsageSource | None, pb.UsageSource] = {
    None: pb.USAGE_SOURCE_UNSPECIFIED,
    UsageSource.PROVIDER_FINAL: pb.USAGE_SOURCE_PROVIDER_FINAL,
    UsageSource.PROVIDER_PARTIAL: pb.USAGE_SOURCE_PROVIDER_PARTIAL,
    UsageSource.ESTIMATED: pb.USAGE_SOURCE_ESTIMATED,
    UsageSource.LOCAL_CACHE: pb.USAGE_SOURCE_LOCAL_CACHE,
}
CACHE_STATUSES: Mapping[CacheStatus | None, pb.CacheStatus] = {
    None: pb.CACHE_STATUS_UNSPECIFIED,
    CacheStatus.MISS: pb.CACHE_STATUS_MISS,
    CacheStatus.HIT: pb.CACHE_STATUS_HIT,
    CacheStatus.COALESCED: pb.CACHE_STATUS_COALESCED,
    CacheStatus.BYPASS: pb.CACHE_STATUS_BYPASS,
}
OUTCOMES: Mapping[AttemptOutcome, pb.AttemptOutcome] = {
    AttemptOutcome.SERVED: pb.ATTEMPT_OUTCOME_SERVED,
    AttemptOutcome.FAILED: pb.ATTEMPT_OUTCOME_FAILED,
    AttemptOutcome.CANCELLED: pb.ATTEMPT_OUTCOME_CANCELLED,
    AttemptOutcome.TIMED_OUT_FIRST_TOKEN: pb.ATTEMPT_OUTCOME_TIMED_OUT_FIRST_TOKEN,
    AttemptOutcome.TIMED_OUT_IDLE: pb.ATTEMPT_OUTCOME_TIMED_OUT_IDLE,
    AttemptOutcome.DEADLINE: pb.ATTEMPT_OUTCOME_DEADLINE,
    AttemptOutcome.HEDGE_LOST: pb.ATTEMPT_OUTCOME_HEDGE_LOST,
    AttemptOutcome.SKIPPED_COOLDOWN: pb.ATTEMPT_OUTCOME_SKIPPED_COOLDOWN,
    AttemptOutcome.DRAINED: pb.ATTEMPT_OUTCOME_DRAINED,
}
EMBEDDINGS = "embeddings"
"""The capability of a model that embeds."""
_LONGEST_S = 315_576_000_000.0
"""Ten thousand years, google.protobuf.Duration's bound."""
_MOST_LEVELS = 30
"""Of JSON in one another. Readers stop at 100 messages, three of which make a level; some stand around it."""


def response_pb(response: ChatResponse, created_s: float) -> pb.LLMResponse:
    """Return a whole answer; `created_s` is in seconds since the Unix epoch."""
    return pb.LLMResponse(
        id=response.id,
        provider=response.provider,
        model=response.model,
        content=response.content,
        message=message_pb(response.message),
        finish_reason=FINISH_REASONS[response.finish_reason],
        native_finish_reason=response.native_finish_reason,
        usage=usage_pb(response.usage),
        attempts=map(attempt_pb, response.attempts),
        cache_status=CACHE_STATUSES[response.cache_status],
        warnings=map(warning_pb, response.warnings),
        created=timestamp_pb(created_s),
    )


def usage_pb(usage: Usage) -> pb.Usage:
    """Return `usage`; what is not known stays absent."""
    said = counts_pb(usage)
    # What is too deep for the wire is left out.
    if usage.raw and not _filled(said.raw.fields, usage.raw, _MOST_LEVELS):
        said.ClearField("raw")
    return said


def counts_pb(usage: Usage) -> pb.Usage:
    """Return `usage` without the provider's own words."""
    return pb.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        source=USAGE_SOURCES[usage.source],
        cost_nano_usd=usage.cost_nano_usd,
        price_version=usage.price_version,
    )


def attempt_pb(attempt: Attempt) -> pb.Attempt:
    """Return one entry of the ledger."""
    return pb.Attempt(
        index=attempt.index,
        provider=attempt.provider,
        model=attempt.model,
        credential_alias=attempt.credential_alias,
        outcome=OUTCOMES[attempt.outcome],
        upstream_status=attempt.upstream_status,
        upstream_request_id=attempt.upstream_request_id,
        usage=counts_pb(attempt.usage),
        # Most calls do not wait, and need not say so.
        queued=duration_pb(attempt.queued_s) if attempt.queued_s else None,
        first_token=None if attempt.first_token_s is None else duration_pb(attempt.first_token_s),
        total=duration_pb(attempt.total_s),
        error_reason=attempt.error_reason.name if attempt.error_reason else None,
    )


def models_pb(models: Iterable[ModelInfo]) -> pb.ListModelsResponse:
    """Return what can be called."""
    return pb.ListModelsResponse(
        models=[
            pb.ModelInfo(
                provider=each.provider,
                model=each.model,
                context_tokens=each.context_tokens,
                max_output_tokens=each.max_output_tokens,
                capabilities=[
                    *sorted([*each.features, *([EMBEDDINGS] if each.embeds else [])]),
                    *each.health,
                ],
            )
            for each in models
        ]
    )


def duration_pb(seconds: float) -> Duration:
    """Return `seconds` as a duration, to the nanosecond; what cannot be said becomes the nearest that can."""
    # Written so that NaN becomes 0.
    nanos = round(min(max(0.0, seconds), _LONGEST_S) * 1e9)
    return Duration(seconds=nanos // 10**9, nanos=nanos % 10**9)


def timestamp_pb(epoch_s: float) -> Timestamp:
    """Return `epoch_s` as a timestamp, to the microsecond that a float holds."""
    micros = round(epoch_s * 1e6)
    return Timestamp(seconds=micros // 10**6, nanos=micros % 10**6 * 1000)


def warning_pb(warning: CallWarning) -> pb.Warning:
    """Return a warning."""
    return pb.Warning(code=warning.code, message=warning.message)


def _filled(fields: MutableMapping[str, Value], value: Mapping[str, Any], levels: int) -> bool:
    """Say `value` in the `fields` of a Struct; return whether it is no deeper than `levels`."""
    for name, each in value.items():
        if type(each) is int:
            # Nearly all is: what was counted.
            fields[name].number_value = each
        elif not _said(fields[name], each, levels):
            return False
    return True


def _said(into: Value, value: Any, levels: int) -> bool:
    kind = type(value)
    if kind is int or kind is float:
        into.number_value = value
    elif kind is str:
        into.string_value = value
    elif kind is bool:
        into.bool_value = value
    elif value is None:
        into.null_value = NULL_VALUE
    elif levels <= 1:
        return False
    elif isinstance(value, Mapping):
        into.struct_value.SetInParent()
        return _filled(into.struct_value.fields, value, levels - 1)
    else:
        into.list_value.SetInParent()
        return all(_said(into.list_value.values.add(), each, levels - 1) for each in value)
    return True
