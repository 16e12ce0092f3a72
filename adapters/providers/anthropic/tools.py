"""Tools and the freedom to choose among them.

Anthropic can be told to use any tool, or one, but not some of them: where several are allowed, the others
are left out of the request. That means the same, and is cached separately. A breakpoint on a tool that is
left out stands on the tool before it, which ends the same prefix, or nowhere if there is none.

Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools
"""

from collections.abc import Mapping
from typing import Any

from adapters.providers.anthropic.blocks import mark, seconds
from adapters.providers.anthropic.draft import Block, Draft, Mark
from domain.model.chat import ChatRequest
from domain.model.json_value import JsonObject
from domain.model.tools import Tool, ToolChoice, ToolMode

_TAKES_NOTHING: JsonObject = {"type": "object", "properties": {}}
_MODES: Mapping[ToolMode, str] = {
    ToolMode.AUTO: "auto",
    ToolMode.NONE: "none",
    ToolMode.REQUIRED: "any",
}


def tools(request: ChatRequest, draft: Draft) -> list[Block]:
    """Return the tools that the model is shown."""
    choice = request.tool_choice or ToolChoice()
    shown = choice.allowed_names
    names = {tool.name for tool in request.tools}
    for index, name in enumerate(shown):
        if name not in names:
            draft.refuse(f"tool_choice.allowed_names[{index}]", f"no tool is named {name!r}")
    if choice.mode is ToolMode.NONE or _is_one(choice, draft):
        shown = ()
    found: list[Block] = []
    for index, tool in enumerate(request.tools):
        path = f"tools[{index}]"
        if not shown or tool.name in shown:
            found.append(_tool(tool, path, draft))
        elif found:
            found[-1].mark = _longer(found[-1].mark, mark(tool.cache_control, path))
    return found


def tool_choice(request: ChatRequest, draft: Draft) -> dict[str, Any] | None:
    """Return the body's ``tool_choice``; None: nothing needs to be said."""
    choice = request.tool_choice or ToolChoice()
    serial = request.parallel_tool_calls is False
    if not request.tools or (request.tool_choice is None and not serial):
        return None
    mode = choice.mode
    if mode is ToolMode.REQUIRED and not draft.facts.forced_tool_choice:
        draft.lack("tool_choice.mode", f"cannot be asked of {draft.model}, which cannot be forced")
        mode = ToolMode.AUTO
    fields: dict[str, Any] = {"type": _MODES[mode]}
    if _is_one(choice, draft):
        fields = {"type": "tool", "name": choice.allowed_names[0]}
    if serial and mode is not ToolMode.NONE:
        fields["disable_parallel_tool_use"] = True
    return fields


def _longer(first: Mark | None, second: Mark | None) -> Mark | None:
    """Return the breakpoint that keeps a prefix longer."""
    marks = [each for each in (first, second) if each is not None]
    return max(marks, key=seconds, default=None)


def _is_one(choice: ToolChoice, draft: Draft) -> bool:
    """Return whether the one tool that must be called can be named."""
    forced = choice.mode is ToolMode.REQUIRED and draft.facts.forced_tool_choice
    return forced and len(choice.allowed_names) == 1


def _tool(tool: Tool, path: str, draft: Draft) -> Block:
    fields: dict[str, Any] = {"name": tool.name}
    if tool.description:
        fields["description"] = tool.description
    fields["input_schema"] = (
        draft.json_object(tool.parameters_json_schema, f"{path}.parameters_json_schema")
        if tool.parameters_json_schema
        else _TAKES_NOTHING
    )
    if tool.strict is not None and draft.facts.structured_output:
        fields["strict"] = tool.strict
    elif tool.strict:
        draft.lack(f"{path}.strict", f"cannot be asked of {draft.model}")
    return Block(fields, path, mark(tool.cache_control, path))
