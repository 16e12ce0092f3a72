"""Messages and their parts, both ways."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

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
from domain.model.errors import FieldViolation
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.caching import cache_of, cache_pb

_UNMARKED = (Reasoning, Refusal)
"""Parts that carry no breakpoint."""
_ROLES: Mapping[str, Role] = {role.value: role for role in Role}


def message_of(message: pb.ChatMessage, path: str, wrong: list[FieldViolation]) -> Message:
    """Return `message`; what cannot be understood is added to `wrong` under `path`."""
    role = _ROLES.get(message.role)
    if role is None:
        wrong.append(
            FieldViolation(
                f"{path}.role", f"{message.role!r} is not a role; use one of: {', '.join(_ROLES)}"
            )
        )
        role = Role.USER
    if message.content and message.parts:
        wrong.append(FieldViolation(f"{path}.content", "is set beside parts: set one of them"))
    if message.content:
        parts: tuple[ContentPart, ...] = (Text(text=message.content),)
    else:
        parts = tuple(
            _part_of(part, f"{path}.parts[{index}]", wrong)
            for index, part in enumerate(message.parts)
        )
    return Message(
        role=role,
        parts=parts,
        name=message.name,
        cache_control=_cache_of(message, path, wrong)
        if message.HasField("cache_control")
        else None,
    )


def _cache_of(
    marked: pb.ChatMessage | pb.ContentPart, path: str, wrong: list[FieldViolation]
) -> CacheControl | None:
    if not marked.HasField("cache_control"):
        return None
    return cache_of(marked.cache_control, f"{path}.cache_control", wrong)


def _part_of(part: pb.ContentPart, path: str, wrong: list[FieldViolation]) -> ContentPart:
    kind = part.WhichOneof("part")
    if kind is None:
        wrong.append(
            FieldViolation(
                path, "is empty: set one of text, media, tool_call, tool_result, reasoning, refusal"
            )
        )
        return Text(text="")
    found = _READERS[kind](part, path, wrong)
    cache_control = _cache_of(part, path, wrong)
    if cache_control is None:
        return found
    if isinstance(found, _UNMARKED):
        wrong.append(
            FieldViolation(f"{path}.cache_control", f"a {kind} part cannot carry a breakpoint")
        )
        return found
    return attrs.evolve(found, cache_control=cache_control)


def _tool_result_of(part: pb.ContentPart, path: str, wrong: list[FieldViolation]) -> ToolResult:
    result = part.tool_result
    return ToolResult(
        tool_call_id=result.tool_call_id,
        content=tuple(
            _part_of(each, f"{path}.tool_result.content[{index}]", wrong)
            for index, each in enumerate(result.content)
        ),
        is_error=result.is_error,
        name=result.name,
    )


def _media_of(media: pb.Media) -> Media:
    source = media.WhichOneof("source")
    return Media(mime_type=media.mime_type, **({source: getattr(media, source)} if source else {}))


_Reader = Callable[[pb.ContentPart, str, list[FieldViolation]], ContentPart]
_READERS: Mapping[str, _Reader] = {
    "text": lambda part, path, wrong: Text(text=part.text),
    "media": lambda part, path, wrong: _media_of(part.media),
    "tool_call": lambda part, path, wrong: ToolCall(
        id=part.tool_call.id,
        name=part.tool_call.name,
        arguments_json=part.tool_call.arguments_json,
        signature=part.tool_call.signature,
    ),
    "tool_result": _tool_result_of,
    "reasoning": lambda part, path, wrong: Reasoning(
        text=part.reasoning.text,
        signature=part.reasoning.signature,
        redacted=part.reasoning.redacted,
        provider=part.reasoning.provider,
    ),
    "refusal": lambda part, path, wrong: Refusal(text=part.refusal),
}


def message_pb(message: Message) -> pb.ChatMessage:
    """Return `message` for the wire, always as parts."""
    return pb.ChatMessage(
        role=message.role,
        parts=map(part_pb, message.parts),
        name=message.name,
        cache_control=cache_pb(message.cache_control) if message.cache_control else None,
    )


def part_pb(part: ContentPart) -> pb.ContentPart:
    """Return `part` for the wire."""
    written = _WRITERS[type(part)](part)
    if not isinstance(part, _UNMARKED) and part.cache_control is not None:
        written.cache_control.CopyFrom(cache_pb(part.cache_control))
    return written


def _tool_result_pb(part: ToolResult) -> pb.ContentPart:
    return pb.ContentPart(
        tool_result=pb.ToolResult(
            tool_call_id=part.tool_call_id,
            content=map(part_pb, part.content),
            is_error=part.is_error,
            name=part.name,
        )
    )


# The keys decide the argument's type, which the type system cannot follow.
_WRITERS: Mapping[type, Callable[[Any], pb.ContentPart]] = {
    Text: lambda part: pb.ContentPart(text=part.text),
    Media: lambda part: pb.ContentPart(
        media=pb.Media(mime_type=part.mime_type, data=part.data, uri=part.uri, file_id=part.file_id)
    ),
    ToolCall: lambda part: pb.ContentPart(
        tool_call=pb.ToolCall(
            id=part.id, name=part.name, arguments_json=part.arguments_json, signature=part.signature
        )
    ),
    ToolResult: _tool_result_pb,
    Reasoning: lambda part: pb.ContentPart(
        reasoning=pb.ReasoningPart(
            text=part.text, signature=part.signature, redacted=part.redacted, provider=part.provider
        )
    ),
    Refusal: lambda part: pb.ContentPart(refusal=part.text),
}
