"""Parts of messages as content blocks.

Laws: text without a visible character is never sent, since the API refuses it; thoughts go back only to
whoever thought them, with the proof they came with, and are otherwise left out; a breakpoint inside a tool's
result stands on the result, because only whole blocks of a message can be cached.

Source: https://platform.claude.com/docs/en/api/messages
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adapters.providers.anthropic.draft import Block, Draft, Mark
from adapters.providers.anthropic.media import media_fields
from domain.model.caching import CacheControl
from domain.model.chat import (
    ContentPart,
    Media,
    Message,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)

DEFAULT_TTL_S = 300.0
_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_FAILED: list[dict[str, Any]] = [{"type": "text", "text": "Error"}]
"""Stands for a failed tool that said nothing: the API wants words with a failure."""


def blocks(message: Message, role: str, path: str, draft: Draft) -> list[Block]:
    """Return `message` as the blocks of a turn of `role`."""
    if message.name:
        draft.lack(
            f"{path}.name", "cannot be said to Anthropic, which knows no participants' names"
        )
    found: list[Block] = []
    for index, part in enumerate(message.parts):
        at = f"{path}.parts[{index}]"
        if role in _HOMES[type(part)]:
            found.extend(_RULES[type(part)](part, at, draft))
        else:
            draft.refuse(at, f"a {role} message cannot hold a {type(part).__name__} part")
    if message.cache_control is not None:
        _mark_message(found, mark(message.cache_control, path), draft)
    return found


def mark(control: CacheControl | None, path: str) -> Mark | None:
    """Return the breakpoint that `control` on the thing at `path` asks for."""
    return None if control is None else Mark(control.ttl_s, f"{path}.cache_control")


def seconds(wanted: Mark) -> float:
    """Return how long `wanted` keeps a prefix."""
    return DEFAULT_TTL_S if wanted.ttl_s is None else wanted.ttl_s


def tool_id(given: str) -> str:
    """Return `given`, a call's id, as the API can read it; the same for the call and its result."""
    if _ID.fullmatch(given):
        return given
    return "call_" + hashlib.sha256(given.encode()).hexdigest()[:24]


def _mark_message(found: list[Block], wanted: Mark | None, draft: Draft) -> None:
    assert wanted is not None
    last = next((block for block in reversed(found) if block.cacheable), None)
    if last is None:
        draft.lack(wanted.path, "stands on a message with nothing that can be cached")
    else:
        last.mark = _both(last.mark, wanted, draft)


def _both(first: Mark | None, second: Mark | None, draft: Draft) -> Mark | None:
    """Return the one breakpoint that two on the same block make."""
    if first is not None and second is not None and seconds(first) != seconds(second):
        draft.refuse(second.path, f"says another ttl than {first.path} on the same block")
    return first or second


def _text(part: Text, path: str, draft: Draft) -> Iterator[Block]:
    wanted = mark(part.cache_control, path)
    if part.text and not part.text.isspace():
        yield Block({"type": "text", "text": part.text}, path, wanted)
    elif wanted is not None:
        draft.lack(wanted.path, "stands on empty text, which cannot be cached")


def _refusal(part: Refusal, path: str, draft: Draft) -> Iterator[Block]:
    return _text(Text(text=part.text), path, draft)


def _media(part: Media, path: str, draft: Draft) -> Iterator[Block]:
    fields = media_fields(part, f"{path}.media", draft)
    if fields is not None:
        yield Block(fields, path, mark(part.cache_control, path))


def _reasoning(part: Reasoning, path: str, draft: Draft) -> Iterator[Block]:
    if part.provider != draft.provider or not part.signature:
        return
    try:
        proof = part.signature.decode("ascii")
    except UnicodeDecodeError:
        draft.refuse(f"{path}.reasoning.signature", "is not what Anthropic gave: send it unchanged")
        return
    if part.redacted:
        yield Block({"type": "redacted_thinking", "data": proof}, path)
    else:
        yield Block({"type": "thinking", "thinking": part.text, "signature": proof}, path)


def _tool_call(part: ToolCall, path: str, draft: Draft) -> Iterator[Block]:
    arguments = draft.json_object(part.arguments_json or "{}", f"{path}.tool_call.arguments_json")
    fields = {
        "type": "tool_use",
        "id": tool_id(part.id),
        "name": part.name,
        "input": arguments,
    }
    yield Block(fields, path, mark(part.cache_control, path))


def _tool_result(part: ToolResult, path: str, draft: Draft) -> Iterator[Block]:
    inner: list[Block] = []
    for index, piece in enumerate(part.content):
        at = f"{path}.tool_result.content[{index}]"
        if isinstance(piece, Text | Media):
            inner.extend(_RULES[type(piece)](piece, at, draft))
        else:
            draft.refuse(at, "a tool's result holds text and media only")
    content = [block.fields for block in inner]
    fields: dict[str, Any] = {"type": "tool_result", "tool_use_id": tool_id(part.tool_call_id)}
    if content or part.is_error:
        fields["content"] = content or _FAILED
    if part.is_error:
        fields["is_error"] = True
    wanted = mark(part.cache_control, path)
    for block in inner:
        wanted = _both(wanted, block.mark, draft)
    yield Block(fields, path, wanted)


_HOMES: Mapping[type[ContentPart], frozenset[str]] = {
    Text: frozenset({"system", "user", "assistant"}),
    Refusal: frozenset({"user", "assistant"}),
    Media: frozenset({"user"}),
    ToolResult: frozenset({"user"}),
    ToolCall: frozenset({"assistant"}),
    Reasoning: frozenset({"assistant"}),
}
# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type[ContentPart], Callable[[Any, str, Draft], Iterator[Block]]] = {
    Text: _text,
    Refusal: _refusal,
    Media: _media,
    ToolResult: _tool_result,
    ToolCall: _tool_call,
    Reasoning: _reasoning,
}
