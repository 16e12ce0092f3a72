"""Which media of a request have to be fetched, because the provider does not fetch them by itself."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import attrs

from domain.model.chat import ChatRequest, ContentPart, Media, ToolResult

Fetches: TypeAlias = Mapping[str, tuple[str, ...]]
"""Beginnings of media types -> beginnings of the addresses that a provider fetches of these."""

_DATA = "data:"


def to_fetch(request: ChatRequest, fetches: Fetches) -> dict[str, Media]:
    """Return the media that the provider can only be given as data, by path."""
    return {
        f"{path}.media": part
        for index, message in enumerate(request.messages)
        for path, part in _media(message.parts, f"messages[{index}].parts")
        if part.uri is not None and _is_ours(part.uri, part.mime_type, fetches)
    }


def with_data(request: ChatRequest, fetched: Mapping[str, Media]) -> ChatRequest:
    """Return `request` with `fetched`, by path, in the place of what is there."""
    return attrs.evolve(
        request,
        messages=tuple(
            attrs.evolve(
                message, parts=_replaced(message.parts, f"messages[{index}].parts", fetched)
            )
            for index, message in enumerate(request.messages)
        ),
    )


def _is_ours(uri: str, mime_type: str, fetches: Fetches) -> bool:
    # Whatever else it is, a file's name among them, is for us to refuse: some servers would read it.
    if uri[: len(_DATA)].lower() == _DATA:
        return False
    kind = mime_type.lower()
    return not any(
        kind.startswith(beginning) and uri.startswith(addresses)
        for beginning, addresses in fetches.items()
    )


def _media(parts: tuple[ContentPart, ...], path: str) -> Iterator[tuple[str, Media]]:
    for index, part in enumerate(parts):
        if isinstance(part, Media):
            yield f"{path}[{index}]", part
        elif isinstance(part, ToolResult):
            yield from _media(part.content, f"{path}[{index}].tool_result.content")


def _replaced(
    parts: tuple[ContentPart, ...], path: str, fetched: Mapping[str, Media]
) -> tuple[ContentPart, ...]:
    return tuple(
        attrs.evolve(
            part,
            content=_replaced(part.content, f"{path}[{index}].tool_result.content", fetched),
        )
        if isinstance(part, ToolResult)
        else fetched.get(f"{path}[{index}].media", part)
        for index, part in enumerate(parts)
    )
