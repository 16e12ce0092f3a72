"""Tools, and the freedom to choose among them."""

from typing import Any

import pytest

from domain.model.caching import CacheControl
from domain.model.tools import Tool, ToolChoice, ToolMode
from tests.unit.adapters.providers.anthropic.asking import (
    FIVE,
    HOUR,
    body,
    encoded,
    refused,
    warned,
)

A, B, C = Tool(name="a"), Tool(name="b"), Tool(name="c")
UNFORCED = "claude-fable-5"


def chosen(mode: ToolMode, *names: str, **fields: Any) -> dict[str, Any]:
    choice = ToolChoice(mode=mode, allowed_names=names)
    sent = body(tools=(A, B, C), tool_choice=choice, **fields)
    return {"choice": sent["tool_choice"], "tools": [tool["name"] for tool in sent["tools"]]}


def test_a_schema_is_sent_byte_for_byte() -> None:
    schema = '{"type":"object" , "properties":{"z":{"const":1.0},"a":{}}}'
    tool = Tool(name="f", description="does", parameters_json_schema=schema, strict=True)
    wire = encoded(tools=(tool,))
    assert b'"input_schema":' + schema.encode() in wire.body
    assert body(tools=(tool,))["tools"][0]["strict"] is True


def test_a_tool_that_takes_nothing_says_so() -> None:
    assert body(tools=(A,))["tools"] == [
        {"name": "a", "input_schema": {"type": "object", "properties": {}}}
    ]


def test_a_schema_that_is_no_object_is_refused() -> None:
    assert set(refused(tools=(Tool(name="f", parameters_json_schema="[]"),))) == {
        "tools[0].parameters_json_schema"
    }


def test_strict_is_not_asked_of_models_that_cannot_be() -> None:
    old = "claude-sonnet-4-0"
    assert "strict" not in body(model=old, tools=(Tool(name="f", strict=False),))["tools"][0]
    assert set(refused(model=old, tools=(Tool(name="f", strict=True),))) == {"tools[0].strict"}


def test_nothing_is_said_of_a_choice_that_is_not_made() -> None:
    assert "tool_choice" not in body(tools=(A,))
    assert "tool_choice" not in body(tools=(A,), parallel_tool_calls=True)
    assert "tool_choice" not in body(parallel_tool_calls=False)


@pytest.mark.parametrize(
    ("mode", "word"),
    [(ToolMode.AUTO, "auto"), (ToolMode.NONE, "none"), (ToolMode.REQUIRED, "any")],
)
def test_a_mode_is_one_word(mode: ToolMode, word: str) -> None:
    assert chosen(mode) == {"choice": {"type": word}, "tools": ["a", "b", "c"]}


def test_one_required_tool_is_named() -> None:
    assert chosen(ToolMode.REQUIRED, "b") == {
        "choice": {"type": "tool", "name": "b"},
        "tools": ["a", "b", "c"],
    }


@pytest.mark.parametrize(("mode", "word"), [(ToolMode.AUTO, "auto"), (ToolMode.REQUIRED, "any")])
def test_of_several_allowed_tools_only_these_are_shown(mode: ToolMode, word: str) -> None:
    assert chosen(mode, "c", "a") == {"choice": {"type": word}, "tools": ["a", "c"]}


def test_a_tool_that_is_allowed_alone_but_not_required_is_shown_alone() -> None:
    assert chosen(ToolMode.AUTO, "b") == {"choice": {"type": "auto"}, "tools": ["b"]}


def test_where_none_may_be_called_all_are_shown() -> None:
    assert chosen(ToolMode.NONE, "b")["tools"] == ["a", "b", "c"]


def test_an_allowed_name_that_no_tool_has_is_refused() -> None:
    choice = ToolChoice(allowed_names=("a", "z"))
    assert set(refused(tools=(A,), tool_choice=choice)) == {"tool_choice.allowed_names[1]"}


def test_one_call_at_a_time_is_said_inside_the_choice() -> None:
    assert body(tools=(A,), parallel_tool_calls=False)["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }
    assert chosen(ToolMode.REQUIRED, "b", parallel_tool_calls=False)["choice"] == {
        "type": "tool",
        "name": "b",
        "disable_parallel_tool_use": True,
    }
    assert chosen(ToolMode.NONE, parallel_tool_calls=False)["choice"] == {"type": "none"}


def test_a_model_that_cannot_be_forced_is_not() -> None:
    choice = ToolChoice(mode=ToolMode.REQUIRED, allowed_names=("b",))
    fields: dict[str, Any] = {"model": UNFORCED, "tools": (A, B), "tool_choice": choice}
    assert set(refused(**fields)) == {"tool_choice.mode"}
    sent, about = warned(**fields)
    assert about == [("PARAM_DROPPED", "tool_choice.mode")]
    assert sent["tool_choice"] == {"type": "auto"}
    assert [tool["name"] for tool in sent["tools"]] == ["b"]


def marks(*tools: tuple[str, CacheControl | None]) -> dict[str, Any]:
    sent = body(
        tools=tuple(Tool(name=name, cache_control=control) for name, control in tools),
        tool_choice=ToolChoice(allowed_names=("b", "d")),
    )
    return {tool["name"]: tool.get("cache_control", {}).get("ttl") for tool in sent["tools"]}


def test_a_breakpoint_on_a_tool_that_is_not_shown_stands_on_the_one_before() -> None:
    assert marks(("a", FIVE), ("b", None), ("c", HOUR), ("d", None)) == {"b": "1h", "d": None}
    assert marks(("b", HOUR), ("c", FIVE), ("d", FIVE)) == {"b": "1h", "d": "5m"}
    assert marks(("b", FIVE), ("c", None), ("d", None)) == {"b": "5m", "d": None}
