"""Requests: everything that can be asked, and what becomes of what cannot."""

from typing import Any

import attrs
import orjson
import pytest

from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.encode import encode
from domain.model.caching import CacheControl
from domain.model.call import ChatCall
from domain.model.chat import (
    JsonObjectFormat,
    JsonSchemaFormat,
    ReasoningConfig,
    ReasoningEffort,
    TextFormat,
    UnsupportedParams,
)
from domain.model.errors import InvalidRequest
from domain.model.json_value import JsonObject
from domain.model.model_info import Feature
from domain.model.tools import Tool, ToolChoice, ToolMode
from tests.support.http_calls import call, user

OPENAI = Dialect(name="far", features=frozenset(Feature))
POOR = Dialect(name="far", features=frozenset(), stream_options=None, allowed_tools=False)


def body(asked: ChatCall, dialect: Dialect = OPENAI) -> dict[str, Any]:
    sent = orjson.loads(encode(asked, dialect).body)
    assert isinstance(sent, dict)
    return sent


def beside(asked: ChatCall, dialect: Dialect = OPENAI) -> dict[str, Any]:
    """Return the body without what is always there."""
    sent = body(asked, dialect)
    for field in ("model", "messages", "stream", "stream_options"):
        sent.pop(field, None)
    return sent


def violations(asked: ChatCall, dialect: Dialect = OPENAI) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        encode(asked, dialect)
    return [each.field for each in caught.value.violations]


def test_the_least_that_is_asked() -> None:
    assert body(call(whole=True)) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
    }


def test_a_stream_is_asked_to_tell_its_usage_where_the_server_knows_how() -> None:
    assert body(call())["stream"] is True
    assert body(call())["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body(call(), POOR)


def test_tuning() -> None:
    asked = call(
        temperature=0.0,
        top_p=0.5,
        top_k=3,
        max_tokens=9,
        stop=("a", "b"),
        seed=0,
        presence_penalty=-1.0,
        frequency_penalty=0.0,
        end_user="u",
        reasoning=ReasoningConfig(effort=ReasoningEffort.LOW),
    )
    assert beside(asked) == {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 3,
        "max_completion_tokens": 9,
        "stop": ["a", "b"],
        "seed": 0,
        "presence_penalty": -1.0,
        "frequency_penalty": 0.0,
        "user": "u",
        "reasoning_effort": "low",
    }


def thinking(config: ReasoningConfig) -> JsonObject:
    return {"reasoning": {"max_tokens": config.budget_tokens}}


def test_a_dialect_has_its_own_names() -> None:
    dialect = attrs.evolve(
        OPENAI,
        max_tokens_field="max_tokens",
        end_user_field="safety_identifier",
        reasoning=thinking,
    )
    asked = call(max_tokens=9, end_user="u", reasoning=ReasoningConfig(budget_tokens=5))
    assert beside(asked, dialect) == {
        "max_tokens": 9,
        "safety_identifier": "u",
        "reasoning": {"max_tokens": 5},
    }


TUNED: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 1,
    "stop": ("a",),
    "seed": 1,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
}


def test_what_a_dialect_cannot_say_is_refused_by_name() -> None:
    asked = call(**TUNED, reasoning=ReasoningConfig(effort=ReasoningEffort.LOW))
    assert violations(asked, POOR) == [*TUNED, "reasoning.effort"]
    bounded = call(reasoning=ReasoningConfig(budget_tokens=5))
    assert violations(bounded, POOR) == ["reasoning.budget_tokens"]


def test_what_a_dialect_cannot_say_is_dropped_with_a_warning_where_the_caller_allows_it() -> None:
    asked = call(**TUNED, unsupported_params=UnsupportedParams.WARN_AND_DROP)
    wire = encode(asked, POOR)
    assert beside(asked, POOR) == {}
    assert [each.code for each in wire.warnings] == ["PARAM_DROPPED"] * len(TUNED)
    assert [each.message.partition(" ")[0] for each in wire.warnings] == [*TUNED]


def test_formats() -> None:
    assert beside(call(response_format=TextFormat())) == {}
    assert beside(call(response_format=JsonObjectFormat())) == {
        "response_format": {"type": "json_object"}
    }
    schema = JsonSchemaFormat(name="n", schema='{"type":"object"}', strict=False)
    assert beside(call(response_format=schema)) == {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": False},
        }
    }


def test_options_are_merged_last_and_replace_whole_fields() -> None:
    options = {"far": {"top_p": 0.1, "response_format": {"type": "text"}, "verbosity": "low"}}
    asked = call(
        top_p=0.9,
        response_format=JsonObjectFormat(),
        provider_options={**options, "near": {"seed": 1}},
    )
    assert beside(asked) == options["far"]


@pytest.mark.parametrize("field", ["messages", "model", "n", "stream", "stream_options"])
def test_options_do_not_decide_who_is_asked_and_how_the_answer_is_read(field: str) -> None:
    asked = call(provider_options={"far": {field: 1}})
    assert violations(asked) == [f"provider_options.far.{field}"]


def test_the_body_is_the_same_bytes_for_the_same_call() -> None:
    one = {"a": 1, "b": {"x": 1, "y": 2}}
    other = {"b": {"y": 2, "x": 1}, "a": 1}
    first = encode(call(seed=1, top_p=0.5, provider_options={"far": one}), OPENAI)
    second = encode(call(top_p=0.5, seed=1, provider_options={"far": other}), OPENAI)
    assert first.body == second.body


def test_what_cannot_be_written_as_json_is_refused() -> None:
    assert violations(call(user("\ud800"))) == ["request"]
    assert violations(call(provider_options={"far": {"a": 2**70}})) == ["request"]


def test_every_problem_is_told_at_once() -> None:
    asked = call(
        seed=1,
        tools=(Tool(name="f", parameters_json_schema="{"),),
        response_format=JsonSchemaFormat(name="n", schema="[]"),
        provider_options={"far": {"n": 2}},
    )
    assert violations(asked, POOR) == [
        "seed",
        "tools[0].parameters_json_schema",
        "response_format.json_schema.schema",
        "provider_options.far.n",
    ]


# ------------------------------------------------------------------ tools

SCHEMA = '{ "type":"object",\n "properties":{"b":{"type":"number","default":1.0},"a":{}} }'
TOOLS = (
    Tool(name="f", description="does f", parameters_json_schema=SCHEMA, strict=True),
    Tool(name="g"),
    Tool(name="h"),
)


def test_tools() -> None:
    sent = beside(call(tools=TOOLS[:2], parallel_tool_calls=False))
    assert sent["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "does f",
                "parameters": orjson.loads(SCHEMA),
                "strict": True,
            },
        },
        {
            "type": "function",
            "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
        },
    ]
    assert sent["parallel_tool_calls"] is False
    assert "tool_choice" not in sent


def test_a_schema_goes_out_byte_for_byte() -> None:
    asked = call(tools=TOOLS, response_format=JsonSchemaFormat(name="n", schema=SCHEMA), whole=True)
    assert encode(asked, OPENAI).body.count(SCHEMA.encode()) == 2


@pytest.mark.parametrize("schema", ["{", "[]", "7", "{} {}", '{"a":NaN}', '{"a":"\\ud800"}'])
def test_a_schema_that_is_no_json_object_is_refused(schema: str) -> None:
    asked = call(tools=(Tool(name="f", parameters_json_schema=schema),))
    assert violations(asked) == ["tools[0].parameters_json_schema"]


def only(*names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools}}


@pytest.mark.parametrize(
    ("mode", "names", "rich", "poor", "left"),
    [
        (ToolMode.AUTO, (), "auto", "auto", "fgh"),
        (ToolMode.NONE, (), "none", "none", "fgh"),
        (ToolMode.NONE, ("f",), "none", "none", "fgh"),
        (ToolMode.REQUIRED, (), "required", "required", "fgh"),
        (
            ToolMode.REQUIRED,
            ("g",),
            {"type": "function", "function": {"name": "g"}},
            {"type": "function", "function": {"name": "g"}},
            "fgh",
        ),
        (ToolMode.AUTO, ("g",), only("g"), "auto", "g"),
        (ToolMode.AUTO, ("h", "f"), only("h", "f"), "auto", "fh"),
    ],
    ids=str,
)
def test_the_freedom_to_choose(
    mode: ToolMode, names: tuple[str, ...], rich: Any, poor: Any, left: str
) -> None:
    asked = call(tools=TOOLS, tool_choice=ToolChoice(mode=mode, allowed_names=names))
    assert beside(asked)["tool_choice"] == rich
    assert len(beside(asked)["tools"]) == 3
    sent = beside(asked, POOR)
    assert sent["tool_choice"] == poor
    assert "".join(tool["function"]["name"] for tool in sent["tools"]) == left


def test_there_is_no_choice_without_tools() -> None:
    asked = call(tool_choice=ToolChoice(), parallel_tool_calls=True)
    assert beside(asked) == {}


# ------------------------------------------------------------------ caching

CACHED = CacheControl()


def mark(control: CacheControl) -> dict[str, Any]:
    if control.ttl_s not in (None, 300.0):
        raise ValueError("is kept for 5 minutes there")
    return {"cache_control": {"type": "ephemeral"}}


MARKING = attrs.evolve(OPENAI, cache_mark=mark)


def test_breakpoints_are_put_where_the_dialect_has_them() -> None:
    asked = call(tools=(Tool(name="f", cache_control=CACHED),), cache_control=CACHED)
    sent = beside(asked, MARKING)
    assert sent["cache_control"] == sent["tools"][0]["cache_control"] == {"type": "ephemeral"}


def test_a_breakpoint_is_honoured_or_refused_and_never_dropped_silently() -> None:
    asked = call(tools=(Tool(name="f", cache_control=CACHED),), cache_control=CACHED)
    assert violations(asked) == ["tools[0].cache_control", "cache_control"]
    long = call(cache_control=CacheControl(ttl_s=3600.0))
    assert violations(long, MARKING) == ["cache_control"]
    lenient = attrs.evolve(
        asked,
        request=attrs.evolve(asked.request, unsupported_params=UnsupportedParams.WARN_AND_DROP),
    )
    assert len(encode(lenient, OPENAI).warnings) == 2
