"""What is sent to OpenRouter."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.providers.openrouter.home import HOME
from adapters.wire.codec import WireRequest
from domain.model.caching import CacheControl
from domain.model.call import ChatCall, Delivery
from domain.model.chat import (
    ChatRequest,
    Media,
    Message,
    ReasoningConfig,
    ReasoningEffort,
    Refusal,
    Role,
    Text,
    ToolCall,
)
from domain.model.errors import InvalidRequest
from domain.model.model_info import Feature, ModelInfo
from domain.model.tools import Tool, ToolChoice, ToolMode

CODEC = openrouter_codec(OpenRouterConfig())
HELLO = (Message(role=Role.USER, parts=(Text(text="hello"),)),)
HERE = CacheControl()
TOOLS = (Tool(name="f"), Tool(name="g"))


def call(delivery: Delivery = Delivery.WHOLE, **fields: Any) -> ChatCall:
    asked: dict[str, Any] = {"model": "a/b", "messages": HELLO, **fields}
    return ChatCall(request=ChatRequest(**asked), delivery=delivery)


def wire(config: OpenRouterConfig, **fields: Any) -> WireRequest:
    return openrouter_codec(config).encode(call(**fields))


def sent(config: OpenRouterConfig | None = None, **fields: Any) -> dict[str, Any]:
    """Return the body, but for what every request has."""
    body: dict[str, Any] = json.loads(wire(config or OpenRouterConfig(), **fields).body)
    assert body.pop("model") == "a/b"
    if "messages" not in fields:
        del body["messages"]
    return body


def refused(**fields: Any) -> Mapping[str, str]:
    """Return what is refused, by its path."""
    with pytest.raises(InvalidRequest) as caught:
        CODEC.encode(call(**fields))
    return {each.field: each.description for each in caught.value.violations}


# ------------------------------------------------------------------ plain fields


def test_a_plain_question() -> None:
    asked = CODEC.encode(call(Delivery.STREAMED))
    assert (asked.path, asked.headers, asked.warnings) == ("/chat/completions", {}, ())
    assert json.loads(asked.body) == {
        "model": "a/b",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
    }


def test_parameters_in_openrouters_words() -> None:
    fields: dict[str, Any] = {
        "top_k": 5,
        "max_tokens": 10,
        "end_user": "u-1",
        "seed": 7,
        "stop": ("END",),
    }
    assert sent(**fields) == {
        "top_k": 5,
        "max_completion_tokens": 10,
        "user": "u-1",
        "seed": 7,
        "stop": ["END"],
    }


def test_the_same_call_is_the_same_bytes() -> None:
    one, two = (
        call(provider_options={"openrouter": {"provider": dict(order)}}, seed=1)
        for order in ([("zdr", True), ("sort", "price")], [("sort", "price"), ("zdr", True)])
    )
    assert CODEC.encode(one).body == CODEC.encode(two).body


def test_tools_that_are_not_allowed_are_left_out() -> None:
    body = sent(tools=TOOLS, tool_choice=ToolChoice(mode=ToolMode.AUTO, allowed_names=("g",)))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == "auto"


def test_an_earlier_refusal_goes_back_as_text() -> None:
    refusal = Message(role=Role.ASSISTANT, parts=(Refusal(text="no"),))
    assert sent(messages=(*HELLO, refusal))["messages"][1]["content"] == "no"


def test_the_application_is_named_in_headers() -> None:
    config = OpenRouterConfig(referer="https://x.test", title="Ä")
    assert wire(config).headers == {"http-referer": "https://x.test", "x-openrouter-title": "Ä"}
    assert wire(OpenRouterConfig(title="a")).headers == {"x-openrouter-title": "a"}


def test_a_request_can_be_kept_from_those_who_would_drop_parts_of_it() -> None:
    config = OpenRouterConfig(require_parameters=True)
    assert sent(config) == {"provider": {"require_parameters": True}}
    options = {"openrouter": {"provider": {"sort": "price"}}}
    assert sent(config, provider_options=options) == {"provider": {"sort": "price"}}


def test_options_may_route_but_not_ask_another_model() -> None:
    options = {"openrouter": {"provider": {"sort": "price"}, "session_id": "s"}}
    assert sent(provider_options=options) == options["openrouter"]
    options = {
        "openrouter": {"models": ["x/y"], "route": "fallback", "preset": "p", "model": "x/y"}
    }
    assert refused(provider_options=options).keys() == {
        f"provider_options.openrouter.{name}" for name in ("models", "route", "preset", "model")
    }


# ------------------------------------------------------------------ thinking


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (ReasoningConfig(), None),
        *((ReasoningConfig(effort=each), {"effort": each.value}) for each in ReasoningEffort),
        (ReasoningConfig(budget_tokens=2_000), {"max_tokens": 2_000}),
        (ReasoningConfig(budget_tokens=0), {"effort": "none"}),
        (ReasoningConfig(include_content=True), {"exclude": False}),
        (ReasoningConfig(include_content=False), {"exclude": True}),
        (
            ReasoningConfig(effort=ReasoningEffort.LOW, include_content=False),
            {"effort": "low", "exclude": True},
        ),
    ],
)
def test_thinking_is_one_object(config: ReasoningConfig, said: Any) -> None:
    assert sent(reasoning=config) == ({} if said is None else {"reasoning": said})


def test_thoughts_that_may_have_to_go_back_are_asked_for_although_they_are_not_shown() -> None:
    body = sent(reasoning=ReasoningConfig(include_content=False), tools=TOOLS)
    assert body["reasoning"] == {"exclude": False}


# ------------------------------------------------------------------ caching


@pytest.mark.parametrize(
    ("ttl_s", "said"),
    [
        (None, {"type": "ephemeral"}),
        (300.0, {"type": "ephemeral", "ttl": "5m"}),
        (3_600.0, {"type": "ephemeral", "ttl": "1h"}),
    ],
)
def test_breakpoints_are_passed_on_where_they_stand(ttl_s: Any, said: Any) -> None:
    control = CacheControl(ttl_s=ttl_s)
    picture = Media(mime_type="image/png", data=b"x", cache_control=control)
    parts = (Text(text="a", cache_control=control), picture)
    body = sent(
        cache_control=control,
        tools=(Tool(name="f", cache_control=control),),
        messages=(Message(role=Role.USER, parts=parts),),
    )
    assert body["cache_control"] == said
    assert body["tools"][0]["cache_control"] == said
    assert [part["cache_control"] for part in body["messages"][0]["content"]] == [said, said]


def test_a_ttl_is_honoured_or_refused() -> None:
    long = CacheControl(ttl_s=1_800.0)
    problem = refused(cache_control=long)
    assert problem.keys() == {"cache_control"}
    assert problem["cache_control"].startswith(
        "keeps a prefix for 1800 s; OpenRouter takes 300 s or"
    )


def test_a_call_carries_no_breakpoint() -> None:
    called = ToolCall(id="1", name="f", arguments_json="{}", cache_control=HERE)
    message = Message(role=Role.ASSISTANT, parts=(called,))
    assert refused(messages=(*HELLO, message)).keys() == {"messages[1].parts[0].cache_control"}


def test_there_are_four_breakpoints_and_the_bodys_own_is_one_of_them() -> None:
    parts = tuple(Text(text="a", cache_control=HERE) for _ in range(3))
    messages = (Message(role=Role.USER, parts=parts),)
    tools = (Tool(name="f", cache_control=HERE),)
    assert sent(messages=messages, tools=tools)
    assert sent(messages=messages, cache_control=HERE)
    assert refused(messages=messages, tools=tools, cache_control=HERE) == {
        "cache_control": "is cache breakpoint 5; OpenRouter takes 4"
    }
    assert refused(messages=(*messages, *messages)).keys() == {
        "messages[1].parts[1].cache_control",
        "messages[1].parts[2].cache_control",
    }


# ------------------------------------------------------------------ models


def test_any_model_may_be_asked_and_takes_what_it_takes() -> None:
    info = CODEC.info("a/b:free")
    assert info == ModelInfo(provider="openrouter", model="a/b:free", features=frozenset(Feature))
    assert CODEC.models() == ()


def test_what_the_settings_know_of_a_model_counts() -> None:
    known = ModelInfo(
        provider="mine", model="a/b", features=frozenset({Feature.SEED}), context_tokens=10
    )
    codec = openrouter_codec(OpenRouterConfig(name="mine", models=(known,), open_ended=False))
    assert (codec.name, codec.models(), codec.info("a/b")) == ("mine", (known,), known)
    assert codec.info("a/c") is None


def test_where_openrouter_is() -> None:
    assert HOME.base_url == "https://openrouter.ai/api/v1"
    assert (HOME.base_url_variable, HOME.key_variable) == (
        "OPENROUTER_BASE_URL",
        "OPENROUTER_API_KEY",
    )
