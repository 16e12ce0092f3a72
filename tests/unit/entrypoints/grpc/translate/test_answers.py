"""From the core's answer to the wire."""

import ast
import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.chat import Message, Refusal, Role, Text
from domain.model.errors import ErrorReason
from domain.model.events import (
    CallWarning,
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    RouteChanged,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WarningRaised,
)
from domain.model.model_info import Feature, ModelInfo
from domain.model.response import ChatResponse
from domain.model.response_cache import CacheStatus
from domain.model.target import Target
from domain.model.usage import NO_USAGE, Attempt, AttemptOutcome, Usage, UsageSource
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.answers import (
    FINISH_REASONS,
    OUTCOMES,
    USAGE_SOURCES,
    attempt_pb,
    duration_pb,
    models_pb,
    response_pb,
    timestamp_pb,
    usage_pb,
)
from entrypoints.grpc.translate.stream import StreamWriter
from tests.support.core_model import FINISHED, STARTED, USAGE
from tests.support.core_source import product_trees

LAWS = settings(max_examples=150)
ATTEMPT = Attempt(
    index=1,
    provider="p",
    model="m",
    credential_alias="key-1",
    outcome=AttemptOutcome.FAILED,
    upstream_status=429,
    upstream_request_id="req-1",
    usage=USAGE,
    first_token_s=0.25,
    total_s=1.5,
    error_reason=ErrorReason.PROVIDER_RATE_LIMITED,
)

indices = st.integers(0, 5)
events: st.SearchStrategy[ChatEvent] = st.one_of(
    st.just(STARTED),
    st.builds(TextDelta, st.text(max_size=5), indices),
    st.builds(RefusalDelta, st.text(max_size=5), indices),
    st.builds(
        ReasoningDelta,
        text=st.text(max_size=5),
        signature=st.binary(max_size=5),
        redacted=st.booleans(),
        provider=st.text(max_size=5),
        part_index=indices,
    ),
    st.builds(
        ToolCallDelta,
        id=st.text(max_size=5),
        name=st.text(max_size=5),
        arguments_fragment=st.text(max_size=5),
        part_index=indices,
    ),
    st.builds(UsageReported, st.builds(Usage, input_tokens=st.none() | st.integers(0, 9))),
    st.builds(WarningRaised, st.builds(CallWarning, st.text(max_size=5), st.text(max_size=5))),
)


def written(*sequence: ChatEvent) -> list[pb.LLMStreamResponse]:
    writer = StreamWriter()
    return [writer.message(event) for event in sequence]


# ------------------------------------------------------------------ the stream


@LAWS
@given(st.lists(events, max_size=8))
def test_messages_are_numbered_densely_and_finish_is_the_last(sequence: list[ChatEvent]) -> None:
    messages = written(*sequence, FINISHED)
    assert [each.sequence for each in messages] == list(range(len(sequence) + 1))
    finishes = [each.type == pb.STREAM_EVENT_TYPE_FINISH for each in messages]
    assert finishes == [False] * len(sequence) + [True]
    assert all(each.type != pb.STREAM_EVENT_TYPE_UNSPECIFIED for each in messages)


@LAWS
@given(st.lists(events, max_size=8))
def test_finish_repeats_every_warning(sequence: list[ChatEvent]) -> None:
    *_, finish = written(*sequence, FINISHED)
    raised = [event.warning for event in sequence if isinstance(event, WarningRaised)]
    assert list(finish.finish.warnings) == [
        pb.Warning(code=each.code, message=each.message) for each in raised
    ]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            Started(id="i", provider="p", model="m"),
            pb.LLMStreamResponse(
                type=pb.STREAM_EVENT_TYPE_START,
                start=pb.StreamStart(id="i", provider="p", model="m"),
            ),
        ),
        (
            TextDelta("a", 2),
            pb.LLMStreamResponse(
                type=pb.STREAM_EVENT_TYPE_CONTENT_DELTA, content="a", part_index=2
            ),
        ),
        (
            RefusalDelta("no", 2),
            pb.LLMStreamResponse(
                type=pb.STREAM_EVENT_TYPE_CONTENT_DELTA, content="no", part_index=2
            ),
        ),
        (
            ReasoningDelta(text="hm", signature=b"s", redacted=True, provider="p", part_index=1),
            pb.LLMStreamResponse(
                type=pb.STREAM_EVENT_TYPE_REASONING_DELTA,
                part_index=1,
                reasoning=pb.ReasoningPart(text="hm", signature=b"s", redacted=True, provider="p"),
            ),
        ),
        (
            ToolCallDelta(id="c", name="f", arguments_fragment="{", signature=b"s", part_index=1),
            pb.LLMStreamResponse(
                type=pb.STREAM_EVENT_TYPE_TOOL_CALL_DELTA,
                part_index=1,
                tool_call=pb.ToolCallDelta(
                    id="c", name="f", arguments_json_fragment="{", signature=b"s"
                ),
            ),
        ),
        (
            UsageReported(Usage(input_tokens=0)),
            pb.LLMStreamResponse(type=pb.STREAM_EVENT_TYPE_USAGE, usage=pb.Usage(input_tokens=0)),
        ),
        (
            WarningRaised(CallWarning("C", "m")),
            pb.LLMStreamResponse(
                type=pb.STREAM_EVENT_TYPE_WARNING, warning=pb.Warning(code="C", message="m")
            ),
        ),
        (
            Finished(
                reason=FinishReason.PAUSE,
                native_reason="pause_turn",
                usage=USAGE,
                attempts=(ATTEMPT,),
            ),
            pb.LLMStreamResponse(
                type=pb.STREAM_EVENT_TYPE_FINISH,
                finish_reason=pb.FINISH_REASON_PAUSE,
                usage=usage_pb(USAGE),
                finish=pb.StreamFinish(
                    native_finish_reason="pause_turn", attempts=[attempt_pb(ATTEMPT)]
                ),
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if attrs.has(type(value)) else "",
)
def test_each_event_has_its_message(event: ChatEvent, message: pb.LLMStreamResponse) -> None:
    assert written(event) == [message]


# ------------------------------------------------------------------ closed vocabularies


@pytest.mark.parametrize("reason", FinishReason)
def test_every_finish_reason_has_its_name_on_the_wire(reason: FinishReason) -> None:
    assert pb.FinishReason.Name(FINISH_REASONS[reason]) == f"FINISH_REASON_{reason.name}"


@pytest.mark.parametrize("outcome", AttemptOutcome)
def test_every_outcome_has_its_name_on_the_wire(outcome: AttemptOutcome) -> None:
    assert pb.AttemptOutcome.Name(OUTCOMES[outcome]) == f"ATTEMPT_OUTCOME_{outcome.name}"
    assert attempt_pb(attrs.evolve(ATTEMPT, outcome=outcome)).outcome == OUTCOMES[outcome]


@pytest.mark.parametrize("status", CacheStatus)
def test_every_cache_status_has_its_name_on_the_wire(status: CacheStatus) -> None:
    started = StreamWriter().message(attrs.evolve(STARTED, cache_status=status))
    assert pb.CacheStatus.Name(started.start.cache_status) == f"CACHE_STATUS_{status.name}"


def test_every_usage_source_that_can_occur_has_its_name_on_the_wire() -> None:
    occurring = {
        UsageSource[node.attr]
        for tree in product_trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "UsageSource"
    }
    assert occurring >= {UsageSource.PROVIDER_FINAL}
    names = {source: pb.UsageSource.Name(USAGE_SOURCES[source]) for source in occurring}
    assert names == {source: f"USAGE_SOURCE_{source.name}" for source in occurring}


@pytest.mark.parametrize("reason", ErrorReason)
def test_every_error_reason_of_an_attempt_has_its_number_on_the_wire(reason: ErrorReason) -> None:
    assert attempt_pb(attrs.evolve(ATTEMPT, error_reason=reason)).error_reason == reason.value


# ------------------------------------------------------------------ usage


COUNTS = [
    "cost_nano_usd",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
]


@pytest.mark.parametrize("count", COUNTS)
def test_what_was_not_counted_is_absent_and_nothing_is_zero(count: str) -> None:
    assert not usage_pb(NO_USAGE).HasField(count)
    zero = usage_pb(Usage(**{count: 0}))  # type: ignore[arg-type]
    assert zero.HasField(count)
    assert getattr(zero, count) == 0
    assert [name for name in COUNTS if zero.HasField(name)] == [count]


def test_no_count_of_the_wire_is_forgotten() -> None:
    optional = {
        field.name for field in pb.Usage.DESCRIPTOR.fields if field.containing_oneof is not None
    }
    assert optional == set(COUNTS)


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def listed(inner: Any) -> Any:
    return [inner]


def named(inner: Any) -> Any:
    return {"a": inner}


@pytest.mark.parametrize("wrap", [listed, named])
def test_usage_too_deep_for_a_reader_is_left_out(wrap: Callable[[Any], Any]) -> None:
    deep: Any = 1
    for level in range(500):
        sent = pb.LLMResponse(usage=usage_pb(Usage(input_tokens=1, raw={"a": deep})))
        assert pb.LLMResponse.FromString(sent.SerializeToString()) == sent
        assert sent.usage.HasField("raw") is (level < 30)
        deep = wrap(deep)


@LAWS
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_the_providers_own_usage_goes_along_as_it_is(raw: dict[str, Any]) -> None:
    sent = usage_pb(Usage(raw=raw))
    assert json_format.MessageToDict(sent.raw) == raw
    assert sent.HasField("raw") is bool(raw)


def test_an_attempts_usage_leaves_the_raw_object_out() -> None:
    attempt = attrs.evolve(ATTEMPT, usage=attrs.evolve(USAGE, raw={"a": 1}))
    assert attempt_pb(attempt).usage == usage_pb(USAGE)


# ------------------------------------------------------------------ attempts, answers, models


def test_an_attempt_arrives_whole() -> None:
    assert attempt_pb(ATTEMPT) == pb.Attempt(
        index=1,
        provider="p",
        model="m",
        credential_alias="key-1",
        outcome=pb.ATTEMPT_OUTCOME_FAILED,
        upstream_status=429,
        upstream_request_id="req-1",
        usage=usage_pb(USAGE),
        first_token=Duration(nanos=250_000_000),
        total=Duration(seconds=1, nanos=500_000_000),
        error_reason=pb.PROVIDER_RATE_LIMITED,
    )


def test_an_attempt_without_content_has_no_first_token() -> None:
    bare = attempt_pb(attrs.evolve(ATTEMPT, first_token_s=None, error_reason=None))
    assert not bare.HasField("first_token")
    assert bare.error_reason == pb.ERROR_REASON_UNSPECIFIED
    assert attempt_pb(attrs.evolve(ATTEMPT, first_token_s=0.0)).HasField("first_token")


def test_a_whole_answer_arrives_whole() -> None:
    response = ChatResponse(
        id="i",
        provider="p",
        model="m",
        content="a",
        message=Message(role=Role.ASSISTANT, parts=(Text(text="a"), Refusal(text="no"))),
        finish_reason=FinishReason.REFUSAL,
        native_finish_reason="refusal",
        usage=USAGE,
        attempts=(ATTEMPT,),
        warnings=(CallWarning("C", "m"),),
        cache_status=CacheStatus.HIT,
    )
    sent = response_pb(response, 1_700_000_000.25)
    assert sent == pb.LLMResponse(
        id="i",
        provider="p",
        model="m",
        content="a",
        message=pb.ChatMessage(
            role="assistant", parts=[pb.ContentPart(text="a"), pb.ContentPart(refusal="no")]
        ),
        finish_reason=pb.FINISH_REASON_REFUSAL,
        native_finish_reason="refusal",
        usage=usage_pb(USAGE),
        attempts=[attempt_pb(ATTEMPT)],
        warnings=[pb.Warning(code="C", message="m")],
        cache_status=pb.CACHE_STATUS_HIT,
        created=timestamp_pb(1_700_000_000.25),
    )
    # A new field of the answer must be filled.
    assert {field.name for field, _ in sent.ListFields()} == {
        field.name for field in pb.LLMResponse.DESCRIPTOR.fields
    }


def test_models_are_listed_with_what_is_known() -> None:
    known = ModelInfo(
        provider="p",
        model="m",
        features=frozenset({Feature.TOOLS, Feature.IMAGES}),
        context_tokens=4096,
        max_output_tokens=512,
    )
    unknown = ModelInfo(provider="p", model="n", features=frozenset())
    first, second = models_pb([known, unknown]).models
    assert first == pb.ModelInfo(
        provider="p",
        model="m",
        context_tokens=4096,
        max_output_tokens=512,
        capabilities=["images", "tools"],
    )
    assert not second.HasField("context_tokens")
    assert not second.HasField("max_output_tokens")


# ------------------------------------------------------------------ time


@LAWS
@given(st.integers(0, 10**15))
def test_a_duration_is_exact_to_the_nanosecond(nanos: int) -> None:
    sent = duration_pb(nanos / 1e9)
    assert abs(sent.seconds * 10**9 + sent.nanos - nanos) <= nanos * 2**-52
    assert 0 <= sent.nanos < 10**9


@pytest.mark.parametrize(
    ("seconds", "sent"),
    [
        (0.0, Duration()),
        (0.1, Duration(nanos=100_000_000)),
        (0.9999999999, Duration(seconds=1)),
        (-1.0, Duration()),
        (math.nan, Duration()),
        (math.inf, Duration(seconds=315_576_000_000)),
        (1e300, Duration(seconds=315_576_000_000)),
    ],
)
def test_a_duration_that_cannot_be_said_is_the_nearest_that_can(
    seconds: float, sent: Duration
) -> None:
    assert duration_pb(seconds) == sent


@pytest.mark.parametrize(
    ("epoch_s", "seconds", "nanos"),
    [(0.0, 0, 0), (1_700_000_000.123456, 1_700_000_000, 123_456_000), (1.9999999, 2, 0)],
)
def test_a_timestamp_is_exact_to_the_microsecond(epoch_s: float, seconds: int, nanos: int) -> None:
    sent = timestamp_pb(epoch_s)
    assert (sent.seconds, sent.nanos) == (seconds, nanos)


def test_an_answer_that_begins_anew_says_from_where_to_discard() -> None:
    writer = StreamWriter()
    first, other = Target("a", "m"), Target("b", "n")
    reason = ErrorReason.PROVIDER_STREAM_TRUNCATED
    started = Started(id="1", provider="a", model="m")
    events: list[ChatEvent] = [
        started,
        TextDelta("x"),
        RouteChanged(previous=first, next=other, reason=reason),
        started,
        RouteChanged(previous=other, next=first, reason=reason),
    ]
    messages = [writer.message(each) for each in events]
    assert [each.sequence for each in messages] == [0, 1, 2, 3, 4]
    changed = messages[2].route_changed
    assert messages[2].type == pb.STREAM_EVENT_TYPE_ROUTE_CHANGED
    assert changed == pb.RouteChanged(
        previous=pb.Target(provider="a", model="m"),
        next=pb.Target(provider="b", model="n"),
        discard_from_sequence=0,
        reason="PROVIDER_STREAM_TRUNCATED",
    )
    assert messages[4].route_changed.discard_from_sequence == 3
