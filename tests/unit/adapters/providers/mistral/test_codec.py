"""Mistral is the dialect with other words; it refuses fields that it does not know."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.mistral.codec import LISTED, MistralConfig, call_id, mistral_codec
from adapters.providers.mistral.home import HOME
from domain.model.caching import CacheControl
from domain.model.call import ChatCall, Delivery
from domain.model.chat import (
    ChatRequest,
    Message,
    ReasoningConfig,
    ReasoningEffort,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.errors import InvalidRequest
from domain.model.model_info import Feature

CODEC = mistral_codec(MistralConfig())
TALK = tuple(
    Message(role=role, parts=(Text(text="a"),)) for role in (Role.SYSTEM, Role.DEVELOPER, Role.USER)
)


def call(**fields: Any) -> ChatCall:
    asked: dict[str, Any] = {"model": "mistral-small-latest", "messages": TALK, **fields}
    return ChatCall(request=ChatRequest(**asked), delivery=Delivery.STREAMED)


@given(st.text(min_size=1), st.text(min_size=1))
def test_an_id_becomes_nine_letters_and_digits_and_different_ones_stay_different(
    one: str, other: str
) -> None:
    assert re.fullmatch("[a-zA-Z0-9]{9}", call_id(one))
    assert (call_id(one) == call_id(other)) == (one == other)
    # So that an id which has been sent once is sent the same ever after.
    assert call_id(call_id(one)) == call_id(one)


def test_a_call_and_its_result_keep_together_whoever_named_the_call() -> None:
    ids = ("call_62136354", "aB3dE5fG7")
    calls = tuple(ToolCall(id=each, name="f", arguments_json="{}") for each in ids)
    results = tuple(ToolResult(tool_call_id=each) for each in reversed(ids))
    talk = (
        *TALK,
        Message(role=Role.ASSISTANT, parts=calls),
        Message(role=Role.TOOL, parts=results),
    )
    *_, said, first, second = json.loads(CODEC.encode(call(messages=talk)).body)["messages"]
    sent = [each["id"] for each in said["tool_calls"]]
    assert sent == [call_id(ids[0]), ids[1]]
    assert [first["tool_call_id"], second["tool_call_id"]] == [sent[1], sent[0]]


def test_a_question_in_mistrals_words() -> None:
    asked = call(seed=7, max_tokens=9, reasoning=ReasoningConfig(effort=ReasoningEffort.HIGH))
    assert json.loads(CODEC.encode(asked).body) == {
        "model": "mistral-small-latest",
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "system", "content": "a"},
            {"role": "user", "content": "a"},
        ],
        "random_seed": 7,
        "max_tokens": 9,
        "reasoning_effort": "high",
        "stream": True,
    }


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"top_k": 5}, "top_k"),
        ({"end_user": "u"}, "end_user"),
        ({"cache_control": CacheControl()}, "cache_control"),
        ({"reasoning": ReasoningConfig(budget_tokens=9)}, "reasoning.budget_tokens"),
    ],
)
def test_what_mistral_has_no_word_for_is_refused(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CODEC.encode(call(**fields))
    assert [each.field for each in caught.value.violations] == [path]


def test_models() -> None:
    assert [info.model for info in CODEC.models()] == list(LISTED)
    for name in (LISTED[0], "ft:open-mistral-7b:x"):
        info = CODEC.info(name)
        assert info is not None
        assert (info.provider, info.model) == ("mistral", name)
        assert Feature.TOOLS in info.features
        assert Feature.END_USER not in info.features


def test_where_mistral_is() -> None:
    assert HOME.base_url == "https://api.mistral.ai/v1"
    assert (HOME.base_url_variable, HOME.key_variable) == ("MISTRAL_BASE_URL", "MISTRAL_API_KEY")
