"""What a whole body means; whole transcripts are in tests/contract."""

import json
from typing import Any

import pytest

from domain.model.caching import CacheControl
from domain.model.chat import ReasoningConfig
from domain.model.errors import ChatError, ErrorReason
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    WarningRaised,
)
from tests.contract.anthropic.reading import CODEC, OK, call


def read(*blocks: Any, asked: dict[str, Any] | None = None, **fields: Any) -> list[ChatEvent]:
    body = {"id": "msg_1", "model": "m", "content": blocks, "stop_reason": "end_turn", **fields}
    return list(CODEC.whole(call(**(asked or {})), OK, json.dumps(body).encode()))


def test_a_body_is_its_blocks_between_a_beginning_and_an_end() -> None:
    assert read(
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": ""},
        "odd",
        {"type": "of_2027"},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "x", "name": "f", "input": {"a": 1}},
    ) == [
        Started(
            id="msg_1",
            provider="anthropic",
            model="m",
            upstream_status=200,
            upstream_request_id="req_1",
        ),
        ReasoningDelta(text="hm", signature=b"c2ln", provider="anthropic"),
        TextDelta("a", 4),
        ToolCallDelta(id="x", name="f", arguments_fragment='{"a":1}', part_index=5),
        Finished(reason=FinishReason.STOP, native_reason="end_turn"),
    ]


def test_a_refusal_may_say_nothing_or_something() -> None:
    silent = read(stop_reason="refusal", stop_details=None)
    assert [type(event) for event in silent] == [Started, Finished]
    told = read(stop_reason="refusal", stop_details={"explanation": "No."})
    assert told[1] == RefusalDelta("No.", 0)


def test_an_answer_may_be_empty() -> None:
    assert [type(event) for event in read()] == [Started, Finished]


def test_hidden_thoughts_leave_only_their_proof() -> None:
    found = read(
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        asked={"reasoning": ReasoningConfig(include_content=False)},
    )
    assert found[1] == ReasoningDelta(signature=b"c2ln", provider="anthropic")


def test_a_missed_cache_is_told_before_the_end() -> None:
    found = read(asked={"cache_control": CacheControl()}, usage={"input_tokens": 4})
    assert [type(event) for event in found] == [Started, WarningRaised, Finished]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"{}", b'{"content": "text"}'])
def test_a_body_without_content_makes_no_sense(body: bytes) -> None:
    with pytest.raises(ChatError) as caught:
        CODEC.whole(call(), OK, body)
    assert caught.value.reason is ErrorReason.PROVIDER_PROTOCOL_ERROR
    assert caught.value.upstream_status == 200


def test_an_error_under_a_good_status_is_an_error() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with pytest.raises(ChatError) as caught:
        CODEC.whole(call(), OK, body)
    assert caught.value.reason is ErrorReason.PROVIDER_OVERLOADED
