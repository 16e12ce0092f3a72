"""The body as a whole: what is in it, and that the same call gives the same bytes."""

import json
from typing import Any

import pytest

from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.providers.anthropic.models import ANY, ModelFacts
from adapters.wire.codec import Codec
from domain.model.call import ChatCall, Delivery
from domain.model.chat import JsonObjectFormat, JsonSchemaFormat, TextFormat
from domain.model.tools import Tool
from tests.unit.adapters.providers.anthropic.asking import (
    CODEC,
    NEW,
    OLD,
    body,
    encoded,
    refused,
    request,
    user,
    warned,
)


def options(**fields: Any) -> dict[str, Any]:
    return {"provider_options": {"anthropic": fields, "openai": {"model": "gpt"}}}


def test_it_is_a_codec() -> None:
    # Said to the type checkers; protocols are not checked at run time.
    codec: Codec = AnthropicCodec()
    assert codec.name == "anthropic"


def test_a_request_is_posted_to_messages_with_the_version() -> None:
    wire = encoded()
    assert wire.path == "/v1/messages"
    assert wire.headers == {"anthropic-version": "2023-06-01"}
    assert wire.warnings == ()


def test_delivery_decides_whether_it_streams() -> None:
    streamed = CODEC.encode(ChatCall(request=request(), delivery=Delivery.STREAMED))
    whole = CODEC.encode(ChatCall(request=request(), delivery=Delivery.WHOLE))
    assert json.loads(streamed.body)["stream"] is True
    assert "stream" not in json.loads(whole.body)


@pytest.mark.parametrize(
    ("model", "bound"),
    [(NEW, 32_000), (OLD, 8_192), ("claude-3-haiku-20240307", 4_096), ("claude-x", 32_000)],
)
def test_the_bound_that_the_api_demands_depends_on_the_model(model: str, bound: int) -> None:
    assert body(model=model)["max_tokens"] == bound
    assert body(model=model, max_tokens=7)["max_tokens"] == 7


def test_an_unknown_name_is_encoded_like_a_newer_model() -> None:
    assert body(model="nobody")["model"] == "nobody"
    lab = AnthropicCodec(facts={ANY: ModelFacts(sampling=True)})
    assert json.loads(encoded(codec=lab, model="m", temperature=0.1).body)["temperature"] == 0.1


def test_the_end_user_and_the_stop_sequences_have_their_fields() -> None:
    sent = body(end_user="u-1", stop=("END", "\n\nHuman:"))
    assert sent["metadata"] == {"user_id": "u-1"}
    assert sent["stop_sequences"] == ["END", "\n\nHuman:"]


def test_stopping_at_white_space_is_refused() -> None:
    assert set(refused(stop=("a", "\n"))) == {"stop[1]"}


@pytest.mark.parametrize(
    "field", [{"seed": 1}, {"presence_penalty": 0.5}, {"frequency_penalty": 0.0}]
)
def test_what_the_api_has_no_word_for_is_refused_or_dropped(field: dict[str, Any]) -> None:
    (name,) = field
    assert set(refused(**field)) == {name}
    sent, about = warned(**field)
    assert name not in sent
    assert about == [("PARAM_DROPPED", name)]


def test_a_schema_for_the_answer_is_sent_byte_for_byte() -> None:
    schema = '{"type":"object" ,"b":1.0,"a":{}}'
    wire = encoded(response_format=JsonSchemaFormat(name="n", schema=schema, strict=True))
    assert b'"output_config":{"format":{"schema":' + schema.encode() in wire.body


def test_answers_in_a_form_are_asked_of_models_that_can() -> None:
    schema = JsonSchemaFormat(name="n", schema="{}")
    old = "claude-sonnet-4-0"
    assert set(refused(model=old, response_format=schema)) == {"response_format.json_schema"}
    assert "output_config" not in warned(model=old, response_format=schema)[0]
    assert set(refused(response_format=JsonObjectFormat())) == {"response_format.json_object"}
    assert "output_config" not in body(response_format=TextFormat())
    broken = JsonSchemaFormat(name="n", schema="x")
    assert set(refused(response_format=broken)) == {"response_format.json_schema.schema"}


# ---------------------------------------------------------------- the provider's own options
def test_options_are_merged_last() -> None:
    sent = body(
        end_user="u",
        stop=("a",),
        max_tokens=5,
        response_format=JsonSchemaFormat(name="n", schema="{}"),
        tools=(Tool(name="f"),),
        **options(
            service_tier="standard_only",
            max_tokens=6,
            metadata={"other": 1},
            output_config={"effort": "max"},
            thinking={"type": "adaptive"},
            stop_sequences=("b",),
            tools=[{"type": "web_search_20260318", "name": "web_search"}],
        ),
    )
    assert (sent["service_tier"], sent["max_tokens"]) == ("standard_only", 6)
    assert sent["metadata"] == {"user_id": "u", "other": 1}
    assert sent["output_config"]["effort"] == "max"
    assert sent["output_config"]["format"]["type"] == "json_schema"
    assert sent["thinking"] == {"type": "adaptive"}
    assert sent["stop_sequences"] == ["a", "b"]
    assert [tool["name"] for tool in sent["tools"]] == ["f", "web_search"]
    assert sent["model"] == NEW


def test_an_option_with_a_type_of_its_own_replaces_ours() -> None:
    sent = body(
        tools=(Tool(name="f"),),
        parallel_tool_calls=False,
        **options(tool_choice={"type": "any"}),
    )
    assert sent["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize("name", ["model", "messages", "stream"])
def test_options_do_not_change_whom_what_and_how_is_asked(name: str) -> None:
    assert set(refused(**options(**{name: "x"}))) == {f"provider_options.anthropic.{name}"}


def test_betas_are_a_header_each_of_them_once() -> None:
    codec = AnthropicCodec(betas=("a-2026",), version="2027-01-01")
    wire = encoded(codec=codec, **options(betas=["b-2026", "a-2026"]))
    assert wire.headers == {
        "anthropic-version": "2027-01-01",
        "anthropic-beta": "a-2026,b-2026",
    }
    assert b"betas" not in wire.body
    one = encoded(**options(betas="c-2026"))
    assert one.headers["anthropic-beta"] == "c-2026"


@pytest.mark.parametrize("betas", [["a\r\nx-api-key: 1"], ["a,b"], [""], [1], {}])
def test_a_beta_is_a_name_and_nothing_that_could_break_a_header(betas: Any) -> None:
    assert set(refused(**options(betas=betas))) == {"provider_options.anthropic.betas"}


def test_options_go_by_the_configured_name() -> None:
    codec = AnthropicCodec(name="claude-eu")
    wire = encoded(codec=codec, provider_options={"claude-eu": {"service_tier": "auto"}})
    assert json.loads(wire.body)["service_tier"] == "auto"


def test_what_is_no_json_is_refused() -> None:
    assert set(refused(**options(x=1j))) == {"request"}
    assert set(refused(user("\ud800"))) == {"request"}


# ---------------------------------------------------------------- stability
def test_the_same_call_gives_the_same_bytes() -> None:
    fields: dict[str, Any] = {"end_user": "u", "tools": (Tool(name="f"),)}
    first = encoded(**fields, **options(a={"x": 1, "y": 2}, b=[1]))
    again = encoded(**fields, **options(b=[1], a={"y": 2, "x": 1}))
    assert first == again


def test_what_comes_after_does_not_change_what_came_before() -> None:
    # The cache is read as far as the bytes of the prefix agree.
    one, two = user("a"), user("b")
    short = json.dumps(body(one)["messages"][0])
    long = json.dumps(body(one, two)["messages"][0])
    assert long.startswith(short[: short.index("]")])
