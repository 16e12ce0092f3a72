"""Tools and the freedom to choose among them, in Chat Completions' words."""

from typing import Any

from adapters.providers.chat_completions.dialect import CachePlace
from adapters.providers.chat_completions.draft import Draft
from domain.model.chat import ChatRequest
from domain.model.json_value import Json
from domain.model.tools import Tool, ToolChoice, ToolMode

_TAKES_NOTHING: Json = {"type": "object", "properties": {}}


def tool_fields(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    """Return the body's fields about the tools that there are; schemas are written byte for byte."""
    choice = request.tool_choice or ToolChoice()
    tools, word = _choice(choice, request.tools, draft)
    fields: dict[str, Any] = {
        "tools": [
            _tool(tool, f"tools[{index}]", draft)
            for index, tool in enumerate(request.tools)
            if tool in tools
        ]
    }
    if request.tool_choice is not None:
        fields["tool_choice"] = word
    if request.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    return fields


def _choice(
    choice: ToolChoice, tools: tuple[Tool, ...], draft: Draft
) -> tuple[tuple[Tool, ...], Json]:
    """Return the tools to send and what to say of them."""
    names = choice.allowed_names
    if not names or choice.mode is ToolMode.NONE:
        return tools, choice.mode.value
    allowed: list[Json] = [{"type": "function", "function": {"name": name}} for name in names]
    if len(names) == 1 and choice.mode is ToolMode.REQUIRED:
        return tools, allowed[0]
    if draft.dialect.allowed_tools:
        inner: Json = {"mode": choice.mode.value, "tools": allowed}
        return tools, {"type": "allowed_tools", "allowed_tools": inner}
    return tuple(tool for tool in tools if tool.name in names), choice.mode.value


def _tool(tool: Tool, path: str, draft: Draft) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    # Not every server knows that absent parameters mean none.
    function["parameters"] = (
        draft.schema(tool.parameters_json_schema, f"{path}.parameters_json_schema")
        if tool.parameters_json_schema
        else _TAKES_NOTHING
    )
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {
        "type": "function",
        "function": function,
        **draft.mark(tool.cache_control, f"{path}.cache_control", CachePlace.TOOL),
    }
