"""Short ways to ask Gemini's codec for a request."""

from typing import Any

import orjson
import pytest

from adapters.providers.gemini.codec import GeminiCodec
from adapters.wire.codec import WireRequest
from domain.model.call import ChatCall, Delivery
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
from domain.model.tools import Tool

CODEC = GeminiCodec()
OLD, THIRD, NEWEST = "gemini-2.5-flash", "gemini-3.5-flash", "gemini-3.8-flash"
WEATHER = Tool(name="weather", parameters_json_schema='{"type": "object"}')


def user(*parts: ContentPart | str) -> Message:
    return Message(role=Role.USER, parts=parts_of(*parts))


def model(*parts: ContentPart | str) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts_of(*parts))


def system(*parts: ContentPart | str) -> Message:
    return Message(role=Role.SYSTEM, parts=parts_of(*parts))


def tool(*results: ToolResult) -> Message:
    return Message(role=Role.TOOL, parts=results)


def parts_of(*parts: ContentPart | str) -> tuple[ContentPart, ...]:
    return tuple(Text(text=part) if isinstance(part, str) else part for part in parts)


def called(id_: str = "c1", name: str = "weather", **fields: Any) -> ToolCall:
    given: dict[str, Any] = {"arguments_json": "{}", **fields}
    return ToolCall(id=id_, name=name, **given)


def gave(id_: str = "c1", *content: ContentPart | str, **fields: Any) -> ToolResult:
    return ToolResult(tool_call_id=id_, content=parts_of(*content), **fields)


def call(*messages: Message, delivery: Delivery = Delivery.STREAMED, **fields: Any) -> ChatCall:
    asked: dict[str, Any] = {"model": NEWEST, "messages": messages or (user("hello"),), **fields}
    request = ChatRequest(**asked)
    return ChatCall(request=request, delivery=delivery, request_id="call-1")


def encoded(*messages: Message, codec: GeminiCodec = CODEC, **fields: Any) -> WireRequest:
    return codec.encode(call(*messages, **fields))


def body(*messages: Message, **fields: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = orjson.loads(encoded(*messages, **fields).body)
    return decoded


def contents(*messages: Message, **fields: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(*messages, **fields)["contents"]
    return found


def refusals(*messages: Message, **fields: Any) -> dict[str, str]:
    """Return what is wrong, by path."""
    with pytest.raises(InvalidRequest) as caught:
        encoded(*messages, **fields)
    return {each.field: each.description for each in caught.value.violations}


def warnings(*messages: Message, **fields: Any) -> list[str]:
    """Return what is said about what was dropped."""
    asked = encoded(*messages, unsupported_params=UnsupportedParams.WARN_AND_DROP, **fields)
    assert {warning.code for warning in asked.warnings} == {"PARAM_DROPPED"}
    return [warning.message for warning in asked.warnings]
