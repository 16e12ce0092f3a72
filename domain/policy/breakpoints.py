"""Where a request asks the provider to cache its prompt."""

from collections.abc import Iterator

import attrs

from domain.model.caching import CacheControl
from domain.model.chat import ChatRequest, ContentPart, Reasoning, Refusal, Text, ToolResult


def breakpoints(request: ChatRequest) -> Iterator[tuple[str, CacheControl]]:
    """Give the path and the value of each breakpoint, but for the request's own switch.

    The order is that of the prefix which providers cache: tools, then messages.
    """
    for index, tool in enumerate(request.tools):
        if tool.cache_control is not None:
            yield f"tools[{index}].cache_control", tool.cache_control
    for index, message in enumerate(request.messages):
        for place, part in enumerate(message.parts):
            if type(part) is not Text or part.cache_control is not None:
                yield from _in_part(part, f"messages[{index}].parts[{place}]")
        if message.cache_control is not None:
            yield f"messages[{index}].cache_control", message.cache_control


def without_breakpoints(request: ChatRequest) -> ChatRequest:
    """Return `request` with no breakpoint left on its tools and messages."""
    return attrs.evolve(
        request,
        tools=tuple(attrs.evolve(tool, cache_control=None) for tool in request.tools),
        messages=tuple(
            attrs.evolve(
                message,
                cache_control=None,
                parts=tuple(_unmarked(part) for part in message.parts),
            )
            for message in request.messages
        ),
    )


def _in_part(part: ContentPart, path: str) -> Iterator[tuple[str, CacheControl]]:
    if isinstance(part, Reasoning | Refusal):
        return
    if isinstance(part, ToolResult):
        for index, inner in enumerate(part.content):
            yield from _in_part(inner, f"{path}.tool_result.content[{index}]")
    if part.cache_control is not None:
        yield f"{path}.cache_control", part.cache_control


def _unmarked(part: ContentPart) -> ContentPart:
    if isinstance(part, Reasoning | Refusal):
        return part
    if isinstance(part, ToolResult):
        content = tuple(_unmarked(inner) for inner in part.content)
        return attrs.evolve(part, content=content, cache_control=None)
    return attrs.evolve(part, cache_control=None)
