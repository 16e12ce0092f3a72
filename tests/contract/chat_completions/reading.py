"""Plays bytes to the Chat Completions codec and says in plain words what came out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from adapters.wire.codec import ResponseHead
from domain.model.chat import ContentPart, Reasoning, Refusal, Text, ToolCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, TextDelta
from domain.model.response import fold
from domain.model.usage import Usage
from tests.support.http_calls import CODEC, HEAD, call

HERE = Path(__file__).parent
TRANSCRIPTS = HERE / "transcripts"
SHARED = HERE.parents[3] / "shared"


def outcome(pieces: Iterable[bytes]) -> tuple[list[ChatEvent], ChatError | None]:
    """Return the events of a stream that comes in `pieces`, and what ended them badly."""
    decoder = CODEC.decoder(call(), HEAD)
    events: list[ChatEvent] = []
    try:
        for piece in pieces:
            for event in decoder.feed(piece):
                events.append(event)  # noqa: PERF402  an error must not lose what came before
        events += decoder.end()
    except ChatError as error:
        return events, error
    return events, None


def described(events: Sequence[ChatEvent]) -> dict[str, Any]:
    """Return the answer that `events` make in the words of the expectation files."""
    response = fold(events)
    return {
        "id": response.id,
        "model": response.model,
        "parts": [_part(part) for part in response.message.parts],
        "finish": response.finish_reason.value,
        "native": response.native_finish_reason,
        "usage": _usage(response.usage),
    }


def told(error: ChatError, events: Sequence[ChatEvent]) -> dict[str, Any]:
    """Return a stream's bad end in the words of the expectation files."""
    return {
        "raises": error.reason.name,
        "retryable": error.retryable,
        "after": [event.text for event in events if isinstance(event, TextDelta)],
    }


def refused(status: int, body: bytes) -> dict[str, Any]:
    """Return what an error status means in the words of the expectation files."""
    error = CODEC.failure(call(), ResponseHead(status, {}), body)
    return {
        "status": error.upstream_status,
        "raises": error.reason.name,
        "retryable": error.retryable,
        "message": error.message,
    }


def _part(part: ContentPart) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": part.text}
        case Refusal():
            return {"refusal": part.text}
        case Reasoning():
            return {"reasoning": part.text}
        case ToolCall():
            return {"tool_call": part.name, "id": part.id, "arguments": part.arguments_json}
        case _:
            raise AssertionError(part)


def _usage(usage: Usage) -> dict[str, int | None]:
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
    }
