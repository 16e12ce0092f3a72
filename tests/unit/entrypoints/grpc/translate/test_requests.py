"""From the wire's request to the core's."""

import math
import struct

import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.model.chat import (
    ChatRequest,
    JsonObjectFormat,
    JsonSchemaFormat,
    Message,
    OnDisconnect,
    ReasoningConfig,
    ReasoningEffort,
    ResponseFormat,
    Role,
    Text,
    TextFormat,
    Timeouts,
    UnsupportedParams,
)
from domain.model.errors import InvalidRequest
from domain.model.response_cache import CacheMode, ResponseCachePolicy
from domain.model.routing import MidStream, Routing
from domain.model.target import Target
from domain.model.tools import Tool, ToolChoice, ToolMode
from domain.policy.validation import violations
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.requests import float_of, json_of, request_of
from tests.support.core_pb import requests, structs

LAWS = settings(max_examples=150)
HELLO = pb.ChatMessage(role="user", content="hello")


def understood(request: pb.LLMRequest) -> ChatRequest | InvalidRequest:
    try:
        return request_of(request)
    except InvalidRequest as error:
        return error


@LAWS
@given(requests)
def test_any_request_is_understood_or_refused_by_path(request: pb.LLMRequest) -> None:
    found = understood(request)
    if isinstance(found, InvalidRequest):
        wrong = list(found.violations)
        assert wrong
    else:
        # What is understood may still make no sense; that too is named.
        wrong = violations(found)
    assert all(each.field and each.description for each in wrong)


def test_an_empty_request_is_all_unset() -> None:
    assert request_of(pb.LLMRequest()) == ChatRequest(model="", messages=())


def test_every_field_arrives() -> None:
    schema = pb.JsonSchemaFormat(name="n", schema="{}", strict=False)
    found = request_of(
        pb.LLMRequest(
            provider="p",
            model="m",
            messages=[HELLO],
            temperature=0.7,
            top_p=0.9,
            top_k=3,
            max_tokens=4,
            stop=["a", "b"],
            seed=-5,
            presence_penalty=0.1,
            frequency_penalty=-0.2,
            tools=[
                pb.Tool(name="f", description="d", parameters_json_schema="{ }", strict=True),
                pb.Tool(name="g"),
            ],
            tool_choice=pb.ToolChoice(mode=pb.TOOL_MODE_REQUIRED, allowed_names=["f"]),
            parallel_tool_calls=False,
            response_format=pb.ResponseFormat(json_schema=schema),
            reasoning=pb.ReasoningConfig(
                effort=pb.REASONING_EFFORT_HIGH, budget_tokens=0, include_content=False
            ),
            timeouts=pb.TimeoutPolicy(
                first_token=Duration(seconds=1, nanos=500_000_000), idle=Duration(seconds=2)
            ),
            routing=pb.RoutingPolicy(
                fallbacks=[pb.Target(provider="b", model="n"), pb.Target(model="c/o")],
                max_attempts=2,
                mid_stream=pb.MID_STREAM_POLICY_RESTART_WITH_MARKER,
                on_disconnect=pb.DISCONNECT_POLICY_DRAIN,
                retry_after_accept=False,
            ),
            response_cache=pb.ResponseCachePolicy(
                mode=pb.RESPONSE_CACHE_MODE_WRITE_ONLY,
                ttl=Duration(seconds=3),
                max_age=Duration(),
                scope="s",
                coalesce=True,
            ),
            idempotency_key="k",
            labels={"team": "search"},
            end_user="u",
            unsupported_params=pb.UNSUPPORTED_PARAM_POLICY_WARN_AND_DROP,
            provider_options={"p": Struct()},
        )
    )
    assert found == ChatRequest(
        provider="p",
        model="m",
        messages=(Message(role=Role.USER, parts=(Text(text="hello"),)),),
        temperature=0.7,
        top_p=0.9,
        top_k=3,
        max_tokens=4,
        stop=("a", "b"),
        seed=-5,
        presence_penalty=0.1,
        frequency_penalty=-0.2,
        tools=(
            Tool(name="f", description="d", parameters_json_schema="{ }", strict=True),
            Tool(name="g"),
        ),
        tool_choice=ToolChoice(mode=ToolMode.REQUIRED, allowed_names=("f",)),
        parallel_tool_calls=False,
        response_format=JsonSchemaFormat(name="n", schema="{}", strict=False),
        reasoning=ReasoningConfig(
            effort=ReasoningEffort.HIGH, budget_tokens=0, include_content=False
        ),
        timeouts=Timeouts(first_token_s=1.5, idle_s=2.0),
        routing=Routing(
            fallbacks=(Target("b", "n"), Target("", "c/o")),
            max_attempts=2,
            mid_stream=MidStream.RESTART_WITH_MARKER,
            retry_after_accept=False,
        ),
        on_disconnect=OnDisconnect.DRAIN,
        response_cache=ResponseCachePolicy(
            mode=CacheMode.WRITE_ONLY, ttl_s=3.0, max_age_s=0.0, scope="s", coalesce=True
        ),
        idempotency_key="k",
        labels={"team": "search"},
        end_user="u",
        unsupported_params=UnsupportedParams.WARN_AND_DROP,
        provider_options={"p": {}},
    )


def test_no_field_of_the_request_is_forgotten() -> None:
    """Every field, set alone, makes a difference; a new one must be translated."""
    set_alone = {
        "provider": pb.LLMRequest(provider="p"),
        "model": pb.LLMRequest(model="m"),
        "messages": pb.LLMRequest(messages=[HELLO]),
        "temperature": pb.LLMRequest(temperature=0),
        "top_p": pb.LLMRequest(top_p=0),
        "top_k": pb.LLMRequest(top_k=0),
        "max_tokens": pb.LLMRequest(max_tokens=0),
        "stop": pb.LLMRequest(stop=["x"]),
        "seed": pb.LLMRequest(seed=0),
        "presence_penalty": pb.LLMRequest(presence_penalty=0),
        "frequency_penalty": pb.LLMRequest(frequency_penalty=0),
        "cache_control": pb.LLMRequest(cache_control=pb.CacheControl(use_cache=True)),
        "tools": pb.LLMRequest(tools=[pb.Tool()]),
        "tool_choice": pb.LLMRequest(tool_choice=pb.ToolChoice()),
        "parallel_tool_calls": pb.LLMRequest(parallel_tool_calls=False),
        "response_format": pb.LLMRequest(response_format=pb.ResponseFormat(text=pb.TextFormat())),
        "reasoning": pb.LLMRequest(reasoning=pb.ReasoningConfig()),
        "routing": pb.LLMRequest(
            routing=pb.RoutingPolicy(on_disconnect=pb.DISCONNECT_POLICY_CANCEL)
        ),
        "timeouts": pb.LLMRequest(timeouts=pb.TimeoutPolicy(idle=Duration())),
        "response_cache": pb.LLMRequest(response_cache=pb.ResponseCachePolicy()),
        "idempotency_key": pb.LLMRequest(idempotency_key="k"),
        "labels": pb.LLMRequest(labels={"a": "b"}),
        "end_user": pb.LLMRequest(end_user="u"),
        "unsupported_params": pb.LLMRequest(
            unsupported_params=pb.UNSUPPORTED_PARAM_POLICY_WARN_AND_DROP
        ),
        "provider_options": pb.LLMRequest(provider_options={"p": Struct()}),
    }
    assert set(set_alone) == {field.name for field in pb.LLMRequest.DESCRIPTOR.fields}
    unset = request_of(pb.LLMRequest())
    assert [name for name, each in set_alone.items() if request_of(each) == unset] == []


def test_all_that_cannot_be_understood_is_named_with_all_that_makes_no_sense() -> None:
    with pytest.raises(InvalidRequest) as caught:
        request_of(
            pb.LLMRequest(
                messages=[
                    pb.ChatMessage(role="robot", content="x"),
                    pb.ChatMessage(role="user", content="x", parts=[pb.ContentPart(text="y")]),
                    pb.ChatMessage(role="user", parts=[pb.ContentPart()]),
                ],
                temperature=3,
                tool_choice=pb.ToolChoice(mode=77),  # type: ignore[arg-type]
                reasoning=pb.ReasoningConfig(effort=77),  # type: ignore[arg-type]
                unsupported_params=77,  # type: ignore[arg-type]
            )
        )
    assert [each.field for each in caught.value.violations] == [
        "messages[0].role",
        "messages[1].content",
        "messages[2].parts[0]",
        "tool_choice.mode",
        "reasoning.effort",
        "unsupported_params",
        "model",
        "temperature",
        "tool_choice",
    ]


@pytest.mark.parametrize(
    ("wire", "meant"),
    [
        (pb.ResponseFormat(), None),
        (pb.ResponseFormat(text=pb.TextFormat()), TextFormat()),
        (pb.ResponseFormat(json_object=pb.JsonObjectFormat()), JsonObjectFormat()),
        (
            pb.ResponseFormat(json_schema=pb.JsonSchemaFormat(name="n", schema="s")),
            JsonSchemaFormat(name="n", schema="s"),
        ),
    ],
    ids=["unset", "text", "json_object", "json_schema"],
)
def test_each_format_has_its_value(wire: pb.ResponseFormat, meant: ResponseFormat | None) -> None:
    assert request_of(pb.LLMRequest(response_format=wire)).response_format == meant


@pytest.mark.parametrize("number", pb.ToolMode.values())
def test_every_tool_mode_of_the_wire_is_known(number: pb.ToolMode) -> None:
    choice = request_of(pb.LLMRequest(tool_choice=pb.ToolChoice(mode=number))).tool_choice
    name = pb.ToolMode.Name(number).removeprefix("TOOL_MODE_")
    assert choice is not None
    assert choice.mode is ToolMode("auto" if name == "UNSPECIFIED" else name.lower())


@pytest.mark.parametrize("number", pb.ReasoningEffort.values())
def test_every_effort_of_the_wire_is_known(number: pb.ReasoningEffort) -> None:
    wanted = request_of(pb.LLMRequest(reasoning=pb.ReasoningConfig(effort=number))).reasoning
    name = pb.ReasoningEffort.Name(number).removeprefix("REASONING_EFFORT_")
    assert wanted is not None
    assert wanted.effort == (None if name == "UNSPECIFIED" else ReasoningEffort(name.lower()))


@pytest.mark.parametrize("number", pb.UnsupportedParamPolicy.values())
def test_every_policy_of_the_wire_is_known(number: pb.UnsupportedParamPolicy) -> None:
    found = request_of(pb.LLMRequest(unsupported_params=number)).unsupported_params
    name = pb.UnsupportedParamPolicy.Name(number).removeprefix("UNSUPPORTED_PARAM_POLICY_")
    assert found is UnsupportedParams("reject" if name == "UNSPECIFIED" else name.lower())


# ------------------------------------------------------------------ numbers


def single(value: float) -> float:
    """Return what is left of `value` in 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


@LAWS
@given(st.integers(-(10**6) + 1, 10**6 - 1), st.integers(-6, 6))
def test_a_decimal_that_a_caller_writes_is_the_one_we_read(digits: int, exponent: int) -> None:
    written = float(f"{digits}e{exponent}")
    assert float_of(single(written)) == written


@LAWS
@given(st.integers(0x0080_0000, 0x7F7F_FFFF), st.booleans())
@example(0x3C24_AE3A, False)  # needs nine digits
def test_no_decimal_is_longer_than_it_needs_to_be_nor_another_number(
    bits: int, negative: bool
) -> None:
    (value,) = struct.unpack("f", struct.pack("I", bits | (negative << 31)))
    found = float_of(value)
    assert single(found) == value
    assert found == float(f"{found:.9g}")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_stays_none(value: float) -> None:
    assert repr(float_of(value)) == repr(value)


@pytest.mark.parametrize(
    ("written", "read"), [(0.7, 0.7), (1.0, 1.0), (0.1, 0.1), (0.010000001, 0.010000001)]
)
def test_a_temperature_arrives_as_it_was_written(written: float, read: float) -> None:
    assert request_of(pb.LLMRequest(temperature=written)).temperature == read


def test_whole_numbers_among_options_are_integers() -> None:
    options = Struct()
    options.update({"n": 3, "big": 2.0**60, "x": 0.5, "deep": [{"n": -1}], "none": None, "b": True})
    found = json_of(options)
    assert found == {"n": 3, "big": 2.0**60, "x": 0.5, "deep": [{"n": -1}], "none": None, "b": True}
    assert type(found["n"]) is int
    assert type(found["big"]) is float  # beyond 2**53 the wire's double does not know which integer
    assert found["b"] is True


@LAWS
@given(structs)
def test_any_options_become_json_that_says_the_same(options: Struct) -> None:
    again = Struct()
    try:
        expected = json_format.MessageToDict(options)
    except (json_format.SerializeToJsonError, ValueError):
        # A value of no kind, or NaN: JSON has no word for it, but it must not break us.
        json_of(options)
        return
    again.update(json_of(options))
    assert json_format.MessageToDict(again) == expected


@pytest.mark.parametrize("number", pb.DisconnectPolicy.values())
def test_every_disconnect_policy_of_the_wire_is_known(number: pb.DisconnectPolicy) -> None:
    routing = pb.RoutingPolicy(on_disconnect=number)
    found = request_of(pb.LLMRequest(routing=routing)).on_disconnect
    name = pb.DisconnectPolicy.Name(number).removeprefix("DISCONNECT_POLICY_")
    assert found == (None if name == "UNSPECIFIED" else OnDisconnect(name.lower()))


def test_a_disconnect_policy_that_is_none_is_named() -> None:
    routing = pb.RoutingPolicy(on_disconnect=77)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as caught:
        request_of(pb.LLMRequest(routing=routing))
    assert "routing.on_disconnect" in [each.field for each in caught.value.violations]
