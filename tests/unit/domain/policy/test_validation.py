"""Every bad field of a request, by its path."""

import math

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.chat import (
    ChatRequest,
    ContentPart,
    JsonObjectFormat,
    JsonSchemaFormat,
    Media,
    Message,
    Reasoning,
    ReasoningConfig,
    ReasoningEffort,
    Refusal,
    Role,
    Text,
    TextFormat,
    Timeouts,
    ToolCall,
    ToolResult,
)
from domain.model.response_cache import ResponseCachePolicy
from domain.model.routing import Routing
from domain.model.target import Target
from domain.model.tools import Tool, ToolChoice, ToolMode
from domain.policy.validation import violations
from tests.support.core_model import question

HELLO = Text(text="hello")
CALL = ToolCall(id="c", name="f", arguments_json='{"a": 1}')
RESULT = ToolResult(tool_call_id="c", content=(HELLO,))
IMAGE = Media(mime_type="image/png", data=b"png")
TOOL = Tool(name="f", parameters_json_schema='{"type": "object"}')


def wrong(**changes: object) -> list[str]:
    """Return the paths of what is wrong with an otherwise good request."""
    return fields(attrs.evolve(question(), **changes))  # type: ignore[arg-type]


def fields(request: ChatRequest) -> list[str]:
    found = violations(request)
    assert all(each.description for each in found)
    return [each.field for each in found]


def said(role: Role, *parts: ContentPart) -> tuple[Message, ...]:
    return (Message(role=role, parts=parts),)


GOOD = {
    "every role": {
        "messages": (
            *said(Role.SYSTEM, HELLO),
            *said(Role.DEVELOPER, HELLO),
            *said(Role.USER, HELLO, IMAGE),
            *said(Role.ASSISTANT, Reasoning(text="hm"), Refusal(text="no"), CALL),
            *said(Role.TOOL, RESULT),
        )
    },
    "an assistant that said nothing": {"messages": said(Role.ASSISTANT)},
    "an empty text": {"messages": said(Role.USER, Text(text=""))},
    "a call without arguments": {
        "messages": said(Role.ASSISTANT, ToolCall(id="c", name="f", arguments_json=""))
    },
    "a result without content": {"messages": said(Role.TOOL, ToolResult(tool_call_id="c"))},
    "a result with media": {"messages": said(Role.TOOL, attrs.evolve(RESULT, content=(IMAGE,)))},
    "media by address": {"messages": said(Role.USER, Media(uri="https://x/y"))},
    "media by file": {"messages": said(Role.USER, Media(file_id="file-1"))},
    "empty media": {"messages": said(Role.USER, Media(mime_type="image/png", data=b""))},
    "lowest numbers": {
        "temperature": 0.0,
        "top_p": 0.0,
        "top_k": 1,
        "max_tokens": 1,
        "presence_penalty": -2.0,
        "frequency_penalty": -2.0,
        "reasoning": ReasoningConfig(budget_tokens=0),
        "timeouts": Timeouts(first_token_s=0.001, idle_s=0.001),
        "seed": -1,
    },
    "highest numbers": {
        "temperature": 2.0,
        "top_p": 1.0,
        "top_k": 2**31 - 1,
        "max_tokens": 2**31 - 1,
        "presence_penalty": 2.0,
        "frequency_penalty": 2.0,
        "timeouts": Timeouts(first_token_s=86_400.0, idle_s=86_400.0),
    },
    "as many stops as are taken": {"stop": ("x",) * 16},
    "tools": {
        "tools": (TOOL, Tool(name="g")),
        "tool_choice": ToolChoice(mode=ToolMode.REQUIRED, allowed_names=("g", "f")),
    },
    "the longest tool name": {"tools": (Tool(name="é" * 128),)},
    "prose": {"response_format": TextFormat()},
    "some object": {"response_format": JsonObjectFormat()},
    "an object of a kind": {"response_format": JsonSchemaFormat(name="n", schema="{}")},
    "effort alone": {"reasoning": ReasoningConfig(effort=ReasoningEffort.LOW)},
    "the longest labels": {"labels": {"é" * 31 + f"{i:02}": "ö" * 128 for i in range(16)}},
    "the longest end user": {"end_user": "é" * 128},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD.keys())
def test_what_makes_sense_is_let_through(changes: dict[str, object]) -> None:
    assert wrong(**changes) == []


PART = "messages[0].parts[0]"
BAD: dict[str, tuple[dict[str, object], list[str]]] = {
    "no model": ({"model": ""}, ["model"]),
    "a model name too long in bytes": ({"model": "é" * 129}, ["model"]),
    "no messages": ({"messages": ()}, ["messages"]),
    "no content": (
        {"messages": (*said(Role.USER), *said(Role.SYSTEM), *said(Role.TOOL))},
        ["messages[0]", "messages[1]", "messages[2]"],
    ),
    "a call by the user": ({"messages": said(Role.USER, CALL)}, [PART]),
    "a result by the assistant": (
        {"messages": said(Role.ASSISTANT, HELLO, RESULT)},
        ["messages[0].parts[1]"],
    ),
    "a tool that talks": ({"messages": said(Role.TOOL, HELLO)}, [PART]),
    "a call of nothing": (
        {"messages": said(Role.ASSISTANT, attrs.evolve(CALL, name=""))},
        [f"{PART}.tool_call.name"],
    ),
    "a result for nothing": (
        {"messages": said(Role.TOOL, attrs.evolve(RESULT, tool_call_id=""))},
        [f"{PART}.tool_result.tool_call_id"],
    ),
    "calls within a result": (
        {"messages": said(Role.TOOL, attrs.evolve(RESULT, content=(HELLO, CALL, RESULT)))},
        [f"{PART}.tool_result.content[1]", f"{PART}.tool_result.content[2]"],
    ),
    "bad media within a result": (
        {"messages": said(Role.TOOL, attrs.evolve(RESULT, content=(Media(),)))},
        [f"{PART}.tool_result.content[0].media"],
    ),
    "media from nowhere": ({"messages": said(Role.USER, Media())}, [f"{PART}.media"]),
    "media from two places": (
        {"messages": said(Role.USER, attrs.evolve(IMAGE, uri="https://x"))},
        [f"{PART}.media"],
    ),
    "bytes of no kind": (
        {"messages": said(Role.USER, Media(data=b"x"))},
        [f"{PART}.media.mime_type"],
    ),
    "too many stops": ({"stop": ("x",) * 17}, ["stop"]),
    "an empty stop": ({"stop": ("x", "")}, ["stop[1]"]),
    "a nameless tool": ({"tools": (Tool(name=""),)}, ["tools[0].name"]),
    "a tool name too long in bytes": ({"tools": (Tool(name="é" * 129),)}, ["tools[0].name"]),
    "a tool declared twice": ({"tools": (TOOL, TOOL)}, ["tools[1].name"]),
    "a choice among no tools": ({"tool_choice": ToolChoice()}, ["tool_choice"]),
    "a choice of an unknown tool": (
        {"tools": (TOOL,), "tool_choice": ToolChoice(allowed_names=("f", "g"))},
        ["tool_choice.allowed_names[1]"],
    ),
    "a format without a name": (
        {"response_format": JsonSchemaFormat(name="", schema="{}")},
        ["response_format.json_schema.name"],
    ),
    "a format without a schema": (
        {"response_format": JsonSchemaFormat(name="n", schema="")},
        ["response_format.json_schema.schema"],
    ),
    "effort and budget": (
        {"reasoning": ReasoningConfig(effort=ReasoningEffort.LOW, budget_tokens=1)},
        ["reasoning"],
    ),
    "too many labels": ({"labels": {str(i): "" for i in range(17)}}, ["labels"]),
    "a label without a key": ({"labels": {"": "x"}}, ["labels"]),
    # 64 characters, but 65 bytes.
    "a label key too long in bytes": ({"labels": {"é" + "x" * 63: ""}}, ["labels"]),
    "a label value too long in bytes": ({"labels": {"k": "é" + "x" * 255}}, ["labels['k']"]),
    "an end user too long in bytes": ({"end_user": "é" * 129}, ["end_user"]),
    "a cache's partition too long in bytes": (
        {"response_cache": ResponseCachePolicy(scope="é" * 129)},
        ["response_cache.scope"],
    ),
    "a key too long": ({"idempotency_key": "k" * 257}, ["idempotency_key"]),
    "a key with a space": ({"idempotency_key": "a b"}, ["idempotency_key"]),
    "a key that is not ASCII": ({"idempotency_key": "\u00e9"}, ["idempotency_key"]),
    "a key with a line break": ({"idempotency_key": "k\n"}, ["idempotency_key"]),
}


def test_a_cache_may_be_asked_for_with_any_partition_that_is_short() -> None:
    assert wrong(response_cache=ResponseCachePolicy(scope="é" * 128)) == []


@pytest.mark.parametrize("key", ["", "k", "!~" * 128, "0b1f-6c/2:x"])
def test_a_key_is_any_visible_ascii(key: str) -> None:
    assert wrong(idempotency_key=key) == []


@pytest.mark.parametrize(("changes", "paths"), BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_named_by_its_path(
    changes: dict[str, object], paths: list[str]
) -> None:
    assert wrong(**changes) == paths


@pytest.mark.parametrize("text", ["[]", "1", "null", "{", "nonsense", '{"a":1} x', "[" * 100_000])
def test_what_must_be_a_json_object_is_checked(text: str) -> None:
    call = attrs.evolve(CALL, arguments_json=text)
    assert wrong(messages=said(Role.ASSISTANT, call)) == [f"{PART}.tool_call.arguments_json"]
    assert wrong(tools=(attrs.evolve(TOOL, parameters_json_schema=text),)) == [
        "tools[0].parameters_json_schema"
    ]
    assert wrong(response_format=JsonSchemaFormat(name="n", schema=text)) == [
        "response_format.json_schema.schema"
    ]


def numbered(field: str, value: float) -> dict[str, object]:
    if field == "reasoning.budget_tokens":
        return {"reasoning": ReasoningConfig(budget_tokens=int(value))}
    if field.startswith("timeouts."):
        return {"timeouts": Timeouts(**{f"{field.removeprefix('timeouts.')}_s": value})}
    return {field: value}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("temperature", [-0.1, 2.1]),
        ("top_p", [-0.1, 1.1]),
        ("top_k", [0, -1]),
        ("max_tokens", [0, -1]),
        ("presence_penalty", [-2.1, 2.1]),
        ("frequency_penalty", [-2.1, 2.1]),
        ("reasoning.budget_tokens", [-1]),
        ("timeouts.first_token", [0.0, -1.0, 86_401.0]),
        ("timeouts.idle", [0.0, -1.0, 86_401.0]),
    ],
)
def test_a_number_out_of_its_range_is_named(field: str, values: list[float]) -> None:
    for value in values:
        (violation,) = violations(attrs.evolve(question(), **numbered(field, value)))  # type: ignore[arg-type]
        assert violation.field == field
        assert f"not {value:g}" in violation.description


@pytest.mark.parametrize(
    "field",
    [
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "timeouts.first_token",
        "timeouts.idle",
    ],
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_out_of_every_range(field: str, value: float) -> None:
    assert wrong(**numbered(field, value)) == [field]


def test_all_that_is_wrong_is_named_at_once_in_the_order_of_the_fields() -> None:
    request = ChatRequest(
        model="",
        messages=(*said(Role.USER), *said(Role.TOOL, HELLO)),
        temperature=math.nan,
        top_k=0,
        stop=("",),
        tools=(Tool(name=""),),
        tool_choice=ToolChoice(allowed_names=("x",)),
        response_format=JsonSchemaFormat(name="", schema="x"),
        reasoning=ReasoningConfig(effort=ReasoningEffort.LOW, budget_tokens=1),
        labels={"": ""},
        end_user="x" * 257,
    )
    assert fields(request) == [
        "model",
        "messages[0]",
        "messages[1].parts[0]",
        "temperature",
        "top_k",
        "stop[0]",
        "tools[0].name",
        "tool_choice.allowed_names[0]",
        "response_format.json_schema.name",
        "response_format.json_schema.schema",
        "reasoning",
        "labels",
        "end_user",
    ]


def test_a_description_does_not_repeat_a_whole_giant_key() -> None:
    assert all(
        len(each.description) < 200
        for each in violations(attrs.evolve(question(), labels={"k" * 10_000: "v" * 10_000}))
    )


@settings(max_examples=100)
@given(st.text(max_size=70), st.text(max_size=260))
def test_labels_are_measured_in_bytes(key: str, value: str) -> None:
    fits = 1 <= len(key.encode()) <= 64 and len(value.encode()) <= 256
    assert (wrong(labels={key: value}) == []) is fits


def test_fallbacks_are_few_and_named() -> None:
    assert wrong(routing=Routing(fallbacks=(Target("a", "m"),) * 8, max_attempts=10)) == []
    assert wrong(routing=Routing(fallbacks=(Target("a", "m"),) * 9, max_attempts=11)) == [
        "routing.max_attempts",
        "routing.fallbacks",
    ]
    assert wrong(routing=Routing(fallbacks=(Target("a", "m"), Target("a", "")))) == [
        "routing.fallbacks[1].model"
    ]
