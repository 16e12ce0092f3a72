"""What a stream's events mean, one law at a time; whole transcripts are in tests/contract."""

import json
from typing import Any

import pytest

from adapters.providers.anthropic.codec import AnthropicCodec
from domain.model.caching import CacheControl
from domain.model.chat import ReasoningConfig
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WarningRaised,
)
from domain.model.usage import UsageSource
from tests.contract.anthropic.reading import CODEC, OK, call, frames, play
from tests.unit.adapters.providers.anthropic.streaming import START, STOP, begun, delta, ended


def content(*events: dict[str, Any], **asked: Any) -> list[ChatEvent]:
    """Return what `events`, in the middle of an answer, mean."""
    found = play([frames(START, *events, ended(), STOP)], call(**asked))
    return [event for event in found[2:] if not isinstance(event, UsageReported | Finished)]


def test_an_answer_begins_with_what_is_known_of_it() -> None:
    first, usage, *_ = play([frames(START, ended(), STOP)])
    assert first == Started(
        id="msg_1",
        provider="anthropic",
        model="m",
        upstream_status=200,
        upstream_request_id="req_1",
    )
    assert isinstance(usage, UsageReported)
    assert (usage.usage.input_tokens, usage.usage.source) == (4, UsageSource.PROVIDER_PARTIAL)


def test_a_provider_goes_by_its_configured_name() -> None:
    codec = AnthropicCodec(name="claude-eu")
    thought = delta(0, "thinking_delta", thinking="hm")
    events = play([frames(START, thought, ended(), STOP)], codec=codec)
    assert isinstance(events[0], Started)
    assert events[0].provider == "claude-eu"
    assert ReasoningDelta(text="hm", provider="claude-eu") in events


def test_a_model_that_is_not_named_is_the_one_that_was_asked() -> None:
    events = play([frames({"type": "message_start", "message": {}}, ended(), STOP)])
    assert isinstance(events[0], Started)
    assert (events[0].id, events[0].model) == ("", "claude-opus-5-5")


def test_text_keeps_its_blocks_index() -> None:
    assert content(
        begun(0, type="text", text="a"),
        delta(0, "text_delta", text="b"),
        delta(3, "text_delta", text="c"),
    ) == [TextDelta("a", 0), TextDelta("b", 0), TextDelta("c", 3)]


def test_a_call_names_itself_once_and_its_fragments_carry_its_id() -> None:
    assert content(
        begun(1, type="tool_use", id="toolu_1", name="f", input={}),
        delta(1, "input_json_delta", partial_json=""),
        delta(1, "input_json_delta", partial_json='{"a'),
        delta(1, "input_json_delta", partial_json='":1}'),
    ) == [
        ToolCallDelta(id="toolu_1", name="f", part_index=1),
        ToolCallDelta(id="toolu_1", arguments_fragment='{"a', part_index=1),
        ToolCallDelta(id="toolu_1", arguments_fragment='":1}', part_index=1),
    ]


def test_the_providers_own_tools_are_not_the_callers() -> None:
    assert (
        content(
            begun(0, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
            delta(0, "input_json_delta", partial_json='{"query":"x"}'),
            begun(1, type="web_search_tool_result", tool_use_id="srvtoolu_1", content=[]),
        )
        == []
    )


def test_thoughts_come_with_their_proof() -> None:
    assert content(
        begun(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "thinking_delta", thinking=""),
        delta(0, "signature_delta", signature="c2ln"),
        begun(1, type="redacted_thinking", data="aGlk"),
    ) == [
        ReasoningDelta(text="hm", provider="anthropic"),
        ReasoningDelta(signature=b"c2ln", provider="anthropic"),
        ReasoningDelta(signature=b"aGlk", redacted=True, provider="anthropic", part_index=1),
    ]


def test_hidden_thoughts_still_leave_their_proof() -> None:
    assert content(
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "signature_delta", signature="c2ln"),
        reasoning=ReasoningConfig(include_content=False),
    ) == [ReasoningDelta(signature=b"c2ln", provider="anthropic")]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {"type": "content_block_stop", "index": 0},
        {"type": "of_2027", "index": 0},
        {"type": ["odd"]},
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": "odd"},
        {"type": "content_block_start", "index": 0, "content_block": None},
        {"index": 0},
        begun(0, type="of_2027"),
        delta(0, "of_2027", text="x"),
        delta(0, ["odd"], text="x"),
        delta(0, "text_delta", text=""),
        delta(0, "text_delta", text=7),
        delta(0, "text_delta"),
        delta(0, "citations_delta", citation={}),
        delta(5, "input_json_delta", partial_json="{}"),
    ],
)
def test_what_is_unknown_or_odd_means_nothing(event: dict[str, Any]) -> None:
    data = b"data: %s\n\n" % json.dumps(event).encode()
    found = play([frames(START), data, frames(ended(), STOP)])
    assert [type(each) for each in found] == [Started, UsageReported, UsageReported, Finished]


def test_a_beginning_in_the_middle_means_nothing() -> None:
    assert content(START, delta(0, "text_delta", text="a")) == [TextDelta("a")]


def test_an_index_that_is_odd_is_the_first() -> None:
    assert content(delta("x", "text_delta", text="a")) == [TextDelta("a", 0)]


def test_an_event_without_data_means_nothing() -> None:
    found = play([frames(START), b"event: ping\ndata:\n\n", frames(ended(), STOP)])
    assert isinstance(found[-1], Finished)


def test_an_event_may_leave_its_type_to_the_frame() -> None:
    found = play([frames(START), b"event: message_stop\ndata: {}\n\n"])
    assert isinstance(found[-1], Finished)


# ---------------------------------------------------------------- usage and the end
def test_usage_is_cumulative_and_the_latest_holds() -> None:
    found = play([frames(START, ended(None, {"output_tokens": 5}), ended("end_turn"), STOP)])
    reported = [event.usage for event in found if isinstance(event, UsageReported)]
    assert [usage.output_tokens for usage in reported] == [1, 5, 9]
    assert isinstance(found[-1], Finished)
    assert found[-1].usage.raw == {"input_tokens": 4, "output_tokens": 9}
    assert found[-1].usage.source is UsageSource.PROVIDER_FINAL


def test_usage_that_nobody_reports_is_none() -> None:
    found = play([frames({"type": "message_start", "message": {}}, STOP)])
    assert isinstance(found[-1], Finished)
    assert (found[-1].usage.source, found[-1].usage.raw) == (None, None)


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.MAX_TOKENS),
        ("model_context_window_exceeded", FinishReason.CONTEXT_LENGTH),
        ("tool_use", FinishReason.TOOL_CALLS),
        ("refusal", FinishReason.REFUSAL),
        ("pause_turn", FinishReason.PAUSE),
        ("compaction", FinishReason.OTHER),
    ],
)
def test_the_reason_is_told_with_the_providers_own_word(native: str, reason: FinishReason) -> None:
    last = play([frames(START, ended(native), STOP)])[-1]
    assert isinstance(last, Finished)
    assert (last.reason, last.native_reason) == (reason, native)


def test_an_end_without_a_reason_is_an_end() -> None:
    last = play([frames(START, ended("end_turn"), ended(None), STOP)])[-1]
    assert isinstance(last, Finished)
    assert last.native_reason == "end_turn"
    assert isinstance(play([frames(START, STOP)])[-1], Finished)


def test_a_refusal_says_why_in_a_part_of_its_own() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    found = play(
        [
            frames(
                START,
                begun(0, type="text", text="a"),
                ended("refusal", stop_details=details),
                STOP,
            )
        ]
    )
    assert RefusalDelta("Not this.", 1) in found
    silent = play([frames(START, ended("refusal", stop_details={"explanation": None}), STOP)])
    assert not [event for event in silent if isinstance(event, RefusalDelta)]


def test_after_the_end_nothing_counts() -> None:
    decoder = CODEC.decoder(call(), OK)
    tail = delta(0, "text_delta", text="x")
    list(decoder.feed(frames(START, ended(), STOP, tail)))
    assert list(decoder.feed(frames(tail, START))) == []
    assert list(decoder.feed(b"data: nonsense\n\n")) == []
    assert list(decoder.end()) == []


# ---------------------------------------------------------------- the cache
@pytest.mark.parametrize(
    ("usage", "missed"),
    [
        ({}, True),
        ({"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}, True),
        ({"cache_read_input_tokens": 5}, False),
        ({"cache_creation_input_tokens": 5}, False),
    ],
)
def test_a_cache_that_was_asked_for_and_missed_is_told_before_the_end(
    usage: dict[str, int], missed: bool
) -> None:
    asked = call(cache_control=CacheControl())
    found = play([frames(START, ended("end_turn", {"output_tokens": 1, **usage}), STOP)], asked)
    warnings = [event.warning for event in found if isinstance(event, WarningRaised)]
    assert [warning.code for warning in warnings] == ["PROMPT_CACHE_MISSED"] * missed
    if missed:
        assert isinstance(found[-2], WarningRaised)
        assert "512 tokens" in warnings[0].message


def test_a_cache_that_was_not_asked_for_is_not_missed() -> None:
    assert not [event for event in content() if isinstance(event, WarningRaised)]


def test_a_missed_cache_is_told_of_models_of_which_little_is_known() -> None:
    for model in ("claude-opus-6", "nobody"):
        (warning,) = content(model=model, cache_control=CacheControl())
        assert isinstance(warning, WarningRaised)
        assert warning.warning.message == f"{model} neither read nor wrote its prompt cache"


@pytest.mark.parametrize("odd", [-1, 2**24, 2**31, 10**30])
def test_an_index_that_nobody_can_count_to_means_none(odd: int) -> None:
    assert content(delta(odd, "text_delta", text="x")) == [TextDelta("x", 0)]
