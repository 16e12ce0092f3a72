"""Every request that can be encoded is one that the API takes.

It fits the schema made from the SDK's types, and keeps the rules that the schema does not hold.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import jsonschema
import jsonschema.exceptions
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from adapters.providers.anthropic.models import facts_of
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest
from domain.model.errors import InvalidRequest
from tests.contract.anthropic.reading import CODEC, SHARED
from tests.unit.adapters.providers.anthropic.generated import REQUESTS

SAMPLING = ("temperature", "top_p", "top_k")
SCHEMAS = SHARED / "specs" / "anthropic-from-sdk-2.12.0.schemas.json"


@lru_cache
def schemas() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMAS.read_bytes())
    return found


@lru_cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas()[name])


def encode(request: ChatRequest, delivery: Delivery = Delivery.STREAMED) -> dict[str, Any] | None:
    """Return the body; None: it was refused."""
    try:
        wire = CODEC.encode(ChatCall(request=request, delivery=delivery))
    except InvalidRequest:
        event("refused")
        return None
    event("encoded")
    body: dict[str, Any] = json.loads(wire.body)
    return body


MANY = settings(max_examples=120)


@MANY
@given(REQUESTS, st.sampled_from(Delivery))
def test_every_body_fits_the_schema(request: ChatRequest, delivery: Delivery) -> None:
    if not SCHEMAS.exists():
        pytest.skip(f"the schemas are not there: {SCHEMAS}")
    body = encode(request, delivery)
    if body is not None:
        kind = "Streaming" if delivery is Delivery.STREAMED else "NonStreaming"
        found = jsonschema.exceptions.best_match(
            validator(f"MessageCreateParams{kind}").iter_errors(body)
        )
        assert found is None, found
        # The schema lets other fields pass, and has dropped the ones that only older models take.
        known = {*schemas()[f"MessageCreateParams{kind}"]["properties"], *SAMPLING}
        assert set(body) <= known


@MANY
@given(REQUESTS)
def test_every_body_keeps_the_rules_that_the_schema_does_not_hold(request: ChatRequest) -> None:
    body = encode(request)
    if body is None:
        return
    keeps_the_order_of_turns(body)
    keeps_results_with_their_calls(body)
    keeps_breakpoints_in_order(body)
    keeps_to_what_the_model_takes(body)
    for block in blocks(body):
        keeps_to_fields(block)


@MANY
@given(REQUESTS)
def test_the_same_request_gives_the_same_bytes(request: ChatRequest) -> None:
    call = ChatCall(request=request)
    try:
        first = CODEC.encode(call)
    except InvalidRequest:
        return
    assert CODEC.encode(call).body == first.body


def blocks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from body.get("system", ())
    for message in body["messages"]:
        yield from message["content"]


def keeps_the_order_of_turns(body: dict[str, Any]) -> None:
    facts = facts_of(body["model"])
    assert facts is not None
    roles = [message["role"] for message in body["messages"]]
    assert all(message["content"] for message in body["messages"])
    assert roles[0] == "user"
    assert facts.prefill or roles[-1] != "assistant"
    for index, role in enumerate(roles):
        if role == "system":
            assert facts.system_in_messages
            assert roles[index - 1] == "user"
            assert roles[index + 1 : index + 2] in ([], ["assistant"])
    spoken = [role for role in roles if role != "system"]
    assert all(one != two for one, two in pairwise(spoken))


def keeps_results_with_their_calls(body: dict[str, Any]) -> None:
    open_ids: list[str] = []
    for message in body["messages"]:
        kinds = [block["type"] for block in message["content"]]
        results = [
            block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"
        ]
        assert sorted(results) == sorted(open_ids)
        assert kinds[: len(results)] == ["tool_result"] * len(results)
        open_ids = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert message["role"] == "assistant" or not open_ids
        assert message["role"] == "user" or not results
    assert not open_ids


def keeps_breakpoints_in_order(body: dict[str, Any]) -> None:
    prefix = [*body.get("tools", ()), *blocks(body)]
    marks = [block["cache_control"] for block in prefix if "cache_control" in block]
    # None is hidden elsewhere: inside a result, on a message, or on the body.
    assert json.dumps(body).count('"cache_control"') == len(marks)
    assert len(marks) <= 4
    assert all(mark["type"] == "ephemeral" for mark in marks)
    # As it happens, "1h" sorts before "5m".
    ttls = [mark.get("ttl", "5m") for mark in marks]
    assert ttls == sorted(ttls)


def keeps_to_what_the_model_takes(body: dict[str, Any]) -> None:
    facts = facts_of(body["model"])
    assert facts is not None
    thinking = body.get("thinking", {})
    effort = body.get("output_config", {}).get("effort")
    assert effort is None or effort in facts.efforts
    assert thinking.get("type") in {None, facts.thinking_off, *facts.thinking}
    assert facts.structured_output or "format" not in body.get("output_config", {})
    sampling = {name: body[name] for name in SAMPLING if name in body}
    assert facts.sampling or not sampling
    assert 0 <= sampling.get("temperature", 0) <= 1
    if thinking.get("type") in {"enabled", "adaptive"}:
        assert sampling.get("temperature", 1) == 1
        assert sampling.get("top_p", 1) >= 0.95
        assert "top_k" not in sampling
    if thinking.get("type") == "enabled":
        assert 1_024 <= thinking["budget_tokens"] < body["max_tokens"]
        assert body.get("tool_choice", {}).get("type") not in {"any", "tool"}
    assert body["max_tokens"] >= 1
    if body.get("tool_choice", {}).get("type") in {"any", "tool"}:
        assert facts.forced_tool_choice
    assert ("tool_choice" in body) <= ("tools" in body)
    assert "seed" not in body


FIELDS = {
    "text": {"text"},
    "image": {"source"},
    "document": {"source"},
    "tool_use": {"id", "name", "input"},
    "tool_result": {"tool_use_id"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
}
OPTIONAL = {"tool_result": {"content", "is_error"}}


def keeps_to_fields(block: dict[str, Any]) -> None:
    kind = block["type"]
    fields = set(block) - {"type", "cache_control"}
    assert FIELDS[kind] <= fields <= FIELDS[kind] | OPTIONAL.get(kind, set())
    if kind == "text":
        assert block["text"].strip()
    if kind in {"thinking", "redacted_thinking"}:
        assert "cache_control" not in block
        assert block.get("signature", block.get("data"))
    if kind == "tool_use":
        assert isinstance(block["input"], dict)
    if kind == "tool_result":
        assert block.get("content") or not block.get("is_error")
        for piece in block.get("content", ()):
            assert piece["type"] in {"text", "image", "document"}
            keeps_to_fields(piece)
