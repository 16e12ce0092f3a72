"""Which media of a request have to be fetched, because the provider does not fetch them by itself."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import attrs

from domain.model.chat import ChatRequest, ContentPart, Media, Text, ToolResult

Fetches: TypeAlias = Mapping[str, tuple[str, ...]]
"""Beginnings of media types -> beginnings of the addresses that a provider fetches of these."""

_DATA = "data:"


def to_fetch(request: ChatRequest, fetches: Fetches) -> dict[str, Media]:
    """Return the media that the provider can only be given as data, by path."""
    found: dict[str, Media] = {}
    for index, message in enumerate(request.messages):
        for place, part in enumerate(message.parts):
            if type(part) is Text:
                continue
            for path, medium in _media(part, f"messages[{index}].parts[{place}]"):
                if medium.uri is not None and _is_ours(medium.uri, medium.mime_type, fetches):
                    found[f"{path}.media"] = medium
    return found


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


def _media(part: ContentPart, path: str) -> Iterator[tuple[str, Media]]:
    if isinstance(part, Media):
        yield path, part
    elif isinstance(part, ToolResult):
        for index, inner in enumerate(part.content):
            yield from _media(inner, f"{path}.tool_result.content[{index}]")


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
