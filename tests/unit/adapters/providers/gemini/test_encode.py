"""The whole request: whom it is for, options merged last, all that is wrong at once, always the same."""

from typing import Any

import orjson
import pytest

from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.gemini.config import GeminiConfig
from domain.model.caching import CacheControl
from domain.model.call import Delivery
from domain.model.chat import Message, ReasoningConfig, ReasoningEffort, Role, Text
from domain.model.json_value import JsonObject
from domain.model.tools import Tool, ToolChoice
from tests.unit.adapters.providers.gemini.asking import (
    OLD,
    WEATHER,
    body,
    called,
    encoded,
    gave,
    model,
    refusals,
    system,
    tool,
    user,
    warnings,
)


def with_options(options: JsonObject, *messages: Message, **fields: Any) -> dict[str, Any]:
    return body(*messages, provider_options={"gemini": options}, **fields)


def refused_options(options: JsonObject, *messages: Message, **fields: Any) -> list[str]:
    return list(refusals(*messages, provider_options={"gemini": options}, **fields))


def test_the_method_follows_the_delivery() -> None:
    base = "/v1beta/models/gemini-2.5-flash"
    whole = encoded(model=OLD, delivery=Delivery.WHOLE)
    assert whole.path == f"{base}:generateContent"
    streamed = encoded(model=OLD)
    assert streamed.path == f"{base}:streamGenerateContent?alt=sse"
    assert whole.body == streamed.body
    assert dict(whole.headers) == {}


def test_googles_own_prefix_of_a_model_is_accepted() -> None:
    assert encoded(model=f"models/{OLD}").path == encoded(model=OLD).path


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("../../x", "..%2F..%2Fx"),
        ("x:embedContent?key=1#", "x%3AembedContent%3Fkey%3D1%23"),
        ("gemini é", "gemini%20%C3%A9"),
    ],
)
def test_a_models_name_stays_one_segment_of_the_path(name: str, segment: str) -> None:
    path = encoded(model=name, delivery=Delivery.WHOLE).path
    assert path == f"/v1beta/models/{segment}:generateContent"


@pytest.mark.parametrize("name", ["", "models/"])
def test_a_model_without_a_name_is_refused(name: str) -> None:
    assert list(refusals(model=name)) == ["model"]


def test_the_version_is_a_setting() -> None:
    codec = GeminiCodec(GeminiConfig(version="v1"))
    assert encoded(codec=codec).path.startswith("/v1/models/")


def test_options_are_merged_last_and_object_into_object() -> None:
    asked = with_options(
        {
            "generationConfig": {"maxOutputTokens": 9, "responseModalities": ["TEXT"]},
            "safetySettings": [{"category": "X", "threshold": "BLOCK_NONE"}],
        },
        max_tokens=5,
        seed=1,
    )
    assert asked["generationConfig"] == {
        "maxOutputTokens": 9,
        "responseModalities": ["TEXT"],
        "seed": 1,
    }
    assert asked["safetySettings"] == [{"category": "X", "threshold": "BLOCK_NONE"}]


def test_tools_in_options_come_after_ours() -> None:
    search: JsonObject = {"googleSearch": {}}
    ours = body(tools=(WEATHER,))["tools"]
    assert with_options({"tools": [search]}, tools=(WEATHER,))["tools"] == [*ours, search]
    assert with_options({"tools": [search]})["tools"] == [search]


def test_options_of_other_providers_are_not_ours() -> None:
    assert body(provider_options={"openai": {"contents": 1}}) == body()


def test_options_do_not_decide_who_is_asked_or_how_the_answer_is_read() -> None:
    assert refused_options(
        {"contents": [], "model": "x", "generationConfig": {"candidateCount": 2}}
    ) == [
        "provider_options.gemini.contents",
        "provider_options.gemini.model",
        "provider_options.gemini.generationConfig.candidateCount",
    ]
    assert with_options({"generationConfig": {"candidateCount": 1}})


def test_a_level_and_a_budget_never_go_together() -> None:
    budget: JsonObject = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 5}}}
    low = ReasoningConfig(effort=ReasoningEffort.LOW)
    path = "provider_options.gemini.generationConfig.thinkingConfig"
    assert refused_options(budget, reasoning=low) == [path]
    assert with_options(budget)["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 5}


def test_cached_content_stands_alone() -> None:
    cached: JsonObject = {"cachedContent": "cachedContents/abc"}
    assert with_options(cached) == {**body(), "cachedContent": "cachedContents/abc"}
    assert refused_options(
        cached, system("x"), user("y"), tools=(WEATHER,), tool_choice=ToolChoice()
    ) == ["messages", "tool_choice", "tools"]


def test_a_cache_breakpoint_cannot_be_asked_for_anywhere() -> None:
    mark = CacheControl()
    messages = (
        Message(role=Role.USER, parts=(Text(text="a", cache_control=mark),), cache_control=mark),
        model(called(cache_control=mark)),
        tool(gave("c1", Text(text="b", cache_control=mark), cache_control=mark)),
    )
    fields: dict[str, Any] = {
        "cache_control": mark,
        "tools": (WEATHER, Tool(name="f", cache_control=mark)),
    }
    paths = [
        "cache_control",
        "messages[0].cache_control",
        "messages[0].parts[0].cache_control",
        "messages[1].parts[0].cache_control",
        "messages[2].parts[0].cache_control",
        "messages[2].parts[0].tool_result.content[0].cache_control",
        "tools[1].cache_control",
    ]
    assert list(refusals(*messages, **fields)) == paths
    assert [said.split(" ")[0] for said in warnings(*messages, **fields)] == paths


def test_an_end_users_id_cannot_be_said() -> None:
    assert list(refusals(end_user="u1")) == ["end_user"]
    assert len(warnings(end_user="u1")) == 1


def test_everything_wrong_is_told_at_once() -> None:
    found = refusals(user(""), end_user="u", temperature=1.0, stop=tuple("abcdef"))
    assert set(found) == {"messages", "end_user", "temperature", "stop"}


def test_the_same_call_is_the_same_bytes_whatever_the_order_of_its_options() -> None:
    options: dict[str, Any] = {"labels": {"b": 1, "a": 2}, "store": False}
    turned = {key: options[key] for key in reversed(options)}
    turned["labels"] = {"a": 2, "b": 1}
    first, second = (
        encoded(tools=(WEATHER,), seed=3, provider_options={"gemini": each})
        for each in (options, turned)
    )
    assert first.body == second.body
    assert orjson.loads(first.body)["labels"] == {"a": 2, "b": 1}


def test_what_is_no_text_is_refused() -> None:
    assert list(refusals(user("\ud800"))) == ["request"]
