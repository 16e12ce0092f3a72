"""What a model thought goes back as it came, on the message that it came with."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.wire.codec import ResponseHead
from domain.model.chat import (
    Message,
    Reasoning,
    ReasoningConfig,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.errors import InvalidRequest
from domain.model.events import ChatEvent, ReasoningDelta
from domain.model.tools import Tool
from tests.contract.openrouter.test_answers import CONTRACT
from tests.support.chat_contract import a_call, folded

CODEC = openrouter_codec(OpenRouterConfig())
HEAD = ResponseHead(200, {})
QUESTION = Message(role=Role.USER, parts=(Text(text="How is the weather?"),))
TOOLS = (Tool(name="weather"),)


def heard(name: str, **fields: Any) -> Sequence[ChatEvent]:
    body = (CONTRACT.here / "transcripts" / name).read_bytes()
    asked = a_call("anthropic/claude-x", messages=(QUESTION,), tools=TOOLS, **fields)
    if name.endswith("json"):
        return [*CODEC.whole(asked, HEAD, body)]
    decoder = CODEC.decoder(asked, HEAD)
    return [*decoder.feed(body), *decoder.end()]


def sent(*messages: Message) -> list[dict[str, Any]]:
    asked = a_call("anthropic/claude-x", messages=(QUESTION, *messages), tools=TOOLS)
    found: list[dict[str, Any]] = json.loads(CODEC.encode(asked).body)["messages"][1:]
    return found


def test_signed_thoughts_go_back_with_the_call_and_its_result() -> None:
    answer = folded(heard("signed-thoughts.sse"))
    rain = ToolResult(tool_call_id="toolu_1", content=(Text(text="rain"),))
    result = Message(role=Role.TOOL, parts=(rain,))
    later = Message(role=Role.ASSISTANT, parts=(Text(text="It rains."),))
    assert sent(answer, result, later) == [
        {
            "role": "assistant",
            "content": "One moment.",
            "tool_calls": [
                {
                    "id": "toolu_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Köln"}'},
                }
            ],
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "Let me see.",
                    "format": "anthropic-claude-v1",
                    "index": 0,
                    "signature": "U0lH+/=",
                },
                {
                    "type": "reasoning.encrypted",
                    "data": "QUJD",
                    "id": "e1",
                    "format": "anthropic-claude-v1",
                    "index": 0,
                },
                {
                    "type": "reasoning.text",
                    "text": "Köln?",
                    "format": "anthropic-claude-v1",
                    "index": 1,
                    "signature": "U0lHMg==",
                },
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "rain"},
        {"role": "assistant", "content": "It rains."},
    ]


def test_a_whole_message_goes_back_unchanged_to_the_byte() -> None:
    body = json.loads((CONTRACT.here / "transcripts" / "whole.json").read_bytes())
    given = body["choices"][0]["message"]["reasoning_details"]
    answer = folded(heard("whole.json"))
    assert sent(answer)[0]["reasoning_details"] == given
    (thought,) = (part for part in answer.parts if isinstance(part, Reasoning))
    asked = a_call("anthropic/claude-x", messages=(QUESTION, answer), tools=TOOLS)
    assert b'"reasoning_details":' + thought.signature in CODEC.encode(asked).body


def test_what_the_caller_kept_goes_back_to_the_byte_whatever_its_style() -> None:
    kept = b'[ {"type":"reasoning.text", "z":1, "a":1e2, "text":"\\u00f6"} ]'
    thought = Reasoning(signature=kept, provider="openrouter")
    asked = a_call("a/b", messages=(QUESTION, Message(role=Role.ASSISTANT, parts=(thought,))))
    assert b'"reasoning_details":' + kept in CODEC.encode(asked).body


def test_thoughts_in_several_parts_go_back_in_their_order() -> None:
    parts = tuple(
        Reasoning(
            signature=json.dumps([{"type": "reasoning.text", "text": each}]).encode(),
            provider="openrouter",
        )
        for each in "ab"
    )
    (message,) = sent(Message(role=Role.ASSISTANT, parts=parts))
    assert [each["text"] for each in message["reasoning_details"]] == ["a", "b"]


def test_thoughts_of_others_and_thoughts_without_proof_stay() -> None:
    parts = (
        Reasoning(text="a", signature=b"c2ln", provider="anthropic"),
        Reasoning(text="b", provider="openrouter"),
        Text(text="c"),
    )
    (message,) = sent(Message(role=Role.ASSISTANT, parts=parts))
    assert message == {"role": "assistant", "content": "c"}


@pytest.mark.parametrize("broken", [b"{", b"{}", b"\xff"])
def test_thoughts_that_are_not_what_was_given_are_refused_by_their_path(broken: bytes) -> None:
    thought = Reasoning(signature=broken, provider="openrouter")
    with pytest.raises(InvalidRequest) as caught:
        sent(Message(role=Role.ASSISTANT, parts=(Text(text="a"), thought)))
    (violation,) = caught.value.violations
    assert violation.field == "messages[1].parts[1].reasoning.signature"


def test_thoughts_that_are_not_shown_still_go_back() -> None:
    events = heard("signed-thoughts.sse", reasoning=ReasoningConfig(include_content=False))
    shown = [event.text for event in events if isinstance(event, ReasoningDelta) and event.text]
    assert shown == []
    answer = folded(events)
    assert isinstance(answer.parts[0], Reasoning)
    assert answer.parts[0].redacted
    assert (
        sent(answer)[0]["reasoning_details"]
        == sent(folded(heard("signed-thoughts.sse")))[0]["reasoning_details"]
    )
    assert isinstance(answer.parts[-1], ToolCall)
