"""How hard the model thinks, and what else it then takes."""

from typing import Any

import pytest

from domain.model.chat import JsonSchemaFormat, ReasoningConfig, ReasoningEffort
from domain.model.tools import Tool, ToolChoice, ToolMode
from tests.unit.adapters.providers.anthropic.asking import NEW, OLD, body, refused, warned

BOTH = "claude-sonnet-4-6"
"""Takes budgets, adaptive thinking and sampling."""
NEVER = "claude-3-haiku"


def thinks(model: str, max_tokens: int | None = None, **reasoning: Any) -> dict[str, Any]:
    sent, about = warned(model=model, reasoning=ReasoningConfig(**reasoning), max_tokens=max_tokens)
    return {
        "thinking": sent.get("thinking"),
        "effort": sent.get("output_config", {}).get("effort"),
        "warned": about,
    }


def test_what_is_not_asked_for_is_not_said() -> None:
    assert thinks(NEW) == {"thinking": None, "effort": None, "warned": []}
    assert thinks(OLD, include_content=True)["thinking"] is None


@pytest.mark.parametrize("word", ["low", "medium", "high"])
@pytest.mark.parametrize("model", [NEW, "claude-opus-4-7", BOTH])
def test_an_effort_is_adaptive_thinking_and_a_word(model: str, word: str) -> None:
    assert thinks(model, effort=ReasoningEffort(word)) == {
        "thinking": {"type": "adaptive"},
        "effort": word,
        "warned": [],
    }


def test_minimal_effort_is_low_with_a_warning() -> None:
    assert thinks(NEW, effort=ReasoningEffort.MINIMAL) == {
        "thinking": {"type": "adaptive"},
        "effort": "low",
        "warned": [("PARAM_ADJUSTED", "reasoning.effort")],
    }


@pytest.mark.parametrize(
    ("effort", "budget"),
    [
        (ReasoningEffort.MINIMAL, 1_024),
        (ReasoningEffort.LOW, 2_048),
        (ReasoningEffort.MEDIUM, 8_192),
        (ReasoningEffort.HIGH, 24_576),
    ],
)
def test_an_effort_is_a_budget_where_only_budgets_are_known(
    effort: ReasoningEffort, budget: int
) -> None:
    assert thinks(OLD, effort=effort) == {
        "thinking": {"type": "enabled", "budget_tokens": budget},
        "effort": None,
        "warned": [],
    }


def test_opus_4_5_takes_the_word_beside_the_budget() -> None:
    assert thinks("claude-opus-4-5", effort=ReasoningEffort.LOW) == {
        "thinking": {"type": "enabled", "budget_tokens": 2_048},
        "effort": "low",
        "warned": [],
    }


def test_half_of_a_small_bound_is_left_to_the_answer() -> None:
    high = thinks(OLD, max_tokens=10_000, effort=ReasoningEffort.HIGH)
    assert high["thinking"]["budget_tokens"] == 5_000
    least = thinks(OLD, max_tokens=1_500, effort=ReasoningEffort.HIGH)
    assert least["thinking"]["budget_tokens"] == 1_024


def test_thinking_needs_a_bound_above_its_budget() -> None:
    low = ReasoningConfig(effort=ReasoningEffort.LOW)
    assert set(refused(model=OLD, max_tokens=1_024, reasoning=low)) == {"max_tokens"}
    fixed = ReasoningConfig(budget_tokens=4_000)
    assert set(refused(model=OLD, max_tokens=4_000, reasoning=fixed)) == {"max_tokens"}


@pytest.mark.parametrize("model", [OLD, BOTH])
def test_a_budget_is_sent_as_it_is(model: str) -> None:
    assert thinks(model, budget_tokens=1_024)["thinking"] == {
        "type": "enabled",
        "budget_tokens": 1_024,
    }


@pytest.mark.parametrize("budget", [1, 1_023])
def test_a_budget_below_the_least_is_refused(budget: int) -> None:
    found = refused(model=OLD, reasoning=ReasoningConfig(budget_tokens=budget))
    assert set(found) == {"reasoning.budget_tokens"}


def test_a_budget_leaves_room_for_the_answer() -> None:
    roomy = body(model=OLD, reasoning=ReasoningConfig(budget_tokens=20_000))
    assert roomy["max_tokens"] == 28_192
    most = body(model=OLD, reasoning=ReasoningConfig(budget_tokens=63_000))
    assert most["max_tokens"] == 64_000
    found = refused(model=OLD, reasoning=ReasoningConfig(budget_tokens=64_000))
    assert set(found) == {"max_tokens"}


def test_newer_models_take_no_budget() -> None:
    assert set(refused(reasoning=ReasoningConfig(budget_tokens=4_000))) == {
        "reasoning.budget_tokens"
    }
    assert thinks(NEW, budget_tokens=4_000) == {
        "thinking": None,
        "effort": None,
        "warned": [("PARAM_DROPPED", "reasoning.budget_tokens")],
    }


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (OLD, {"type": "disabled"}),
        ("claude-opus-5", {"type": "disabled"}),
        ("claude-sonnet-5-5", {"type": "between_tools"}),
        (NEVER, None),
    ],
)
@pytest.mark.parametrize("none", [{"effort": ReasoningEffort.NONE}, {"budget_tokens": 0}])
def test_no_thinking_is_said_in_each_models_way(
    model: str, wanted: object, none: dict[str, Any]
) -> None:
    assert thinks(model, **none) == {"thinking": wanted, "effort": None, "warned": []}


@pytest.mark.parametrize(
    ("none", "field"),
    [
        ({"effort": ReasoningEffort.NONE}, "reasoning.effort"),
        ({"budget_tokens": 0}, "reasoning.budget_tokens"),
    ],
)
def test_a_model_that_always_thinks_cannot_be_told_not_to(none: dict[str, Any], field: str) -> None:
    assert thinks(NEW, **none)["warned"] == [("PARAM_DROPPED", field)]
    assert set(refused(reasoning=ReasoningConfig(**none))) == {field}


def test_a_model_that_never_thinks_takes_no_effort() -> None:
    low = ReasoningConfig(effort=ReasoningEffort.LOW)
    assert set(refused(model=NEVER, reasoning=low)) == {"reasoning.effort"}
    assert thinks(NEVER, effort=ReasoningEffort.LOW) == {
        "thinking": None,
        "effort": None,
        "warned": [("PARAM_DROPPED", "reasoning.effort")],
    }


@pytest.mark.parametrize(("shown", "word"), [(True, "summarized"), (False, "omitted")])
def test_thoughts_are_shown_or_hidden_where_the_model_can(shown: bool, word: str) -> None:
    effort = ReasoningEffort.LOW
    assert thinks(NEW, include_content=shown)["thinking"] == {"type": "adaptive", "display": word}
    assert thinks(NEW, effort=effort, include_content=shown)["thinking"]["display"] == word
    assert thinks(BOTH, budget_tokens=2_000, include_content=shown)["thinking"]["display"] == word
    assert "display" not in thinks(OLD, effort=effort, include_content=shown)["thinking"]


def test_thinking_with_a_budget_goes_with_no_forced_call() -> None:
    fields: dict[str, Any] = {
        "model": OLD,
        "tools": (Tool(name="f"),),
        "tool_choice": ToolChoice(mode=ToolMode.REQUIRED),
        "reasoning": ReasoningConfig(budget_tokens=2_000),
    }
    assert set(refused(**fields)) == {"reasoning"}
    sent, about = warned(**fields)
    assert about == [("PARAM_DROPPED", "reasoning")]
    assert "thinking" not in sent
    assert sent["tool_choice"] == {"type": "any"}
    assert "thinking" in body(**{**fields, "tool_choice": ToolChoice()})


def test_an_effort_and_a_schema_are_told_together() -> None:
    sent = body(
        reasoning=ReasoningConfig(effort=ReasoningEffort.HIGH),
        response_format=JsonSchemaFormat(name="n", schema='{"type": "object"}'),
    )
    assert sent["output_config"] == {
        "effort": "high",
        "format": {"type": "json_schema", "schema": {"type": "object"}},
    }


# ---------------------------------------------------------------- sampling
def test_sampling_is_sent_to_models_that_take_it() -> None:
    sent = body(model=OLD, temperature=0.7, top_p=0.9, top_k=5)
    assert (sent["temperature"], sent["top_p"], sent["top_k"]) == (0.7, 0.9, 5)


def test_sampling_is_refused_or_dropped_for_models_that_do_not() -> None:
    assert set(refused(temperature=0.7, top_p=0.9, top_k=5)) == {"temperature", "top_p", "top_k"}
    sent, about = warned(temperature=0.7, top_k=5)
    assert {"temperature", "top_k"}.isdisjoint(sent)
    assert about == [("PARAM_DROPPED", "temperature"), ("PARAM_DROPPED", "top_k")]


def test_a_temperature_above_one_is_one_with_a_warning() -> None:
    sent, about = warned(model=OLD, temperature=1.7)
    assert (sent["temperature"], about) == (1.0, [("PARAM_ADJUSTED", "temperature")])
    assert warned(model=OLD, temperature=1.0)[1] == []


@pytest.mark.parametrize(
    "reasoning",
    [
        ReasoningConfig(budget_tokens=2_000),
        ReasoningConfig(effort=ReasoningEffort.LOW),
    ],
)
def test_a_model_that_thinks_is_not_told_how_to_sample(reasoning: ReasoningConfig) -> None:
    found = refused(model=BOTH, temperature=0.5, top_p=0.9, top_k=5, reasoning=reasoning)
    assert set(found) == {"temperature", "top_p", "top_k"}
    sent = body(model=BOTH, temperature=2.0, top_p=0.95, reasoning=reasoning)
    assert (sent["temperature"], sent["top_p"]) == (1.0, 0.95)


def test_a_model_that_is_told_not_to_think_samples() -> None:
    off = ReasoningConfig(effort=ReasoningEffort.NONE)
    assert body(model=BOTH, temperature=0.5, reasoning=off)["temperature"] == 0.5
