"""Everything that can be asked, held against the schema that OpenAI's own SDK has of a request.

The schema was generated from the SDK's types; it is read in place, and the tests say so where it is not
there.
"""

import json
from typing import Any

import pytest
from jsonschema import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.encode import encode
from domain.model.call import ChatCall
from domain.model.chat import (
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
    ToolCall,
    ToolResult,
)
from domain.model.model_info import Feature
from domain.model.tools import Tool, ToolChoice, ToolMode
from tests.contract.chat_completions.reading import SHARED
from tests.support.http_calls import CODEC, call, user

SCHEMAS = SHARED / "specs" / "openai-from-sdk-3.54.0.schemas.json"
# What OpenAI itself lacks is left out.
OPENAI = Dialect(name="far", features=frozenset(Feature) - {Feature.TOP_K})
DIALECTS = {"openai": OPENAI, "compatible": CODEC.dialect}

TOOLS = (Tool(name="f", description="d", parameters_json_schema='{"type":"object"}', strict=True),)
CALLED = (
    Message(role=Role.SYSTEM, parts=(Text(text="s"),)),
    Message(role=Role.DEVELOPER, parts=(Text(text="d"), Text(text="e"))),
    user(),
    Message(
        role=Role.ASSISTANT,
        parts=(
            Reasoning(text="hm"),
            Text(text="a"),
            ToolCall(id="1", name="f", arguments_json="{}"),
            ToolCall(id="2", name="f", arguments_json=""),
        ),
    ),
    Message(
        role=Role.TOOL,
        parts=(
            ToolResult(tool_call_id="1", content=(Text(text="r"),)),
            ToolResult(tool_call_id="2", is_error=True),
        ),
    ),
    Message(role=Role.ASSISTANT, parts=(Refusal(text="no"),)),
    user("why?"),
)
SEEN = Message(
    role=Role.USER,
    parts=(
        Text(text="what is this?"),
        Media(mime_type="image/png", data=b"x"),
        Media(uri="https://a/b.png"),
        Media(mime_type="audio/mpeg", data=b"x"),
        Media(mime_type="application/pdf", data=b"x"),
        Media(file_id="f-1"),
    ),
    name="ann",
)
ASKED: dict[str, ChatCall] = {
    "plain": call(),
    "called": call(*CALLED, tools=TOOLS),
    "seen": call(SEEN),
    "tuned": call(
        temperature=0.5,
        top_p=0.5,
        max_tokens=5,
        stop=("a", "b"),
        seed=1,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        end_user="u",
        reasoning=ReasoningConfig(effort=ReasoningEffort.LOW),
    ),
    "json": call(response_format=JsonObjectFormat()),
    "schema": call(response_format=JsonSchemaFormat(name="n", schema='{"type":"object"}')),
    **{
        f"{mode.value} {len(names)}": call(
            tools=(*TOOLS, Tool(name="g"), Tool(name="h")),
            tool_choice=ToolChoice(mode=mode, allowed_names=names),
            parallel_tool_calls=False,
        )
        for mode in ToolMode
        for names in ((), ("f",), ("f", "g"))
    },
}


def validator(name: str) -> Validator:
    if not SCHEMAS.exists():
        pytest.skip(f"the schemas are not there: {SCHEMAS}")
    schema: Any = json.loads(SCHEMAS.read_bytes())[name]
    return validator_for(schema)(schema)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ASKED)
def test_what_we_ask_has_the_shape_of_a_request(name: str, dialect: str) -> None:
    body = json.loads(encode(ASKED[name], DIALECTS[dialect]).body)
    validator("CompletionCreateParamsStreaming").validate(body)


def test_a_shape_that_is_none_is_found() -> None:
    body = json.loads(encode(ASKED["plain"], OPENAI).body)
    body["messages"][0]["role"] = "nobody"
    with pytest.raises(ValidationError):
        validator("CompletionCreateParamsStreaming").validate(body)
