"""The conversation in Chat Completions' words.

Laws: what cannot be said is refused by its path, but for another provider's thoughts, for which there is
no place and which are not part of what was said. Each tool result becomes a message of its own. A
failed tool's result says so in its text, since there is no field for it.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from adapters.providers.chat_completions.dialect import CachePlace, Speak
from adapters.providers.chat_completions.draft import Draft
from domain.model.caching import CacheControl
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
from domain.model.json_value import Json, JsonObject

FAILED = "Error: "
"""Begins the text of a failed tool's result."""

_AUDIO_FORMATS: Mapping[str, str] = {
    "mpeg": "mp3",
    "x-wav": "wav",
    "wave": "wav",
    "vnd.wave": "wav",
}


def messages(turns: Sequence[Message], draft: Draft) -> list[JsonObject]:
    """Return `turns` as the body's ``messages``."""
    wire: list[JsonObject] = []
    for index, message in enumerate(turns):
        path = f"messages[{index}]"
        if message.role is Role.TOOL:
            wire.extend(_tool_results(message, path, draft))
        else:
            wire.append(_turn(message, path, draft))
    return wire


def _turn(message: Message, path: str, draft: Draft) -> JsonObject:
    role = draft.dialect.roles.get(message.role)
    if role is None:
        draft.refuse(f"{path}.role", f"{draft.dialect.name} knows no role {message.role.value!r}")
    parts: list[dict[str, Json]] = []
    calls: list[JsonObject] = []
    for index, part in enumerate(message.parts):
        at = f"{path}.parts[{index}]"
        if isinstance(part, ToolCall):
            calls.append(_tool_call(part, at, draft))
        else:
            said = _PARTS[type(part)](part, at, draft)
            if said is not None:
                parts.append(said)
    wire: dict[str, Any] = {"role": role}
    if message.name:
        wire["name"] = message.name
    if message.cache_control is not None:
        _mark_last(message.cache_control, parts, path, draft)
    # With calls and nothing said, null is what OpenAI itself says.
    wire["content"] = _content(parts) if parts or not calls else None
    if calls:
        wire["tool_calls"] = calls
    if draft.dialect.thoughts is not None:
        wire.update(_thoughts(draft.dialect.thoughts, message, path, draft))
    return wire


def _thoughts(speak: Speak, message: Message, path: str, draft: Draft) -> Mapping[str, object]:
    """Return the fields that give the provider its own earlier thoughts back."""
    own = {
        f"{path}.parts[{index}]": part
        for index, part in enumerate(message.parts)
        if isinstance(part, Reasoning) and part.provider == draft.dialect.name
    }
    if not own:
        return {}
    try:
        return speak(list(own.values()))
    except ValueError as error:
        draft.refuse(f"{next(iter(own))}.reasoning.signature", str(error))
        return {}


def _tool_results(message: Message, path: str, draft: Draft) -> Iterator[JsonObject]:
    for index, part in enumerate(message.parts):
        at = f"{path}.parts[{index}]"
        if not isinstance(part, ToolResult):
            draft.refuse(at, "a message with role 'tool' holds only tool_result parts")
            continue
        parts = list(_result_parts(part, f"{at}.tool_result", draft))
        if part.cache_control is not None:
            parts = parts or [{"type": "text", "text": ""}]
            parts[-1].update(draft.mark(part.cache_control, f"{at}.cache_control"))
        if message.cache_control is not None and index == len(message.parts) - 1:
            _mark_last(message.cache_control, parts, path, draft)
        yield {
            "role": draft.dialect.roles[Role.TOOL],
            "tool_call_id": draft.dialect.call_id(part.tool_call_id),
            "content": _content(parts),
        }


def _result_parts(result: ToolResult, path: str, draft: Draft) -> Iterator[dict[str, Json]]:
    prefix = FAILED if result.is_error else ""
    for index, part in enumerate(result.content):
        at = f"{path}.content[{index}]"
        if isinstance(part, Text):
            yield {**_text(part, at, draft), "text": prefix + part.text}
            prefix = ""
        else:
            draft.refuse(at, "Chat Completions takes only text in a tool's result")
    if prefix:
        yield {"type": "text", "text": prefix.rstrip(" :")}


def _mark_last(
    control: CacheControl, parts: list[dict[str, Json]], path: str, draft: Draft
) -> None:
    refusal = bool(parts) and parts[-1]["type"] == "refusal"
    place = CachePlace.REFUSAL if refusal else CachePlace.PART
    fields = draft.mark(control, f"{path}.cache_control", place)
    if parts:
        parts[-1].update(fields)
    elif fields:
        draft.lack(f"{path}.cache_control", "stands on a message with no part that could carry it")


def _content(parts: list[dict[str, Json]]) -> Json:
    """Return `parts` as a string where nothing is lost by it, since every server reads that."""
    if not parts:
        return ""
    first = parts[0]
    if len(parts) == 1 and first["type"] == "text" and len(first) == 2:
        return first["text"]
    return parts


def _text(part: Text, path: str, draft: Draft) -> dict[str, Json]:
    wire: dict[str, Json] = {"type": "text", "text": part.text}
    if part.cache_control is not None:
        wire.update(draft.mark(part.cache_control, f"{path}.cache_control"))
    return wire


def _refusal(part: Refusal, path: str, draft: Draft) -> dict[str, Json]:
    kind = draft.dialect.refusal_part
    return {"type": kind, kind: part.text}


def _nothing(part: Reasoning, path: str, draft: Draft) -> None:
    """It has no place here."""


def _misplaced(part: ToolResult, path: str, draft: Draft) -> None:
    draft.refuse(path, "a tool_result belongs into a message with role 'tool'")


def _tool_call(part: ToolCall, path: str, draft: Draft) -> JsonObject:
    return {
        "id": draft.dialect.call_id(part.id),
        "type": "function",
        "function": {"name": part.name, "arguments": part.arguments_json or "{}"},
        **draft.mark(part.cache_control, f"{path}.cache_control", CachePlace.CALL),
    }


def _media(part: Media, path: str, draft: Draft) -> dict[str, Json] | None:
    kind, _, form = part.mime_type.partition("/")
    # Only pictures can be fetched, so an address of unknown kind can only be one.
    if not kind and part.uri is not None:
        kind = "image"
    wire = _MEDIA.get(kind, _file)(part, form)
    if wire is None:
        draft.refuse(f"{path}.media", _MEDIA_LIMITS.get(kind, _FILE_LIMIT))
        return None
    return {**wire, **draft.mark(part.cache_control, f"{path}.cache_control")}


def _image(part: Media, form: str) -> JsonObject | None:
    url = part.uri if part.data is None else _data_uri(part.mime_type, part.data)
    return None if url is None else {"type": "image_url", "image_url": {"url": url}}


def _audio(part: Media, form: str) -> JsonObject | None:
    if part.data is None:
        return None
    return {
        "type": "input_audio",
        "input_audio": {"data": _base64(part.data), "format": _AUDIO_FORMATS.get(form, form)},
    }


def _file(part: Media, form: str) -> JsonObject | None:
    if part.file_id is not None:
        return {"type": "file", "file": {"file_id": part.file_id}}
    if part.data is None:
        return None
    # A name is demanded beside the data; what is after the dot tells the kind.
    name = f"file.{form.rpartition('.')[2]}"
    return {
        "type": "file",
        "file": {"filename": name, "file_data": _data_uri(part.mime_type, part.data)},
    }


def _data_uri(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{_base64(data)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


_MEDIA: Mapping[str, Callable[[Media, str], JsonObject | None]] = {
    "image": _image,
    "audio": _audio,
}
_FILE_LIMIT = "Chat Completions takes a file as data or file_id, not as uri"
_MEDIA_LIMITS: Mapping[str, str] = {
    "image": "Chat Completions takes an image as data or uri, not as file_id",
    "audio": "Chat Completions takes audio as data only",
}
# The keys decide the argument's type, which the type system cannot follow.
_PARTS: Mapping[type[ContentPart], Callable[[Any, str, Draft], dict[str, Json] | None]] = {
    Text: _text,
    Media: _media,
    Refusal: _refusal,
    Reasoning: _nothing,
    ToolResult: _misplaced,
}
