"""One answer: its finish, its usage on the way, its made-up ids, and what cannot be passed on."""

from typing import Any

import pytest

from adapters.providers.gemini.calls import made_up_id
from adapters.wire.codec import ResponseHead
from domain.model.errors import ChatError
from domain.model.events import (
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WarningRaised,
)
from domain.model.response import fold
from domain.model.usage import UsageSource
from tests.contract.gemini.reading import CODEC, call, frames, outcome, play, said

CALL = {"functionCall": {"name": "f", "args": {}}}


def finished(native: str, *parts: dict[str, Any]) -> FinishReason:
    event = play(frames(said(*parts, finishReason=native)))[-1]
    assert isinstance(event, Finished)
    assert event.native_reason == native
    return event.reason


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "max_tokens"),
        *(
            (word, "content_filter")
            for word in (
                "SAFETY",
                "RECITATION",
                "LANGUAGE",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "IMAGE_SAFETY",
                "IMAGE_PROHIBITED_CONTENT",
                "IMAGE_RECITATION",
                "MODEL_ARMOR",
                "ESCALATION",
            )
        ),
        *(
            (word, "other")
            for word in (
                "OTHER",
                "IMAGE_OTHER",
                "NO_IMAGE",
                "FINISH_REASON_UNSPECIFIED",
                "PUP_LIMITED_DISABLED",
                "CONTINUATION",
                "INVENTED_TOMORROW",
            )
        ),
    ],
)
def test_each_finish_has_its_meaning(native: str, reason: str) -> None:
    assert finished(native, {"text": "x"}) is FinishReason(reason)


def test_a_stop_after_a_call_is_for_the_call() -> None:
    assert finished("STOP", CALL) is FinishReason.TOOL_CALLS
    assert finished("MAX_TOKENS", CALL) is FinishReason.MAX_TOKENS


@pytest.mark.parametrize(
    ("native", "reason", "retryable"),
    [
        ("MALFORMED_FUNCTION_CALL", "PROVIDER_PROTOCOL_ERROR", True),
        ("MALFORMED_RESPONSE", "PROVIDER_PROTOCOL_ERROR", True),
        ("UNEXPECTED_TOOL_CALL", "PROVIDER_PROTOCOL_ERROR", True),
        ("TOO_MANY_TOOL_CALLS", "PROVIDER_PROTOCOL_ERROR", True),
        ("MISSING_THOUGHT_SIGNATURE", "PROVIDER_REJECTED_REQUEST", False),
    ],
)
def test_an_answer_that_the_model_spoiled_is_none(
    native: str, reason: str, retryable: bool
) -> None:
    _, error = outcome([frames(said(finishReason=native, finishMessage="secret"))])
    assert error is not None
    assert (error.reason.name, error.retryable) == (reason, retryable)
    assert native in error.message
    assert "secret" not in error.message
    assert error.upstream_request_id == "r1"


def used(total: int | None, **counts: int) -> dict[str, Any]:
    totals = {} if total is None else {"totalTokenCount": total}
    return {"usageMetadata": {**counts, **totals}}


def reports(*chunks: dict[str, Any]) -> list[int | None]:
    events, _ = outcome([frames(*chunks)])
    return [event.usage.output_tokens for event in events if isinstance(event, UsageReported)]


def test_usage_is_reported_at_once_and_then_as_it_grows() -> None:
    chunks = [used(10 + tokens, candidatesTokenCount=tokens) for tokens in (0, 40, 63, 64, 65, 128)]
    assert reports(*chunks, said(finishReason="STOP")) == [0, 64, 128]


def test_usage_without_a_total_is_always_reported() -> None:
    chunks = [used(None, candidatesTokenCount=tokens) for tokens in (1, 2)]
    assert reports(*chunks, said(finishReason="STOP")) == [1, 2]


def test_the_last_usage_is_told_before_a_failure_and_only_once() -> None:
    chunks = [used(10 + tokens, candidatesTokenCount=tokens) for tokens in (0, 5, 9)]
    assert reports(*chunks, {"error": {"code": 500}}) == [0, 9]
    assert reports(*chunks) == [0, 9]
    assert reports(used(10, candidatesTokenCount=3), {"error": {"code": 500}}) == [3]
    for broken in (b"data: no json\n\n", b"{ no json\n"):
        events, _ = outcome([frames(*chunks) + broken])
        last = [event for event in events if isinstance(event, UsageReported)][-1]
        assert last.usage.output_tokens == 9


def test_the_last_usage_is_final() -> None:
    final = play(frames(used(9, promptTokenCount=9), said(finishReason="STOP"), used(3)))[-1]
    assert isinstance(final, Finished)
    assert final.usage.source is UsageSource.PROVIDER_FINAL
    assert final.usage.raw == {"totalTokenCount": 3}


def test_a_whole_answer_has_no_usage_on_the_way() -> None:
    body = b'{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"totalTokenCount":500}}'
    kinds = [type(event) for event in CODEC.whole(call(), ResponseHead(200, {}), body)]
    assert kinds == [Started, Finished]


def test_made_up_ids_come_from_the_answer_or_else_from_the_request() -> None:
    named = play(frames(said(CALL, CALL, finishReason="STOP")))
    ids = [event.id for event in named if isinstance(event, ToolCallDelta)]
    assert ids == [made_up_id("r1", 0), made_up_id("r1", 1)]
    nameless = said(CALL, finishReason="STOP")
    del nameless["responseId"]
    events = play(frames(nameless))
    assert isinstance(events[1], ToolCallDelta)
    assert events[1].id == made_up_id("call-1", 0)


def test_a_text_goes_on_in_its_part_until_something_else_comes() -> None:
    events = play(
        frames(
            said({"text": "a"}),
            said({"text": "b"}, {"text": "t", "thought": True}, {"text": ""}),
            said({"text": "u", "thought": True}, {"text": "", "thought": True}, CALL),
            said({"text": "c"}, finishReason="STOP"),
        )
    )
    deltas = [
        (type(event), event.part_index)
        for event in events
        if isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta)
    ]
    assert deltas == [
        (TextDelta, 0),
        (TextDelta, 0),
        (ReasoningDelta, 1),
        (ReasoningDelta, 1),
        (ToolCallDelta, 2),
        (TextDelta, 3),
    ]


def test_what_cannot_be_passed_on_is_told_once_a_kind() -> None:
    picture: dict[str, Any] = {"inlineData": {"data": ""}}
    code: dict[str, Any] = {"executableCode": {}}
    events = play(frames(said(picture, code, picture), said(code, finishReason="STOP")))
    told = [event.warning for event in events if isinstance(event, WarningRaised)]
    assert [each.code for each in told] == ["CONTENT_DROPPED"] * 2
    assert "inlineData" in told[0].message
    assert fold(events).warnings == tuple(told)


def test_a_block_after_the_finish_is_no_news() -> None:
    late = {"promptFeedback": {"blockReason": "OTHER"}}
    assert isinstance(play(frames(said({"text": "x"}, finishReason="STOP"), late))[-1], Finished)


def test_feedback_that_blocks_nothing_is_no_block() -> None:
    rated: dict[str, Any] = {"promptFeedback": {"safetyRatings": []}}
    assert isinstance(play(frames(rated, said(finishReason="STOP")))[-1], Finished)


def test_an_error_that_is_null_is_none() -> None:
    assert isinstance(play(frames({"error": None, **said(finishReason="STOP")}))[-1], Finished)


def test_nothing_is_said_after_an_error() -> None:
    decoder = CODEC.decoder(call(), ResponseHead(200, {}))
    body = frames(said({"text": "a"}), {"error": {"code": 500}}, said({"text": "b"}))
    given: list[Any] = []
    with pytest.raises(ChatError):
        given.extend(decoder.feed(body))
    events, _ = outcome([body])
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a"]


def test_an_event_without_its_blank_line_counts_at_the_end() -> None:
    whole = frames(said({"text": "x"}, finishReason="STOP")).rstrip()
    assert isinstance(play(whole)[-1], Finished)
    _, error = outcome([frames({"error": {"code": 503}}).rstrip()])
    assert error is not None
    assert error.reason.name == "PROVIDER_OVERLOADED"


@pytest.mark.parametrize("odd", ["é", "\N{REPLACEMENT CHARACTER}", "a", 7])
def test_a_signature_that_is_no_base64_is_none(odd: object) -> None:
    events = play(frames(said({"text": "x", "thoughtSignature": odd}, finishReason="STOP")))
    assert TextDelta("x", 0) in events
