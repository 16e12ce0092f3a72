"""Our requests against recorded ones that Gemini accepted, read in place.

They differ only where the recorder chose otherwise: it names a role for the system instruction, asks
for text as the only modality, writes ids of its own and another key into results, and the older of its
two fields for schemas.
"""

import json
from typing import Any

import orjson
import pytest

from domain.model.call import ChatCall, Delivery
from domain.model.chat import (
    ChatRequest,
    Message,
    ReasoningConfig,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.json_value import JsonObject
from domain.model.tools import Tool, ToolChoice, ToolMode
from tests.contract.gemini.reading import CODEC, RECORDED

BASE = "https://generativelanguage.googleapis.com"
PARIS = Message(role=Role.USER, parts=(Text(text="What is the capital of France?"),))
HELPFUL = Message(role=Role.SYSTEM, parts=(Text(text="You are a helpful chatbot."),))
TEXT_ONLY: JsonObject = {"generationConfig": {"responseModalities": ["TEXT"]}}


def recorded(name: str) -> tuple[str, dict[str, Any]]:
    path = RECORDED / f"{name}.request.json"
    if not path.exists():
        pytest.skip(f"the recorded traffic is not there: {path}")
    request = json.loads(path.read_bytes())
    return request["url"], request["body"]


def ours(delivery: Delivery, **fields: Any) -> tuple[str, dict[str, Any]]:
    wire = CODEC.encode(ChatCall(request=ChatRequest(**fields), delivery=delivery))
    return BASE + wire.path, orjson.loads(wire.body)


def test_a_streamed_question_with_a_system_message() -> None:
    url, body = recorded("stream-text.1")
    del body["systemInstruction"]["role"]
    model = "gemini-2.0-flash-exp"
    asked = ours(Delivery.STREAMED, model=model, messages=(HELPFUL, PARIS), temperature=0.0)
    assert asked == (url, body)


def test_a_bound_on_the_answer() -> None:
    url, body = recorded("max-tokens-thinking-empty.1")
    del body["systemInstruction"]["role"]
    assert ours(
        Delivery.WHOLE,
        model="gemini-2.5-pro",
        messages=(HELPFUL, PARIS),
        max_tokens=5,
        provider_options={"gemini": TEXT_ONLY},
    ) == (url, body)


def test_cached_content_comes_by_the_options() -> None:
    url, body = recorded("cached-content.2")
    options = {**TEXT_ONLY, "cachedContent": body["cachedContent"]}
    assert ours(
        Delivery.WHOLE,
        model="gemini-2.5-flash",
        messages=(PARIS,),
        provider_options={"gemini": options},
    ) == (url, body)


def test_a_forced_choice_among_tools_and_a_result() -> None:
    url, body = recorded("tools-any.2")
    call, result = (body["contents"][at]["parts"][0] for at in (1, 2))
    result["functionResponse"]["response"] = {"output": "hello"}
    declarations = body["tools"][0]["functionDeclarations"]
    for declaration in declarations:
        schema = declaration.pop("parameters")
        declaration["parametersJsonSchema"] = json.loads(
            json.dumps(schema).replace("OBJECT", "object").replace("STRING", "string")
        )
    # An empty description and an empty configuration say nothing.
    del declarations[0]["description"], body["generationConfig"]
    id_ = call["functionCall"]["id"]
    assert ours(
        Delivery.WHOLE,
        model="gemini-2.0-flash",
        messages=(
            Message(role=Role.USER, parts=(Text(text="run bar for me please"),)),
            Message(
                role=Role.ASSISTANT, parts=(ToolCall(id=id_, name="bar", arguments_json="{}"),)
            ),
            Message(
                role=Role.TOOL, parts=(ToolResult(tool_call_id=id_, content=(Text(text="hello"),)),)
            ),
        ),
        tools=tuple(
            Tool(
                name=each["name"],
                description=each.get("description", ""),
                parameters_json_schema=json.dumps(each["parametersJsonSchema"]),
            )
            for each in declarations
        ),
        tool_choice=ToolChoice(mode=ToolMode.REQUIRED, allowed_names=("bar", "final_result")),
    ) == (url, body)


def test_thoughts_are_asked_for() -> None:
    _, body = recorded("stream-tools.1")
    _, asked = ours(
        Delivery.STREAMED,
        model="gemini-2.5-flash",
        messages=(Message(role=Role.USER, parts=(Text(text="Two names for a pet pelican"),)),),
        reasoning=ReasoningConfig(include_content=True),
    )
    assert asked["contents"] == body["contents"]
    assert asked["generationConfig"] == body["generationConfig"]
