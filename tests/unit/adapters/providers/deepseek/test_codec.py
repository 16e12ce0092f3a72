"""DeepSeek is the dialect with other words: it thinks unless told not to."""

import json
from typing import Any

import pytest

from adapters.providers.deepseek.codec import deepseek_codec
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
