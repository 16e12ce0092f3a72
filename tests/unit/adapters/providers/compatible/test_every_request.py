"""Every request to those who speak like OpenAI fits OpenAI's own schema, and their rules beside it."""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jsonschema
import jsonschema.exceptions
import pytest
from hypothesis import event, given, settings

from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.compatible.codec import CompatibleConfig, compatible_codec
from adapters.providers.deepseek.codec import deepseek_codec
from adapters.providers.groq.codec import groq_codec
from adapters.providers.mistral.codec import MistralConfig, mistral_codec
from domain.model.call import ChatCall
from domain.model.errors import InvalidRequest
from tests.support.chat_contract import SPECS
from tests.support.chat_requests import calls, passes, strict

SCHEMAS = SPECS / "openai-from-sdk-3.54.0.schemas.json"
CODECS: dict[str, ChatCompletionsCodec] = {
    "compatible": compatible_codec(CompatibleConfig(name="compatible")),
    "mistral": mistral_codec(MistralConfig()),
    "deepseek": deepseek_codec(),
    "groq": groq_codec(),
}
CALLS = calls(["m"], [None])
MANY = settings(max_examples=20)
# Fields that each has beside OpenAI's, with what OpenAI calls the same.
OWN_FIELDS = {"mistral": {"random_seed": "seed"}}
NOT_OPENAIS = {"thinking", "top_k"}
OWN_MESSAGE_FIELDS = {"deepseek": {"reasoning_content"}}


@lru_cache
def validator() -> jsonschema.Draft202012Validator:
    if not SCHEMAS.exists():
        pytest.skip(f"the schemas are not there: {SCHEMAS}")
    schema = json.loads(SCHEMAS.read_bytes())["CompletionCreateParamsStreaming"]
    return jsonschema.Draft202012Validator(strict(schema))


def encoded(name: str, call: ChatCall) -> dict[str, Any] | None:
    codec = CODECS[name]
    info = codec.info(call.request.model)
    assert info is not None
    passed = passes(call, info)
    if passed is None:
        event("refused by the service")
        return None
    try:
        wire = codec.encode(passed)
    except InvalidRequest:
        event("refused by the codec")
        return None
    event("encoded")
    assert wire == codec.encode(passed)
    body: dict[str, Any] = json.loads(wire.body)
    return body


def as_openai(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return `body` in OpenAI's words, streamed."""
    words = OWN_FIELDS.get(name, {})
    renamed = {words.get(key, key): value for key, value in body.items() if key not in NOT_OPENAIS}
    for message in renamed["messages"]:
        for field in OWN_MESSAGE_FIELDS.get(name, ()):
            message.pop(field, None)
    return {**renamed, "stream": True}


@pytest.mark.parametrize("name", CODECS)
@MANY
@given(CALLS)
def test_every_body_fits_openais_schema(name: str, call: ChatCall) -> None:
    body = encoded(name, call)
    if body is not None:
        problems = validator().iter_errors(as_openai(name, body))
        assert jsonschema.exceptions.best_match(problems) is None


def mistral_ids(body: dict[str, Any]) -> None:
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", each) for each in called(body))
    assert "seed" not in body
    assert "stream_options" not in body


def deepseek_words(body: dict[str, Any]) -> None:
    assert body.get("response_format", {}).get("type") != "json_schema"
    assert not {"seed", "top_k", "user"} & body.keys()
    assert (body.get("thinking", {}).get("type") == "enabled") == ("reasoning_effort" in body)


def groq_words(body: dict[str, Any]) -> None:
    assert not {"top_k", "max_tokens"} & body.keys()


def least_words(body: dict[str, Any]) -> None:
    assert "max_completion_tokens" not in body


RULES: dict[str, Callable[[dict[str, Any]], None]] = {
    "compatible": least_words,
    "mistral": mistral_ids,
    "deepseek": deepseek_words,
    "groq": groq_words,
}


@pytest.mark.parametrize("name", CODECS)
@MANY
@given(CALLS)
def test_every_body_keeps_the_rules_of_its_provider(name: str, call: ChatCall) -> None:
    body = encoded(name, call)
    if body is None:
        return
    RULES[name](body)
    roles = {message["role"] for message in body["messages"]}
    assert roles <= {"system", "user", "assistant", "tool"}
    assert "cache_control" not in json.dumps(body)
    results = [each["tool_call_id"] for each in body["messages"] if each["role"] == "tool"]
    assert results == called(body)


def called(body: dict[str, Any]) -> list[str]:
    return [each["id"] for message in body["messages"] for each in message.get("tool_calls") or ()]
