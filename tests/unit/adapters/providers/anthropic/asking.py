"""Requests and what becomes of them, in few words."""

import json
from typing import Any

import pytest

from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.wire.codec import WireRequest
from domain.model.caching import CacheControl
from domain.model.call import ChatCall
from domain.model.chat import (
    ChatRequest,
    ContentPart,
    Message,
    Role,
    Text,
    ToolCall,
    ToolResult,
    UnsupportedParams,
)
from domain.model.errors import InvalidRequest

NEW = "claude-opus-5-5"
"""Always thinks, takes system messages anywhere, no sampling, no prefill."""
OLD = "claude-sonnet-4-5"
"""Thinks with a budget, samples, goes on from its own words."""
CODEC = AnthropicCodec()
FIVE, HOUR = CacheControl(300), CacheControl(3600)


def turn(role: Role, *parts: ContentPart | str, **fields: Any) -> Message:
    return Message(
        role=role,
        parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts),
        **fields,
    )


def user(*parts: ContentPart | str, **fields: Any) -> Message:
    return turn(Role.USER, *parts, **fields)


def system(*parts: ContentPart | str, **fields: Any) -> Message:
    return turn(Role.SYSTEM, *parts, **fields)


def assistant(*parts: ContentPart | str, **fields: Any) -> Message:
    return turn(Role.ASSISTANT, *parts, **fields)


def tool_use(id_: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(id=id_, name="f", arguments_json=arguments)


def result(id_: str, *content: str) -> Message:
    pieces = tuple(Text(text=text) for text in content)
    return turn(Role.TOOL, ToolResult(tool_call_id=id_, content=pieces))


def request(*messages: Message, **fields: Any) -> ChatRequest:
    asked: dict[str, Any] = {"model": NEW, "messages": messages or (user("hello"),), **fields}
    return ChatRequest(**asked)


def encoded(*messages: Message, codec: AnthropicCodec = CODEC, **fields: Any) -> WireRequest:
    return codec.encode(ChatCall(request=request(*messages, **fields)))


def body(*messages: Message, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encoded(*messages, **fields).body)
    return found


def refused(*messages: Message, **fields: Any) -> dict[str, str]:
    """Return what is wrong, by its path."""
    with pytest.raises(InvalidRequest) as caught:
        encoded(*messages, **fields)
    return {each.field: each.description for each in caught.value.violations}


def warned(*messages: Message, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the body, and the warnings' codes with the fields they are about."""
    fields.setdefault("unsupported_params", UnsupportedParams.WARN_AND_DROP)
    wire = encoded(*messages, **fields)
    about = [(warning.code, warning.message.partition(" ")[0]) for warning in wire.warnings]
    return json.loads(wire.body), about
