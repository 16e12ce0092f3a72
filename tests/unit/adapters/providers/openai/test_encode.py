"""What is sent to OpenAI, model by model."""

import json
from typing import Any

import pytest

from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from domain.model.call import Delivery
from domain.model.chat import Message, ReasoningConfig, ReasoningEffort, Role, Text
from domain.model.tools import Tool
from tests.unit.adapters.providers.openai.asking import CODEC, LENIENT, call, refused, sent, warned

NONE, MINIMAL, LOW, MEDIUM, HIGH = ReasoningEffort
TOOLS = (Tool(name="f"),)
INSTRUCTED = tuple(
    Message(role=role, parts=(Text(text="a"),)) for role in (Role.SYSTEM, Role.DEVELOPER, Role.USER)
)


def thinking(effort: ReasoningEffort) -> ReasoningConfig:
    return ReasoningConfig(effort=effort)


# ------------------------------------------------------------------ plain fields


def test_a_plain_question() -> None:
    assert sent("gpt-4o") == {}
    asked = call("gpt-4o", delivery=Delivery.STREAMED)
    wire = CODEC.encode(asked)
    assert wire.path == "/chat/completions"
    assert wire.headers == {}
    assert json.loads(wire.body) == {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_parameters_in_openais_words() -> None:
    fields: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ("END",),
        "seed": 7,
        "presence_penalty": 1.0,
        "frequency_penalty": -1.0,
        "max_tokens": 10,
        "end_user": "u-1",
    }
    assert sent("gpt-4o", **fields) == {
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 7,
        "presence_penalty": 1.0,
        "frequency_penalty": -1.0,
        "max_completion_tokens": 10,
        "safety_identifier": "u-1",
    }


def test_the_same_call_is_the_same_bytes() -> None:
    one = call("gpt-4o", provider_options={"openai": {"metadata": {"b": "1", "a": "2"}}}, seed=1)
    two = call("gpt-4o", provider_options={"openai": {"metadata": {"a": "2", "b": "1"}}}, seed=1)
    assert CODEC.encode(one).body == CODEC.encode(two).body


def test_options_are_merged_last_and_may_not_change_whom_is_asked() -> None:
    options = {"openai": {"safety_identifier": "other", "store": False}, "gemini": {"x": 1}}
    assert sent("gpt-4o", end_user="u", provider_options=options) == {
        "safety_identifier": "other",
        "store": False,
    }
    options = {"openai": {"model": "gpt-6-astra", "n": 3}}
    assert refused("gpt-4o", provider_options=options).keys() == {
        "provider_options.openai.model",
        "provider_options.openai.n",
    }
    assert sent(
        "gpt-5.6-sol",
        reasoning=thinking(LOW),
        provider_options={"openai": {"reasoning_effort": "xhigh"}},
    ) == {"reasoning_effort": "xhigh"}


def test_an_account_is_named_in_headers() -> None:
    codec = openai_codec(OpenAIConfig(organization="org-1", project="p-1"))
    assert codec.encode(call("gpt-4o")).headers == {
        "openai-organization": "org-1",
        "openai-project": "p-1",
    }
    named = openai_codec(OpenAIConfig(name="mine"))
    asked = call("gpt-4o", provider_options={"mine": {"store": True}})
    assert json.loads(named.encode(asked).body)["store"] is True
    assert named.name == "mine"


# ------------------------------------------------------------------ roles


@pytest.mark.parametrize(
    ("model", "roles"),
    [
        ("gpt-4o", ["system", "developer", "user"]),
        ("o3", ["developer", "developer", "user"]),
        ("gpt-6-sol", ["developer", "developer", "user"]),
        ("o1-mini", ["user", "user", "user"]),
        ("gpt-9", ["system", "developer", "user"]),
    ],
)
def test_instructions_are_said_in_the_role_that_the_model_takes(
    model: str, roles: list[str]
) -> None:
    body = sent(model, messages=INSTRUCTED)
    assert [each["role"] for each in body["messages"]] == roles


# ------------------------------------------------------------------ what models refuse


@pytest.mark.parametrize(
    "field",
    [
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"presence_penalty": 1.0},
        {"frequency_penalty": 1.0},
        {"stop": ("a",)},
    ],
    ids=lambda field: next(iter(field)),
)
@pytest.mark.parametrize("model", ["o3", "o4-mini", "gpt-5", "gpt-6-astra"])
def test_a_model_that_reasons_is_not_told_how_to_sample(model: str, field: dict[str, Any]) -> None:
    (name,) = field
    assert refused(model, **field).keys() == {name}
    assert sent(model, unsupported_params=LENIENT, **field) == {}
    ((code, message),) = warned(model, unsupported_params=LENIENT, **field)
    assert (code, message.split()[0]) == ("PARAM_DROPPED", name)


@pytest.mark.parametrize("model", ["gpt-5.1", "gpt-5.4"])
def test_a_model_that_rests_unless_told_samples_unless_told_to_think(model: str) -> None:
    assert sent(model, temperature=0.5) == {"temperature": 0.5}
    assert sent(model, temperature=0.5, reasoning=thinking(NONE)) == {
        "temperature": 0.5,
        "reasoning_effort": "none",
    }
    problem = refused(model, temperature=0.5, top_p=0.5, reasoning=thinking(LOW))
    assert problem.keys() == {"temperature", "top_p"}
    assert problem["top_p"] == f"is taken by {model} only with reasoning.effort none"


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-5.6-sol", "gpt-6-luna"])
def test_a_model_that_thinks_unless_told_samples_only_at_rest(model: str) -> None:
    assert refused(model, top_p=0.5).keys() == {"top_p"}
    assert sent(model, top_p=0.5, unsupported_params=LENIENT) == {}
    assert sent(model, top_p=0.5, reasoning=thinking(NONE)) == {
        "top_p": 0.5,
        "reasoning_effort": "none",
    }


# ------------------------------------------------------------------ effort


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("o3", {MINIMAL: "low", LOW: "low", MEDIUM: "medium", HIGH: "high"}),
        ("gpt-5", {MINIMAL: "minimal", LOW: "low", MEDIUM: "medium", HIGH: "high"}),
        ("gpt-5.1", {NONE: "none", MINIMAL: "low", LOW: "low", MEDIUM: "medium", HIGH: "high"}),
        ("gpt-6-astra", {MINIMAL: "low", LOW: "low", MEDIUM: "medium", HIGH: "high"}),
        ("gpt-5.2-chat-latest", {MEDIUM: "medium"}),
        ("gpt-9", {each: each.value for each in ReasoningEffort}),
    ],
)
def test_an_effort_is_said_in_the_models_words(
    model: str, words: dict[ReasoningEffort, str]
) -> None:
    for effort in ReasoningEffort:
        asked = thinking(effort)
        if effort not in words:
            assert refused(model, reasoning=asked).keys() == {"reasoning.effort"}
            assert sent(model, reasoning=asked, unsupported_params=LENIENT) == {}
            continue
        assert sent(model, reasoning=asked) == {"reasoning_effort": words[effort]}
        adjusted = words[effort] != effort.value
        assert [code for code, _ in warned(model, reasoning=asked)] == ["PARAM_ADJUSTED"] * adjusted


def test_a_refusal_of_an_effort_names_those_that_there_are() -> None:
    assert refused("o3", reasoning=thinking(NONE)) == {
        "reasoning.effort": "cannot be 'none' for o3, which takes low, medium, high"
    }
    assert refused("gpt-4o", reasoning=thinking(LOW)) == {
        "reasoning.effort": "cannot be 'low' for gpt-4o, which takes no effort at all"
    }


def test_thoughts_can_be_bounded_by_effort_only_and_are_not_shown() -> None:
    asked = ReasoningConfig(budget_tokens=100, include_content=True)
    assert refused("o3", reasoning=asked).keys() == {
        "reasoning.budget_tokens",
        "reasoning.include_content",
    }
    assert sent("o3", reasoning=ReasoningConfig(include_content=False)) == {}


# ------------------------------------------------------------------ tools beside thinking


def test_most_models_think_and_call() -> None:
    for model in ("o3", "gpt-5", "gpt-5.2"):
        body = sent(model, tools=TOOLS, reasoning=thinking(HIGH))
        assert body["reasoning_effort"] == "high"
        assert "reasoning_effort" not in sent(model, tools=TOOLS)


@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-5.5"])
def test_some_take_tools_where_no_effort_is_said(model: str) -> None:
    assert "reasoning_effort" not in sent(model, tools=TOOLS)
    assert sent(model, tools=TOOLS, reasoning=thinking(NONE))["reasoning_effort"] == "none"
    problem = refused(model, tools=TOOLS, reasoning=thinking(LOW))
    assert problem == {
        "reasoning.effort": f"cannot be 'low' where {model} is given tools over Chat Completions: "
        "set it to none, or leave the tools out"
    }
    lenient: dict[str, Any] = {
        "tools": TOOLS,
        "reasoning": thinking(LOW),
        "unsupported_params": LENIENT,
    }
    assert "reasoning_effort" not in sent(model, **lenient)
    assert [code for code, _ in warned(model, **lenient)] == ["PARAM_DROPPED"]


@pytest.mark.parametrize("model", ["gpt-5.6-sol", "gpt-6-luna", "gpt-6.1-terra"])
def test_some_take_tools_only_where_none_is_said(model: str) -> None:
    assert sent(model, tools=TOOLS)["reasoning_effort"] == "none"
    assert warned(model, tools=TOOLS) == [
        (
            "PARAM_ADJUSTED",
            f"reasoning.effort is none: {model} takes tools over Chat Completions only so",
        )
    ]
    assert warned(model, tools=TOOLS, reasoning=thinking(NONE)) == []
    assert refused(model, tools=TOOLS, reasoning=thinking(HIGH)).keys() == {"reasoning.effort"}
    lenient: dict[str, Any] = {
        "tools": TOOLS,
        "reasoning": thinking(HIGH),
        "unsupported_params": LENIENT,
    }
    assert sent(model, **lenient)["reasoning_effort"] == "none"
    assert sent(model, tools=TOOLS, temperature=0.5)["temperature"] == 0.5
