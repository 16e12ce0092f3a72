"""What others sent to OpenRouter, and was accepted, is what we send for the same question."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from domain.model.caching import CacheControl
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.json_value import JsonObject
from domain.model.tools import Tool, ToolChoice
from tests.support.chat_contract import FIXTURES, recorded_body

CODEC = openrouter_codec(OpenRouterConfig())
ROLES = {role.value: role for role in Role}


def plain(body: Any) -> ChatRequest:
    """Return the question of a recording that asks for text only."""
    return ChatRequest(
        model=body["model"],
        messages=tuple(
            Message(role=ROLES[each["role"]], parts=_parts(each["content"]))
            for each in body["messages"]
        ),
        max_tokens=body.get("max_completion_tokens"),
    )


def _parts(content: Any) -> tuple[Text, ...]:
    if isinstance(content, str):
        return (Text(text=content),)
    # All marks in the recordings are kept for five minutes.
    return tuple(Text(text=part["text"], cache_control=CacheControl(ttl_s=300)) for part in content)


def routed(body: Any) -> ChatRequest:
    routing: JsonObject = {"provider": {"allow_fallbacks": False, "order": ["anthropic"]}}
    asked = plain(body)
    return ChatRequest(
        model=asked.model,
        messages=asked.messages,
        max_tokens=asked.max_tokens,
        provider_options={"openrouter": routing},
    )


def dividing(body: Any) -> ChatRequest:
    function = body["tools"][0]["function"]
    return ChatRequest(
        model=body["model"],
        messages=(Message(role=Role.USER, parts=(Text(text="What is 123 / 456?"),)),),
        tools=(
            Tool(
                name="divide",
                description="Divide two numbers.",
                parameters_json_schema=json.dumps(function["parameters"]),
            ),
        ),
        tool_choice=ToolChoice(),
    )


REQUESTS: dict[str, Callable[[Any], ChatRequest]] = {
    "cache-anthropic.1": routed,
    "cache-anthropic.2": routed,
    "errors-raised.1": plain,
    "stream-midstream-error.1": plain,
    "stream-reasoning.1": plain,
    "tool-calling.1": dividing,
    "usage-cost.1": plain,
    "usage-cost.2": plain,
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_question_is_put_the_same_way(name: str) -> None:
    sent = recorded_body(FIXTURES / "openrouter" / f"{name}.request.json")
    # Both ask for usage, which is always told: they are deprecated and without effect.
    for without_effect in ("stream_options", "usage"):
        sent.pop(without_effect, None)
    streamed = Delivery.STREAMED if sent.get("stream") else Delivery.WHOLE
    wire = CODEC.encode(ChatCall(request=REQUESTS[name](sent), delivery=streamed))
    assert json.loads(wire.body) == sent
    assert (wire.path, wire.warnings) == ("/chat/completions", ())
