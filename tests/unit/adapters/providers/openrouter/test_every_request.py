"""Every request that can be encoded fits OpenRouter's own description of its API, and the rules beside it."""

import json
from functools import lru_cache
from typing import Any

import jsonschema
import jsonschema.exceptions
import pytest
from hypothesis import event, given, settings

from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from domain.model.call import ChatCall
from domain.model.chat import Reasoning
from domain.model.errors import InvalidRequest
from tests.support.chat_contract import SPECS
from tests.support.chat_requests import calls, strict

CODEC = openrouter_codec(OpenRouterConfig(require_parameters=True))
SPECIFICATION = SPECS / "openrouter-openapi.yaml"
CALLS = calls(["anthropic/claude-x", "a/b:free"], [None, 300.0, 3_600.0])
MANY = settings(max_examples=100)
# Described nowhere but in the guides: marks on parts that are no text, and two ways to say how to think.
GUIDES = {
    "ChatContentImage": {"cache_control": {"$ref": "#/components/schemas/ChatContentCacheControl"}},
    "ChatContentFile": {"cache_control": {"$ref": "#/components/schemas/ChatContentCacheControl"}},
    "ChatContentAudio": {"cache_control": {"$ref": "#/components/schemas/ChatContentCacheControl"}},
}
REASONING = {"exclude": {"type": "boolean"}, "max_tokens": {"type": "integer", "minimum": 1}}


@lru_cache
def validator() -> jsonschema.Draft202012Validator:
    if not SPECIFICATION.exists():
        pytest.skip(f"the specification is not there: {SPECIFICATION}")
    yaml = pytest.importorskip("yaml")
    with SPECIFICATION.open("rb") as file:
        document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    schemas: dict[str, Any] = document["components"]["schemas"]
    for name, fields in GUIDES.items():
        schemas[name]["properties"].update(fields)
    schemas["ChatRequest"]["properties"]["reasoning"]["properties"].update(REASONING)
    ours = {name: strict(schema) for name, schema in schemas.items() if name.startswith("Chat")}
    return jsonschema.Draft202012Validator(
        {
            "$ref": "#/components/schemas/ChatRequest",
            "components": {"schemas": {**schemas, **ours}},
        }
    )


def encoded(call: ChatCall) -> dict[str, Any] | None:
    try:
        body: dict[str, Any] = json.loads(CODEC.encode(call).body)
    except InvalidRequest:
        event("refused")
        return None
    event("encoded")
    return body


@MANY
@given(CALLS)
def test_every_body_fits_the_description(call: ChatCall) -> None:
    body = encoded(call)
    if body is not None:
        assert jsonschema.exceptions.best_match(validator().iter_errors(body)) is None


@MANY
@given(CALLS)
def test_every_body_keeps_the_rules_that_the_description_does_not_hold(call: ChatCall) -> None:
    body = encoded(call)
    if body is None:
        return
    assert CODEC.encode(call) == CODEC.encode(call)
    assert json.dumps(body).count('"ephemeral"') <= 4
    reasoning = body.get("reasoning", {})
    assert not {"effort", "max_tokens"} <= reasoning.keys()
    assert "reasoning_effort" not in body
    assert not (body.get("tools") and reasoning.get("exclude"))
    assert "stream_options" not in body
    for message, wire in zip(said(call), answers(body), strict=True):
        given_back = wire.get("reasoning_details", [])
        own = [part for part in message if part.provider == "openrouter" and part.signature]
        assert given_back == [each for part in own for each in json.loads(part.signature)]


def said(call: ChatCall) -> list[list[Reasoning]]:
    return [
        [part for part in message.parts if isinstance(part, Reasoning)]
        for message in call.request.messages
        if message.role == "assistant"
    ]


def answers(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [message for message in body["messages"] if message["role"] == "assistant"]
