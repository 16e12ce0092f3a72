"""Plays bytes to the Anthropic codec and says in plain words what came out."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.wire.codec import ResponseHead
from domain.model.call import ChatCall
from domain.model.chat import (
    ChatRequest,
    ContentPart,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
)
from domain.model.events import ChatEvent
from domain.model.response import ChatResponse
from domain.model.usage import Usage

HERE = Path(__file__).parent
SHARED = HERE.parents[3] / "shared"
CODEC = AnthropicCodec()
OK = ResponseHead(200, {"request-id": "req_1"})


def call(**fields: Any) -> ChatCall:
    """Return a call that asks a plain question, but for `fields`."""
    asked: dict[str, Any] = {
        "model": "claude-opus-5-5",
        "messages": (Message(role=Role.USER, parts=(Text(text="hello"),)),),
        **fields,
    }
    return ChatCall(request=ChatRequest(**asked))


def play(
    pieces: Iterable[bytes],
    asked: ChatCall | None = None,
    head: ResponseHead = OK,
    codec: AnthropicCodec = CODEC,
) -> list[ChatEvent]:
    """Return all events of a stream that comes in `pieces`."""
    decoder = codec.decoder(asked or call(), head)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.end()]


def frames(*events: Mapping[str, Any]) -> bytes:
    """Return `events` as the server would send them."""
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events
    )


def described(response: ChatResponse, request_id: str) -> dict[str, Any]:
    """Return `response` in the words of the expectation files."""
    return {
        "id": response.id,
        "model": response.model,
        "request_id": request_id,
        "parts": [_part(part) for part in response.message.parts],
        "finish": response.finish_reason.value,
        "native": response.native_finish_reason,
        "usage": _usage(response.usage),
        "warnings": [warning.code for warning in response.warnings],
    }


def _part(part: ContentPart) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": said(part.text)}
        case Refusal():
            return {"refusal": said(part.text)}
        case Reasoning():
            found: dict[str, Any] = {
                "reasoning": said(part.text),
                "signature": said(part.signature.decode()),
                "provider": part.provider,
            }
            return found | ({"redacted": True} if part.redacted else {})
        case ToolCall():
            return {"tool_call": part.name, "id": part.id, "arguments": part.arguments_json}
        case _:
            raise AssertionError(part)


def said(text: str) -> Any:
    """Return `text`, or what tells it from others where it is long and somebody else's."""
    if len(text) <= 60:
        return text
    return {
        "begins": text[:20],
        "characters": len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def _usage(usage: Usage) -> dict[str, int | None]:
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
        "cache_write_5m": usage.cache_write_5m_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "reasoning": usage.reasoning_tokens,
    }
