"""What others sent to OpenAI, and was accepted, is what we send for the same question."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from domain.model.caching import CacheControl
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text, ToolCall, ToolResult
from domain.model.tools import Tool, ToolChoice, ToolMode
from tests.support.chat_contract import FIXTURES, recorded_body

CODEC = openai_codec(OpenAIConfig())


def user(text: str) -> Message:
    return Message(role=Role.USER, parts=(Text(text=text),))


def called(id_: str, name: str, arguments: str, result: str) -> tuple[Message, Message]:
    call = ToolCall(id=id_, name=name, arguments_json=arguments)
    answer = ToolResult(tool_call_id=id_, content=(Text(text=result),))
    return Message(role=Role.ASSISTANT, parts=(call,)), Message(role=Role.TOOL, parts=(answer,))


CAPITAL: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "tools": (
        Tool(
            name="get_capital",
            parameters_json_schema='{"additionalProperties": false, "properties": {"country": '
            '{"type": "string"}}, "required": ["country"], "type": "object"}',
            strict=True,
        ),
    ),
    "tool_choice": ToolChoice(mode=ToolMode.AUTO),
}
CITY: dict[str, Any] = {
    "model": "gpt-4o",
    "tools": (
        Tool(
            name="get_user_country",
            parameters_json_schema='{"additionalProperties": false, "properties": {}, "type": "object"}',
        ),
        Tool(
            name="final_result",
            description="The final response which ends this conversation",
            parameters_json_schema='{"properties": {"city": {"type": "string"}, "country": '
            '{"type": "string"}}, "required": ["city", "country"], "type": "object"}',
        ),
    ),
    "tool_choice": ToolChoice(mode=ToolMode.REQUIRED),
}
UK = user("What is the capital of the UK? Use the tool, then answer.")
COUNTRY = user("What is the largest city in the user country?")


def cached(body: Any) -> ChatRequest:
    long, short = (part["text"] for part in body["messages"][0]["content"])
    parts = (Text(text=long, cache_control=CacheControl()), Text(text=short))
    return ChatRequest(
        model="gpt-5.6-sol",
        messages=(Message(role=Role.USER, parts=parts),),
        provider_options={
            "openai": {
                "prompt_cache_key": "pydantic-ai-prompt-cache-e2e-chat",
                "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
            }
        },
    )


REQUESTS: dict[str, Callable[[Any], ChatRequest]] = {
    "chat-prompt-cache.1": cached,
    "chat-prompt-cache.2": cached,
    "chat-stream.1": lambda _: ChatRequest(messages=(UK,), **CAPITAL),
    "chat-stream.2": lambda _: ChatRequest(
        messages=(
            UK,
            *called("call_ZR5UUuTt3pf61kjwAJIYdVMj", "get_capital", '{"country":"UK"}', "London"),
        ),
        **CAPITAL,
    ),
    "chat-tools.1": lambda _: ChatRequest(messages=(COUNTRY,), **CITY),
    "chat-tools.2": lambda _: ChatRequest(
        messages=(
            COUNTRY,
            *called("call_iXFttys57ap0o16JSlC8yhYo", "get_user_country", "{}", "Mexico"),
        ),
        **CITY,
    ),
    "max-completion-tokens-o3.1": lambda _: ChatRequest(
        model="o3-mini", messages=(user("hello"),), max_tokens=100
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_question_is_put_the_same_way(name: str) -> None:
    sent = recorded_body(FIXTURES / "openai" / f"{name}.request.json")
    streamed = Delivery.STREAMED if sent.get("stream") else Delivery.WHOLE
    wire = CODEC.encode(ChatCall(request=REQUESTS[name](sent), delivery=streamed))
    ours = json.loads(wire.body)
    for each in [*sent["messages"], *ours["messages"]]:
        if each.get("content") is None:
            # Null and absent are the same beside tool calls.
            each.pop("content", None)
        for call in each.get("tool_calls", ()):
            call["type"] = "function"
    assert ours == sent
    assert wire.path == "/chat/completions"
    assert wire.warnings == ()


def test_what_was_refused_is_put_differently() -> None:
    sent = recorded_body(FIXTURES / "openai" / "error-system-role-o1.1.request.json")
    said = Text(text="You are a helpful assistant.")
    request = ChatRequest(
        model="o1-mini", messages=(Message(role=Role.SYSTEM, parts=(said,)), user("Hello"))
    )
    ours = json.loads(CODEC.encode(ChatCall(request=request, delivery=Delivery.WHOLE)).body)
    assert [each["content"] for each in ours["messages"]] == [
        each["content"] for each in sent["messages"]
    ]
    assert [each["role"] for each in sent["messages"]] == ["system", "user"]
    assert [each["role"] for each in ours["messages"]] == ["user", "user"]
