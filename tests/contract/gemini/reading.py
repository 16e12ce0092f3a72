"""Plays bytes to the Gemini codec and says in plain words what came out."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from adapters.providers.gemini.calls import MADE_UP
from adapters.providers.gemini.codec import GeminiCodec
from adapters.wire.codec import ResponseHead
from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, ContentPart, Message, Reasoning, Role, Text, ToolCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, TextDelta, UsageReported
from domain.model.response import ChatResponse
from domain.model.usage import NO_USAGE, Usage

HERE = Path(__file__).parent
SHARED = HERE.parents[3] / "shared"
RECORDED = SHARED / "fixtures" / "gemini"
CODEC = GeminiCodec()
OK = ResponseHead(200, {})


def call(**fields: Any) -> ChatCall:
    """Return a call that asks a plain question, but for `fields`."""
    asked: dict[str, Any] = {
        "model": "gemini-3.8-flash",
        "messages": (Message(role=Role.USER, parts=(Text(text="hello"),)),),
        **fields,
    }
    return ChatCall(request=ChatRequest(**asked), request_id="call-1")


def outcome(
    pieces: Iterable[bytes], head: ResponseHead = OK, asked: ChatCall | None = None
) -> tuple[list[ChatEvent], ChatError | None]:
    """Return the events of a stream that comes in `pieces`, and what ended it badly."""
    decoder = CODEC.decoder(asked or call(), head)
    events: list[ChatEvent] = []
    try:
        for piece in pieces:
            for event in decoder.feed(piece):
                events.append(event)  # noqa: PERF402  an error must not lose what came before
        for event in decoder.end():
            events.append(event)  # noqa: PERF402  the same
    except ChatError as error:
        return events, error
    return events, None


def play(*pieces: bytes, asked: ChatCall | None = None) -> list[ChatEvent]:
    """Return all events of a stream that comes in `pieces` and ends well."""
    events, error = outcome(pieces, asked=asked)
    if error is not None:
        raise error
    return events


def frames(*chunks: Mapping[str, Any]) -> bytes:
    """Return `chunks` as the server would send them."""
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(chunk).encode() for chunk in chunks)


def said(*parts: Mapping[str, Any], **candidate: Any) -> dict[str, Any]:
    """Return a response that holds `parts`."""
    content = {"content": {"parts": list(parts), "role": "model"}} if parts else {}
    return {"candidates": [{**content, **candidate}], "responseId": "r1"}


def described(response: ChatResponse) -> dict[str, Any]:
    """Return `response` in the words of the expectation files."""
    return {
        "id": response.id,
        "model": response.model,
        "parts": [_part(part) for part in response.message.parts],
        "finish": response.finish_reason.value,
        "native": response.native_finish_reason,
        "usage": counted(response.usage),
        "warnings": [warning.code for warning in response.warnings],
    }


def told(error: ChatError) -> dict[str, Any]:
    """Return `error` in the words of the expectation files."""
    return {
        "raises": error.reason.name,
        "retryable": error.retryable,
        "retry_after_s": error.retry_after_s,
        "message": error.message,
        "status": error.upstream_status,
    }


def told_after(events: Iterable[ChatEvent]) -> dict[str, Any]:
    """Return what had been said before an error, in the words of the expectation files."""
    events = list(events)
    usages = [event.usage for event in events if isinstance(event, UsageReported)]
    return {
        "after": [event.text for event in events if isinstance(event, TextDelta)],
        "usage": counted(usages[-1] if usages else NO_USAGE),
    }


def counted(usage: Usage) -> dict[str, int | None] | None:
    """Return `usage` in the words of the expectation files."""
    if usage.source is None:
        return None
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read": usage.cache_read_tokens,
        "reasoning": usage.reasoning_tokens,
    }


def _part(part: ContentPart) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": part.text}
        case Reasoning():
            return {"reasoning": part.text, "provider": part.provider, **_sign(part.signature)}
        case ToolCall():
            id_ = "made up" if part.id.startswith(MADE_UP) else part.id
            described: dict[str, Any] = {
                "tool_call": part.name,
                "arguments": part.arguments_json,
                "id": id_,
            }
            return described | _sign(part.signature)
        case _:
            raise AssertionError(part)


def _sign(signature: bytes) -> dict[str, Any]:
    if len(signature) < 16:
        return {"signature": signature.hex()} if signature else {}
    digest = hashlib.sha256(signature).hexdigest()[:16]
    return {"signature": {"bytes": len(signature), "sha256": digest}}
