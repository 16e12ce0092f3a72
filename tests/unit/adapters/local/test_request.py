"""Laws of the request to llama.cpp."""

from typing import Any

import pytest

from adapters.local.config import LocalConfig
from adapters.local.request import encode
from domain.model.chat import (
    JsonObjectFormat,
    JsonSchemaFormat,
    Media,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.errors import InvalidRequest
from domain.model.tools import Tool
from tests.support.local_fake import call

CONFIG = LocalConfig(max_tokens=77)


def body(**request: Any) -> Any:
    return encode(call(**request).request, CONFIG)


def fields(**request: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        body(**request)
    return [violation.field for violation in caught.value.violations]


def said(role: Role, *parts: Any) -> Message:
    return Message(role=role, parts=parts)


def test_a_plain_call_streams_with_usage_and_progress() -> None:
    assert body(content="hi") == {
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 77,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
    }


def test_every_parameter_goes_by_its_name() -> None:
    given = {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 3,
        "max_tokens": 9,
        "presence_penalty": 1.0,
        "frequency_penalty": -1.0,
    }
    assert body(**given).items() >= given.items()
    assert body(stop=("a", "b"))["stop"] == ["a", "b"]


@pytest.mark.parametrize(
    ("seed", "sent"), [(0, 0), (7, 7), (2**32 - 1, 0), (-1, 2**32 - 2), (2**32 + 6, 7)]
)
def test_no_seed_means_random(seed: int, sent: int) -> None:
    assert body(seed=seed)["seed"] == sent


def test_a_developer_speaks_as_the_system() -> None:
    messages = (said(Role.DEVELOPER, Text(text="be brief")), said(Role.USER, Text(text="hi")))
    assert [each["role"] for each in body(messages=messages)["messages"]] == ["system", "user"]


def test_parts_are_joined_and_thoughts_are_not_said() -> None:
    parts = (Reasoning(text="hm"), Text(text="a"), Refusal(text="b"))
    assert body(messages=(said(Role.ASSISTANT, *parts),))["messages"][0]["content"] == "ab"


def test_what_is_no_text_is_refused_by_its_path() -> None:
    messages = (
        said(Role.USER, Text(text="look"), Media(mime_type="image/png", data=b"x")),
        said(Role.ASSISTANT, ToolCall(id="1", name="f", arguments_json="{}")),
        said(Role.TOOL, ToolResult(tool_call_id="1")),
    )
    assert fields(messages=messages, tools=(Tool(name="f"),)) == [
        "messages[0].parts[1]",
        "messages[1].parts[0]",
        "messages[2].role",
        "messages[2].parts[0]",
        "tools",
    ]


def test_formats_go_as_openai_writes_them() -> None:
    assert body(response_format=JsonObjectFormat())["response_format"] == {"type": "json_object"}
    schema = JsonSchemaFormat(name="n", schema='{"type": "object"}')
    assert body(response_format=schema)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}},
    }


def test_a_schema_that_cannot_be_held_is_refused() -> None:
    format_ = JsonSchemaFormat(name="n", schema="{")
    assert fields(response_format=format_) == ["response_format.json_schema.schema"]


def test_options_are_few_and_others_are_refused() -> None:
    assert body(provider_options={"local": {"min_p": 0.2}})["min_p"] == 0.2
    assert body(provider_options={"openai": {"stream": False}})["stream"] is True
    assert fields(provider_options={"local": {"stream": False, "min_p": 0.1, "grammar": "x"}}) == [
        "provider_options.local.grammar",
        "provider_options.local.stream",
    ]


def test_a_prompt_that_cannot_fit_is_refused_before_it_is_cut_into_tokens() -> None:
    most = CONFIG.prompt_limit_tokens * 128
    assert body(content=" " * most)
    assert fields(content=" " * (most + 1)) == ["messages"]


def test_no_answer_is_longer_than_its_slot() -> None:
    assert body(max_tokens=2**31)["max_tokens"] == CONFIG.slot_tokens
