"""How the answer is generated: each parameter in its place, what a model does not take refused or dropped."""

from typing import Any

import pytest

from domain.model.chat import (
    JsonObjectFormat,
    JsonSchemaFormat,
    ReasoningConfig,
    ReasoningEffort,
    TextFormat,
)
from tests.unit.adapters.providers.gemini.asking import (
    NEWEST,
    OLD,
    THIRD,
    body,
    encoded,
    refusals,
    warnings,
)

PLAIN = "gemini-2.0-flash"


def config(**fields: Any) -> Any:
    return body(**fields).get("generationConfig")


def thinking(name: str, **fields: Any) -> Any:
    asked = config(model=name, reasoning=ReasoningConfig(**fields))
    return asked and asked["thinkingConfig"]


def test_nothing_asked_is_nothing_said() -> None:
    assert list(body()) == ["contents"]
    assert list(body(reasoning=ReasoningConfig(), response_format=TextFormat())) == ["contents"]


def test_each_parameter_has_its_name() -> None:
    assert config(
        model=PLAIN,
        temperature=0.0,
        top_p=0.5,
        top_k=3,
        max_tokens=7,
        stop=("a", "b"),
        seed=0,
        presence_penalty=-1.5,
        frequency_penalty=0.0,
    ) == {
        "temperature": 0.0,
        "topP": 0.5,
        "topK": 3,
        "maxOutputTokens": 7,
        "stopSequences": ["a", "b"],
        "seed": 0,
        "presencePenalty": -1.5,
        "frequencyPenalty": 0.0,
    }


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        (NEWEST, "temperature", 0.5),
        (NEWEST, "top_p", 0.5),
        (NEWEST, "top_k", 5),
        (OLD, "presence_penalty", 0.5),
        (THIRD, "frequency_penalty", 0.5),
    ],
)
def test_what_the_model_does_not_take_is_never_silently_lost(
    name: str, field: str, value: float
) -> None:
    assert list(refusals(model=name, **{field: value})) == [field]
    assert warnings(model=name, **{field: value})[0].startswith(f"{field} ")


def test_gemini_takes_at_most_five_stop_sequences() -> None:
    assert config(stop=tuple("abcde")) == {"stopSequences": list("abcde")}
    assert list(refusals(stop=tuple("abcdef"))) == ["stop"]


@pytest.mark.parametrize(("seed", "fits"), [(2**31 - 1, True), (2**31, False), (-(2**31), True)])
def test_a_seed_fits_into_32_bits(seed: int, fits: bool) -> None:
    if fits:
        assert config(seed=seed) == {"seed": seed}
    else:
        assert list(refusals(seed=seed)) == ["seed"]


def test_json_is_asked_for_by_its_type() -> None:
    assert config(response_format=JsonObjectFormat()) == {"responseMimeType": "application/json"}


def test_a_schema_of_the_answer_goes_through_byte_for_byte() -> None:
    schema = '{"type" : "object", "z": 1, "a": 2.0}'
    chosen = JsonSchemaFormat(name="x", schema=schema, strict=True)
    assert f'"responseJsonSchema":{schema}'.encode() in encoded(response_format=chosen).body
    assert config(response_format=chosen)["responseMimeType"] == "application/json"


def test_a_schema_of_the_answer_that_is_no_object_is_refused() -> None:
    found = refusals(response_format=JsonSchemaFormat(name="x", schema="nope"))
    assert list(found) == ["response_format.json_schema.schema"]


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_an_effort_is_a_level_on_the_third_generation(effort: str) -> None:
    assert thinking(NEWEST, effort=ReasoningEffort(effort)) == {"thinkingLevel": effort.upper()}


@pytest.mark.parametrize(
    ("effort", "budget"),
    [("none", 0), ("minimal", 1024), ("low", 1024), ("medium", 8192), ("high", 24576)],
)
def test_an_effort_is_a_budget_on_the_second_generation(effort: str, budget: int) -> None:
    assert thinking(OLD, effort=ReasoningEffort(effort)) == {"thinkingBudget": budget}


@pytest.mark.parametrize(
    ("name", "effort"),
    [
        (NEWEST, "minimal"),
        (NEWEST, "none"),
        (THIRD, "none"),
        ("gemini-3-pro-preview", "medium"),
        ("gemini-2.5-pro", "none"),
        (PLAIN, "low"),
    ],
)
def test_an_effort_the_model_lacks_is_never_silently_another(name: str, effort: str) -> None:
    asked = ReasoningConfig(effort=ReasoningEffort(effort))
    assert list(refusals(model=name, reasoning=asked)) == ["reasoning.effort"]
    assert len(warnings(model=name, reasoning=asked)) == 1


@pytest.mark.parametrize(
    ("name", "budget"),
    [(OLD, 0), (OLD, 24_576), ("gemini-2.5-pro", 128), ("gemini-2.5-flash-lite", 512)],
)
def test_a_budget_within_the_models_range_is_passed_on(name: str, budget: int) -> None:
    assert thinking(name, budget_tokens=budget) == {"thinkingBudget": budget}


@pytest.mark.parametrize(
    ("name", "budget", "remedy"),
    [
        ("gemini-2.5-pro", 0, "128 to 32768"),
        ("gemini-2.5-flash-lite", 5, "0 or 512 to 24576"),
        (OLD, 24_577, "0 to 24576"),
        (NEWEST, 1024, "set reasoning.effort"),
        (PLAIN, 1024, "does not think"),
    ],
)
def test_a_budget_out_of_range_is_refused_with_the_range(
    name: str, budget: int, remedy: str
) -> None:
    found = refusals(model=name, reasoning=ReasoningConfig(budget_tokens=budget))
    assert list(found) == ["reasoning.budget_tokens"]
    assert remedy in found["reasoning.budget_tokens"]


@pytest.mark.parametrize("name", [OLD, NEWEST])
@pytest.mark.parametrize("shown", [True, False])
def test_thoughts_are_shown_as_asked(name: str, shown: bool) -> None:
    assert thinking(name, include_content=shown) == {"includeThoughts": shown}
    asked = thinking(name, effort=ReasoningEffort.LOW, include_content=shown)
    assert asked["includeThoughts"] is shown


def test_of_effort_and_budget_the_effort_is_asked_for() -> None:
    both = thinking(OLD, effort=ReasoningEffort.HIGH, budget_tokens=7)
    assert both == {"thinkingBudget": 24_576}


def test_who_does_not_think_is_not_asked_to_show_thoughts() -> None:
    assert thinking(OLD, budget_tokens=0, include_content=True) == {"thinkingBudget": 0}


def test_a_model_that_never_thinks_is_asked_for_nothing() -> None:
    assert thinking(PLAIN, include_content=False) is None
    found = refusals(model=PLAIN, reasoning=ReasoningConfig(include_content=True))
    assert list(found) == ["reasoning.include_content"]
