"""Every request that can be encoded is one that OpenAI takes.

It fits the schema made from the SDK's types, and keeps the rules that the schema does not hold.
"""

import json
from functools import lru_cache
from typing import Any

import jsonschema
import jsonschema.exceptions
import pytest
from hypothesis import event, given, settings

from adapters.providers.openai.models import MODELS, ModelFacts, ToolRule, facts_of
from domain.model.call import ChatCall, Delivery
from domain.model.chat import UnsupportedParams
from domain.model.errors import InvalidRequest
from domain.model.model_info import Feature
from tests.support.chat_contract import SPECS
from tests.support.chat_requests import calls, passes, strict
from tests.unit.adapters.providers.openai.asking import CODEC

SCHEMAS = SPECS / "openai-from-sdk-3.54.0.schemas.json"
CALLS = calls([*MODELS, "gpt-9"], [None, 1_800.0, 43_200.0])
MANY = settings(max_examples=100)


@lru_cache
def validator(kind: str) -> jsonschema.Draft202012Validator:
    if not SCHEMAS.exists():
        pytest.skip(f"the schemas are not there: {SCHEMAS}")
    schema = json.loads(SCHEMAS.read_bytes())[f"CompletionCreateParams{kind}"]
    return jsonschema.Draft202012Validator(strict(schema))


def encoded(call: ChatCall) -> tuple[ChatCall, dict[str, Any]] | None:
    """Return what the service hands on of `call` and what is sent for it; None: it is refused."""
    info = CODEC.info(call.request.model)
    assert info is not None
    passed = passes(call, info)
    if passed is None:
        event("refused by the service")
        return None
    try:
        body: dict[str, Any] = json.loads(CODEC.encode(passed).body)
    except InvalidRequest:
        event("refused by the codec")
        return None
    event("encoded")
    return passed, body


@MANY
@given(CALLS)
def test_every_body_fits_the_schema(call: ChatCall) -> None:
    found = encoded(call)
    if found is not None:
        kind = "Streaming" if call.delivery is Delivery.STREAMED else "NonStreaming"
        problems = validator(kind).iter_errors(found[1])
        assert jsonschema.exceptions.best_match(problems) is None


@MANY
@given(CALLS)
def test_every_body_keeps_the_rules_that_the_schema_does_not_hold(call: ChatCall) -> None:
    found = encoded(call)
    if found is None:
        return
    passed, body = found
    facts = facts_of(call.request.model)
    assert facts is not None
    assert "max_tokens" not in body
    assert "user" not in body
    assert CODEC.encode(passed) == CODEC.encode(passed)
    keeps_to_what_the_model_takes(body, facts)
    keeps_results_with_their_calls(body)
    assert ("stream_options" in body) == (body.get("stream") is True)
    if passed.request.unsupported_params is UnsupportedParams.REJECT:
        loses_nothing(passed, body)


def keeps_to_what_the_model_takes(body: dict[str, Any], facts: ModelFacts) -> None:
    effort = body.get("reasoning_effort")
    resting = effort == "none" or (effort is None and facts.rests)
    assert effort is None or effort in facts.efforts.values()
    if "tools" in body:
        assert Feature.TOOLS in facts.features
        assert facts.tools is not ToolRule.RESTING or effort == "none"
        assert facts.tools is not ToolRule.UNSAID or effort in (None, "none")
    for field, feature in (
        ("temperature", Feature.TEMPERATURE),
        ("top_p", Feature.TOP_P),
        ("stop", Feature.STOP),
        ("presence_penalty", Feature.PENALTIES),
    ):
        assert field not in body or feature in facts.features
    if facts.samples_resting and not resting:
        assert not {"temperature", "top_p"} & body.keys()
    assert {message["role"] for message in body["messages"]} <= set(facts.roles.values())
    marked = [part for part in parts(body) if "prompt_cache_breakpoint" in part]
    if not facts.cache_ttls_s:
        assert not marked
        assert "prompt_cache_options" not in body
    assert not marked or "prompt_cache_options" in body


def keeps_results_with_their_calls(body: dict[str, Any]) -> None:
    open_calls: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            open_calls.remove(message["tool_call_id"])
        else:
            assert open_calls == []
            open_calls = [each["id"] for each in message.get("tool_calls", ())]
    assert open_calls == []


def loses_nothing(call: ChatCall, body: dict[str, Any]) -> None:
    request = call.request
    for asked, field in (
        (request.temperature, "temperature"),
        (request.top_p, "top_p"),
        (request.seed, "seed"),
        (request.max_tokens, "max_completion_tokens"),
        (request.end_user or None, "safety_identifier"),
    ):
        assert body.get(field) == asked
    said = request.reasoning
    assert said is None or said.effort is None or "reasoning_effort" in body
    assert len(body.get("tools", ())) == len(request.tools)


def parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    contents = (message["content"] for message in body["messages"])
    return [part for content in contents if isinstance(content, list) for part in content]
