"""Whatever is asked, the request obeys Gemini's rules, or is refused by the paths of what is wrong."""

import re
from collections.abc import Sequence

import orjson
from hypothesis import given, settings

from adapters.wire.codec import WireRequest
from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Refusal, Text, ToolResult
from domain.model.errors import FieldViolation, InvalidRequest
from tests.unit.adapters.providers.gemini.asking import CODEC
from tests.unit.adapters.providers.gemini.conversations import requests, wild
from tests.unit.adapters.providers.gemini.rules import Body, broken_rules

# A busy machine is no failure.
patiently = settings(max_examples=60)
PATH = re.compile(r"[a-z_]+(\[\d+\]|\.[A-Za-z_]+)*")


def encode(request: ChatRequest) -> WireRequest:
    return CODEC.encode(ChatCall(request=request))


def broken(request: ChatRequest, body: Body) -> list[str]:
    facts = CODEC.config.table().find(request.model.removeprefix("models/"))
    return broken_rules(body, signed_calls=facts.signed_calls, continues=facts.continues)


@patiently
@given(requests())
def test_a_sensible_request_can_be_said_and_obeys_the_rules(request: ChatRequest) -> None:
    wire = encode(request)
    assert broken(request, orjson.loads(wire.body)) == []
    assert {warning.code for warning in wire.warnings} <= {"PARAM_DROPPED"}


@settings(patiently, max_examples=500)
@given(wild)
def test_a_wild_request_obeys_the_rules_or_is_refused(request: ChatRequest) -> None:
    refused: Sequence[FieldViolation] = ()
    try:
        wire = encode(request)
    except InvalidRequest as error:
        refused = error.violations
    else:
        assert broken(request, orjson.loads(wire.body)) == []
        return
    assert refused
    assert all(PATH.fullmatch(each.field) for each in refused)


@patiently
@given(requests())
def test_nothing_that_was_said_is_lost_or_moved(request: ChatRequest) -> None:
    body = orjson.loads(encode(request).body)
    wire = [*body.get("systemInstruction", {"parts": ()})["parts"]]
    wire += [part for turn in body["contents"] for part in turn["parts"]]
    sent = [part["text"] for part in wire if part.get("text") and not part.get("thought")]
    spoken = [
        part.text
        for message in request.messages
        for part in message.parts
        if isinstance(part, Text | Refusal) and part.text
    ]
    assert sent == spoken
    asked = [
        part
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolResult)
    ]
    assert sum("functionResponse" in part for part in wire) == len(asked)


@patiently
@given(requests())
def test_the_same_request_is_the_same_bytes(request: ChatRequest) -> None:
    assert encode(request) == encode(request)


@patiently
@given(requests())
def test_nothing_is_dropped_without_a_warning(request: ChatRequest) -> None:
    config = orjson.loads(encode(request).body).get("generationConfig", {})
    warned = {warning.message.split(" ")[0] for warning in encode(request).warnings}
    for field, name in {
        "temperature": "temperature",
        "top_p": "topP",
        "top_k": "topK",
        "seed": "seed",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
        "max_tokens": "maxOutputTokens",
    }.items():
        value = getattr(request, field)
        assert (value is None) or (name in config) != (field in warned)
    marked = request.cache_control is not None
    assert marked == ("cache_control" in warned)
    assert bool(request.end_user) == ("end_user" in warned)
