"""Mistral is the dialect with other words; it refuses fields that it does not know."""

import json
from typing import Any

import pytest

from adapters.providers.mistral.codec import HOME, LISTED, MistralConfig, mistral_codec
from domain.model.caching import CacheControl
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, ReasoningConfig, ReasoningEffort, Role, Text
from domain.model.errors import InvalidRequest
from domain.model.model_info import Feature

CODEC = mistral_codec(MistralConfig())
TALK = tuple(
    Message(role=role, parts=(Text(text="a"),)) for role in (Role.SYSTEM, Role.DEVELOPER, Role.USER)
)


def call(**fields: Any) -> ChatCall:
    asked: dict[str, Any] = {"model": "mistral-small-latest", "messages": TALK, **fields}
    return ChatCall(request=ChatRequest(**asked), delivery=Delivery.STREAMED)


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
