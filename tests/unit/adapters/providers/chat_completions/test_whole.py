"""Whole answers: the same events as a stream's, and no error that passes for one."""

from typing import Any

import pytest

from domain.model.errors import ChatError
from domain.model.events import (
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
)
from domain.model.response import fold
from domain.model.usage import NO_USAGE
from tests.support.http_calls import CODEC, HEAD, HELLO, call, decoded, whole_body


def events(body: bytes) -> list[Any]:
    return list(CODEC.whole(call(whole=True), HEAD, body))


def failure(body: bytes) -> str:
    with pytest.raises(ChatError) as caught:
        events(body)
    assert caught.value.upstream_status == 200
    return caught.value.reason.name


def test_a_whole_answer_folds_to_what_its_stream_folds_to() -> None:
    streamed = [each for each in decoded([HELLO]) if not isinstance(each, str)]
    assert fold(events(whole_body())) == fold(streamed)


def test_everything_a_message_holds_is_said_in_the_order_a_model_comes_to_it() -> None:
    message = {
        "role": "assistant",
        "content": "a",
        "refusal": "b",
        "reasoning": "hm",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }
    started, *said, finished = events(whole_body(message))
    assert isinstance(started, Started)
    assert said[:3] == [
        ReasoningDelta(text="hm", provider="far", part_index=0),
        TextDelta("a", 1),
        RefusalDelta("b", 2),
    ]
    first, second = said[3:]
    assert isinstance(first, ToolCallDelta)
    assert (first.id, first.name, first.arguments_fragment) == ("1", "f", "{}")
    assert (second.name, second.part_index) == ("g", 4)
    assert second.id.startswith("call_")
    assert finished.reason is FinishReason.TOOL_CALLS


def test_an_empty_message_is_an_answer() -> None:
    started, finished = events(whole_body({"role": "assistant", "content": None}, "length"))
    assert isinstance(started, Started)
    assert finished.reason is FinishReason.MAX_TOKENS


def test_an_old_completion_is_understood() -> None:
    body = b'{"choices":[{"text":"a","finish_reason":"stop"}]}'
    assert events(body)[1:] == [
        TextDelta("a"),
        Finished(reason=FinishReason.STOP, native_reason="stop", usage=NO_USAGE),
    ]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"7", b"<html>", b"{}", b'{"choices":[]}', b'{"choices":[7]}']
)
def test_what_is_no_answer_makes_no_sense(body: bytes) -> None:
    assert failure(body) == "PROVIDER_PROTOCOL_ERROR"


def test_an_error_inside_a_good_status_counts() -> None:
    assert failure(b'{"error":{"code":429,"message":"m"}}') == "PROVIDER_RATE_LIMITED"
    assert failure(whole_body(error={"code": 502, "message": "m"})) == "PROVIDER_SERVER_ERROR"
    assert failure(b'{"choices":[{"error":{"code":503}}]}') == "PROVIDER_OVERLOADED"
    assert failure(whole_body(finish="error")) == "PROVIDER_SERVER_ERROR"


def test_an_error_that_is_null_is_none() -> None:
    assert isinstance(events(whole_body(error=None))[-1], Finished)
