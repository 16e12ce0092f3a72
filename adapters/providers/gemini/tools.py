"""Functions and the freedom to choose among them, in Gemini's words.

Law: a schema goes into the body byte for byte.

Mode VALIDATED is AUTO that holds calls to their schemas and may be limited to some names; AUTO itself
takes no names. ANY holds calls to their schemas anyway. A tool that is strict therefore turns AUTO into
VALIDATED.

Source: https://ai.google.dev/gemini-api/docs/generate-content/function-calling#function_calling_modes
"""

from collections.abc import Mapping
from typing import Any

from adapters.providers.gemini.draft import Draft
from domain.model.chat import ChatRequest
from domain.model.tools import Tool, ToolChoice, ToolMode

_MODES: Mapping[ToolMode, str] = {
    ToolMode.AUTO: "AUTO",
    ToolMode.NONE: "NONE",
    ToolMode.REQUIRED: "ANY",
}
_VALIDATED = "VALIDATED"


def tool_fields(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    """Return the body's fields about tools."""
    if not request.tools:
        return {}
    if request.parallel_tool_calls is False:
        draft.lack("parallel_tool_calls", "cannot be false: Gemini calls as many tools as it likes")
    declarations = [
        _declaration(tool, f"tools[{index}]", draft) for index, tool in enumerate(request.tools)
    ]
    fields: dict[str, Any] = {"tools": [{"functionDeclarations": declarations}]}
    strict = any(tool.strict for tool in request.tools)
    if request.tool_choice is not None or strict:
        config = _calling(request.tool_choice or ToolChoice(), strict)
        fields["toolConfig"] = {"functionCallingConfig": config}
    return fields


def _declaration(tool: Tool, path: str, draft: Draft) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.parameters_json_schema:
        declaration["parametersJsonSchema"] = draft.json_object(
            tool.parameters_json_schema, f"{path}.parameters_json_schema"
        )
    return declaration


def _calling(choice: ToolChoice, strict: bool) -> dict[str, Any]:
    named = bool(choice.allowed_names) and choice.mode is not ToolMode.NONE
    mode = _MODES[choice.mode]
    if choice.mode is ToolMode.AUTO and (named or strict):
        mode = _VALIDATED
    return {"mode": mode, **({"allowedFunctionNames": list(choice.allowed_names)} if named else {})}
