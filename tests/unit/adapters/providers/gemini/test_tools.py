"""Tools: schemas byte for byte, and the freedom to choose in Gemini's words."""

from typing import Any

import attrs
import pytest

from domain.model.tools import Tool, ToolChoice, ToolMode
from tests.unit.adapters.providers.gemini.asking import WEATHER, body, encoded, refusals, warnings

STRICT = attrs.evolve(WEATHER, strict=True)


def calling(*tools: Tool, choice: ToolChoice | None = None) -> Any:
    config = body(tools=tools or (WEATHER,), tool_choice=choice).get("toolConfig")
    return config and config["functionCallingConfig"]


def test_a_tool_is_declared_with_what_it_has() -> None:
    tools = (
        Tool(name="now"),
        Tool(name="weather", description="Rain?", parameters_json_schema='{"type":"object"}'),
    )
    assert body(tools=tools)["tools"] == [
        {
            "functionDeclarations": [
                {"name": "now"},
                {
                    "name": "weather",
                    "description": "Rain?",
                    "parametersJsonSchema": {"type": "object"},
                },
            ]
        }
    ]


def test_a_schema_goes_through_byte_for_byte() -> None:
    schema = (
        '{ "type":"object",\n "properties":{"b":{"const":1.50},"a":{"$ref":"#/x"}}, "$defs":{} }'
    )
    sent = encoded(tools=(Tool(name="f", parameters_json_schema=schema),)).body
    assert schema.encode() in sent


@pytest.mark.parametrize("schema", ["[]", "{", "true", '{"a": Infinity}'])
def test_a_schema_that_is_no_object_is_refused(schema: str) -> None:
    found = refusals(tools=(WEATHER, Tool(name="f", parameters_json_schema=schema)))
    assert list(found) == ["tools[1].parameters_json_schema"]


def test_without_a_choice_nothing_is_said_about_it() -> None:
    assert calling() is None


@pytest.mark.parametrize(
    ("mode", "word"),
    [(ToolMode.AUTO, "AUTO"), (ToolMode.NONE, "NONE"), (ToolMode.REQUIRED, "ANY")],
)
def test_each_mode_has_its_word(mode: ToolMode, word: str) -> None:
    assert calling(choice=ToolChoice(mode=mode)) == {"mode": word}


def test_only_modes_that_take_names_are_given_names() -> None:
    names = ("weather",)
    required = ToolChoice(mode=ToolMode.REQUIRED, allowed_names=names)
    assert calling(choice=required) == {"mode": "ANY", "allowedFunctionNames": ["weather"]}
    free = ToolChoice(allowed_names=names)
    assert calling(choice=free) == {"mode": "VALIDATED", "allowedFunctionNames": ["weather"]}
    forbidden = ToolChoice(mode=ToolMode.NONE, allowed_names=names)
    assert calling(choice=forbidden) == {"mode": "NONE"}


def test_a_strict_tool_is_held_to_its_schema() -> None:
    assert calling(WEATHER, STRICT) == {"mode": "VALIDATED"}
    assert calling(STRICT, choice=ToolChoice()) == {"mode": "VALIDATED"}
    assert calling(STRICT, choice=ToolChoice(mode=ToolMode.REQUIRED)) == {"mode": "ANY"}
    assert calling(STRICT, choice=ToolChoice(mode=ToolMode.NONE)) == {"mode": "NONE"}
    assert calling(attrs.evolve(WEATHER, strict=False)) is None


def test_gemini_cannot_be_kept_from_calling_several_tools_at_once() -> None:
    assert list(refusals(tools=(WEATHER,), parallel_tool_calls=False)) == ["parallel_tool_calls"]
    assert len(warnings(tools=(WEATHER,), parallel_tool_calls=False)) == 1
    assert body(tools=(WEATHER,), parallel_tool_calls=True) == body(tools=(WEATHER,))


def test_without_tools_there_is_nothing_to_choose() -> None:
    asked = body(tool_choice=ToolChoice(mode=ToolMode.NONE), parallel_tool_calls=False)
    assert list(asked) == ["contents"]
