"""DeepSeek is the dialect with other words: it thinks unless told not to."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.providers.deepseek.codec import deepseek_codec
from adapters.wire.codec import ResponseHead
from domain.model.call import ChatCall
from domain.model.chat import (
    ChatRequest,
    Message,
    Reasoning,
    ReasoningConfig,
    ReasoningEffort,
    Role,
    Text,
    ToolCall,
)
from domain.model.errors import InvalidRequest
from domain.model.events import ChatEvent
from domain.model.response import fold
from domain.model.tools import Tool

CODEC = deepseek_codec()
QUESTION = Message(role=Role.USER, parts=(Text(text="a"),))


def sent(*said: Message, **fields: Any) -> dict[str, Any]:
    request = ChatRequest(model="deepseek-v4-pro", messages=(QUESTION, *said), **fields)
    body: dict[str, Any] = json.loads(CODEC.encode(ChatCall(request=request)).body)
    return body


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        (ReasoningConfig(), {}),
        (ReasoningConfig(effort=ReasoningEffort.NONE), {"thinking": {"type": "disabled"}}),
        (
            ReasoningConfig(effort=ReasoningEffort.HIGH),
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        ),
    ],
)
def test_how_hard_it_thinks_is_said_in_two_words(
    config: ReasoningConfig, fields: dict[str, Any]
) -> None:
    body = sent(reasoning=config)
    assert {key: body[key] for key in body.keys() & {"thinking", "reasoning_effort"}} == fields


def test_what_it_thought_goes_back_with_its_calls_and_what_others_thought_does_not() -> None:
    call = ToolCall(id="c", name="f", arguments_json="{}")
    own, other = (Reasoning(text=name, provider=name) for name in ("deepseek", "openrouter"))
    (_, back) = sent(Message(role=Role.ASSISTANT, parts=(own, other, call)))["messages"]
    assert back["reasoning_content"] == "deepseek"
    (_, back) = sent(Message(role=Role.ASSISTANT, parts=(other, call)))["messages"]
    assert "reasoning_content" not in back


def test_its_models_are_listed_and_others_passed_on() -> None:
    assert [info.model for info in CODEC.models()] == ["deepseek-v4-flash", "deepseek-v4-pro"]
    assert CODEC.info("deepseek-v9") is not None


THOUGHTS = ("Let me ", "see: é")
TOOL_CALL = {
    "index": 0,
    "id": "c",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
}
HIDDEN = ReasoningConfig(include_content=False)
HEAD = ResponseHead(200, {})


def asked(reasoning: ReasoningConfig | None = HIDDEN, *tools: Tool) -> ChatCall:
    request = ChatRequest(
        model="deepseek-v4-pro", messages=(QUESTION,), tools=tools, reasoning=reasoning
    )
    return ChatCall(request=request)


def streamed(call: ChatCall, *said: dict[str, Any]) -> Sequence[ChatEvent]:
    deltas = [{"delta": {"reasoning_content": thought}} for thought in THOUGHTS]
    choices = [*deltas, *({"delta": each} for each in said), {"finish_reason": "stop"}]
    chunks = [json.dumps({"choices": [choice]}) for choice in choices]
    decoder = CODEC.decoder(call, HEAD)
    body = "".join(f"data: {each}\n\n" for each in [*chunks, "[DONE]"])
    return [*decoder.feed(body.encode()), *decoder.end()]


def whole(call: ChatCall, **said: Any) -> Sequence[ChatEvent]:
    message = {"reasoning_content": "".join(THOUGHTS), **said}
    return [*CODEC.whole(call, HEAD, json.dumps({"choices": [{"message": message}]}).encode())]


def answer(events: Sequence[ChatEvent]) -> Message:
    return fold(events).message


@pytest.mark.parametrize("deliver", [streamed, whole])
@pytest.mark.parametrize("shown", [True, False])
def test_what_was_thought_before_a_call_goes_back_whoever_saw_it(deliver: Any, shown: bool) -> None:
    call = asked(ReasoningConfig(include_content=shown), Tool(name="f"))
    said = {"tool_calls": [TOOL_CALL]}
    message = answer(streamed(call, said) if deliver is streamed else whole(call, **said))
    (thought,) = (part for part in message.parts if isinstance(part, Reasoning))
    assert (thought.text == "".join(THOUGHTS)) is shown
    assert thought.redacted is not shown
    (_, back) = sent(message)["messages"]
    assert back["reasoning_content"] == "".join(THOUGHTS)


def test_hidden_thoughts_are_given_to_nobody_where_none_can_have_to_go_back() -> None:
    message = answer(streamed(asked(), {"content": "Hi"}))
    assert message.parts == (Text(text="Hi"),)


def test_hidden_thoughts_keep_their_place_before_what_was_said() -> None:
    message = answer(streamed(asked(HIDDEN, Tool(name="f")), {"content": "Hi"}))
    assert [type(part) for part in message.parts] == [Reasoning, Text]


def test_a_signature_that_is_not_from_there_is_refused_by_its_path() -> None:
    strange = Reasoning(signature=b"\xff", redacted=True, provider="deepseek")
    with pytest.raises(InvalidRequest, match="is not what DeepSeek gave") as caught:
        sent(Message(role=Role.ASSISTANT, parts=(strange,)))
    (violation,) = caught.value.violations
    assert violation.field == "messages[1].parts[0].reasoning.signature"
