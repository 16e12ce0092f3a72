"""The conversation in Gemini's words.

Laws: turns alternate, so neighbours of one role become one turn; results come first in theirs. Leading
system messages are the system instruction. A later one keeps its place, as text of the user's turn:
moved to the front it would mean something else, and spoil the cached prefix. Parts that say nothing are
left out, and so are other providers' thoughts, and Gemini's own unless they are signed: a summary means
nothing to it.

A signature on text travels as an empty `Reasoning` part right before the `Text` that it signs; where no
text follows in that message, it signs an empty text part.

Source: https://ai.google.dev/api/generate-content#v1beta.Content
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeGuard

import attrs

from adapters.providers.gemini.calls import Placed, function_call, function_responses
from adapters.providers.gemini.draft import Draft
from adapters.providers.gemini.media import base64_of, media
from domain.model.chat import (
    ContentPart,
    Media,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.json_value import JsonObject

_INSTRUCTING = frozenset({Role.SYSTEM, Role.DEVELOPER})
_MODEL, _USER = "model", "user"


@attrs.define
class _Turn:
    """One content while it is gathered."""

    role: str
    parts: list[JsonObject] = attrs.field(factory=list)
    calls: list[Placed] = attrs.field(factory=list)
    results: list[Placed] = attrs.field(factory=list)


def contents(
    messages: Sequence[Message], draft: Draft
) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return the system instruction's parts, and the conversation."""
    leading = len(list(takewhile(lambda message: message.role in _INSTRUCTING, messages)))
    system: list[JsonObject] = []
    turns: list[_Turn] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        if message.name and message.role is not Role.TOOL:
            draft.lack(f"{path}.name", "cannot be said to Gemini, which names no participants")
        if index < leading:
            system += _instruction(message, path, draft)
        else:
            _add(message, path, turns, draft)
    return system, _wire(turns, draft)


def _instruction(message: Message, path: str, draft: Draft) -> Iterator[JsonObject]:
    for index, part in enumerate(message.parts):
        if not isinstance(part, Text):
            draft.refuse(f"{path}.parts[{index}]", "Gemini takes only text in a system message")
        elif part.text:
            yield {"text": part.text}


def _add(message: Message, path: str, turns: list[_Turn], draft: Draft) -> None:
    role = _MODEL if message.role is Role.ASSISTANT else _USER
    turn = turns[-1] if turns and turns[-1].role == role else _Turn(role)
    if message.role in _INSTRUCTING:
        turn.parts += _instruction(message, path, draft)
    else:
        _speak(message, path, turn, draft)
    if (turn.parts or turn.results) and (not turns or turns[-1] is not turn):
        turns.append(turn)


def _speak(message: Message, path: str, turn: _Turn, draft: Draft) -> None:
    signature = b""
    for index, part in enumerate(message.parts):
        at = f"{path}.parts[{index}]"
        if signature and not (isinstance(part, Text) and part.text):
            turn.parts.append(_signed({"text": ""}, signature))
            signature = b""
        if _signs_text(part, turn, draft):
            signature = part.signature
            continue
        wire = _PARTS[type(part)](part, at, turn, draft)
        if wire is not None:
            turn.parts.append(_signed(wire, signature))
            signature = b""
    if signature:
        turn.parts.append(_signed({"text": ""}, signature))


def _signs_text(part: ContentPart, turn: _Turn, draft: Draft) -> TypeGuard[Reasoning]:
    if not isinstance(part, Reasoning) or turn.role != _MODEL:
        return False
    return part.provider == draft.name and not part.text


def _signed(part: JsonObject, signature: bytes) -> JsonObject:
    return {**part, "thoughtSignature": base64_of(signature)} if signature else part


def _text(part: Text | Refusal, path: str, turn: _Turn, draft: Draft) -> JsonObject | None:
    return {"text": part.text} if part.text else None


def _media(part: Media, path: str, turn: _Turn, draft: Draft) -> JsonObject | None:
    return media(part, path, draft)


def _reasoning(part: Reasoning, path: str, turn: _Turn, draft: Draft) -> JsonObject | None:
    if turn.role != _MODEL:
        draft.refuse(path, "a reasoning part belongs into a message with role 'assistant'")
        return None
    if part.provider != draft.name or not part.signature:
        return None
    return _signed({"text": part.text, "thought": True}, part.signature)


def _call(part: ToolCall, path: str, turn: _Turn, draft: Draft) -> JsonObject | None:
    if turn.role != _MODEL:
        draft.refuse(path, "a tool_call belongs into a message with role 'assistant'")
        return None
    wire = function_call(part, path, not turn.calls, draft)
    turn.calls.append(Placed(part, path))
    return wire


def _result(part: ToolResult, path: str, turn: _Turn, draft: Draft) -> JsonObject | None:
    if turn.role != _USER:
        draft.refuse(path, "a tool_result belongs into a message with role 'tool'")
    else:
        turn.results.append(Placed(part, path))
    return None


# The keys decide the argument's type, which the type system cannot follow.
_PARTS: Mapping[type[ContentPart], Any] = {
    Text: _text,
    Refusal: _text,
    Media: _media,
    Reasoning: _reasoning,
    ToolCall: _call,
    ToolResult: _result,
}


def _wire(turns: Sequence[_Turn], draft: Draft) -> list[JsonObject]:
    if not turns:
        # What was refused above would have been something.
        if not draft.violations:
            draft.refuse("messages", "hold nothing that Gemini could answer: add a user message")
        return []
    wire: list[JsonObject] = []
    calls: Sequence[Placed] = ()
    for turn in turns:
        if turn.role == _USER:
            parts = [*function_responses(calls, turn.results, draft), *turn.parts]
        else:
            parts = turn.parts
        calls = turn.calls
        wire.append({"role": turn.role, "parts": parts})
    # Calls of a last turn have nothing after them that could answer.
    list(function_responses(calls, (), draft))
    if turns[-1].role == _MODEL and not calls and not draft.facts.continues:
        draft.refuse(
            "messages",
            f"end with the assistant's turn, which {draft.model} does not go on with: add a user message",
        )
    return wire
