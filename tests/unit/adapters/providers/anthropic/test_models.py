"""What is known of the models."""

from collections.abc import Callable

import attrs
import pytest

from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.providers.anthropic.models import ANY, MODELS, ModelFacts, Thinking, features_of
from domain.model.model_info import Feature

SAMPLING = {Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K}
CODEC = AnthropicCodec()


def features(model: str) -> frozenset[Feature]:
    info = CODEC.info(model)
    assert info is not None
    return info.features


def test_every_model_takes_what_the_api_always_takes() -> None:
    always = {
        Feature.TOOLS,
        Feature.PARALLEL_TOOL_CALLS,
        Feature.IMAGES,
        Feature.FILES,
        Feature.PROMPT_CACHING,
        Feature.STOP,
        Feature.END_USER,
    }
    assert all(always <= features(model) for model in MODELS)


def test_no_model_takes_what_the_api_does_not_know() -> None:
    never = {Feature.SEED, Feature.PENALTIES, Feature.AUDIO, Feature.JSON_OBJECT}
    assert all(never.isdisjoint(features(model)) for model in MODELS)


@pytest.mark.parametrize(
    "model",
    [
        "claude-opus-4-7",
        "claude-opus-4-8",
        "claude-opus-5",
        "claude-opus-5-5",
        "claude-sonnet-5",
        "claude-sonnet-5-5",
        "claude-haiku-5-5",
        "claude-fable-5",
        "claude-fable-5-2",
    ],
)
def test_newer_models_refuse_sampling_and_budgets(model: str) -> None:
    assert (SAMPLING | {Feature.REASONING_BUDGET}).isdisjoint(features(model))
    assert {Feature.REASONING_EFFORT, Feature.JSON_SCHEMA} <= features(model)


@pytest.mark.parametrize(
    "model", ["claude-sonnet-4-6", "claude-opus-4-6", "claude-opus-4-5", "claude-haiku-4-5"]
)
def test_models_up_to_4_6_take_sampling_and_budgets(model: str) -> None:
    assert features(model) >= SAMPLING | {Feature.REASONING_BUDGET, Feature.JSON_SCHEMA}


def test_models_of_the_third_generation_do_not_think() -> None:
    found = features("claude-3-5-haiku-20241022")
    assert found.isdisjoint({Feature.REASONING_EFFORT, Feature.REASONING_BUDGET})


@pytest.mark.parametrize(
    ("dated", "name"),
    [
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-3-opus-latest", "claude-3-opus"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
    ],
)
def test_a_date_does_not_make_another_model(dated: str, name: str) -> None:
    assert features(dated) == features(name)
    assert CODEC.info(dated) is not None


def test_an_unknown_claude_is_a_newer_one_about_which_little_is_known() -> None:
    info = CODEC.info("claude-opus-6")
    assert info is not None
    assert info.features == features("claude-opus-5-5")
    assert (info.model, info.context_tokens, info.max_output_tokens) == (
        "claude-opus-6",
        None,
        None,
    )


def test_other_names_are_no_models() -> None:
    assert CODEC.info("gpt-5") is None


def test_listed_models_have_limits() -> None:
    listed = CODEC.models()
    assert {"claude-opus-5-5", "claude-fable-5-2", "claude-haiku-4-5"} <= {
        info.model for info in listed
    }
    assert "claude-3-opus" not in {info.model for info in listed}
    assert all(info.context_tokens and info.max_output_tokens for info in listed)
    assert {info.provider for info in listed} == {"anthropic"}


def test_the_caller_of_the_codec_knows_better() -> None:
    mine = AnthropicCodec(
        name="lab",
        facts={
            "claude-opus-5-5": attrs.evolve(MODELS["claude-opus-5-5"], sampling=True),
            ANY: ModelFacts(sampling=True, listed=False),
        },
    )
    known, any_ = mine.info("claude-opus-5-5"), mine.info("smollm2")
    assert known is not None
    assert known.provider == "lab"
    assert known.features >= SAMPLING
    assert any_ is not None
    assert any_.features >= SAMPLING
    assert ANY not in {info.model for info in mine.models()}


# From the vendor's pages, November 2026: context, longest answer, shortest cached prefix.
LIMITS = {
    "claude-fable-5-2": (1_000_000, 128_000, 512),
    "claude-mythos-5-2": (1_000_000, 128_000, 512),
    "claude-opus-5-5": (1_000_000, 128_000, 512),
    "claude-sonnet-5-5": (1_000_000, 128_000, 512),
    "claude-haiku-5-5": (1_000_000, 128_000, 512),
    "claude-fable-5-1": (1_000_000, 128_000, 512),
    "claude-mythos-5-1": (1_000_000, 128_000, 512),
    "claude-fable-5": (1_000_000, 128_000, 512),
    "claude-mythos-5": (1_000_000, 128_000, 512),
    "claude-opus-5": (1_000_000, 128_000, 512),
    "claude-sonnet-5": (1_000_000, 128_000, 1_024),
    "claude-opus-4-8": (1_000_000, 128_000, 1_024),
    "claude-opus-4-7": (1_000_000, 128_000, 2_048),
    "claude-mythos-preview": (1_000_000, 128_000, 2_048),
    "claude-opus-4-6": (1_000_000, 128_000, 4_096),
    "claude-sonnet-4-6": (1_000_000, 128_000, 1_024),
    "claude-opus-4-5": (200_000, 64_000, 4_096),
    "claude-sonnet-4-5": (200_000, 64_000, 1_024),
    "claude-haiku-4-5": (200_000, 64_000, 4_096),
}
# These are no longer offered, but still have their names.
UNLISTED = {
    "claude-opus-4-1": (200_000, 32_000, 1_024),
    "claude-opus-4-0": (200_000, 32_000, 1_024),
    "claude-opus-4": (200_000, 32_000, 1_024),
    "claude-sonnet-4-0": (200_000, 64_000, 1_024),
    "claude-sonnet-4": (200_000, 64_000, 1_024),
    "claude-3-7-sonnet": (200_000, 64_000, 1_024),
    "claude-3-5-sonnet": (200_000, 8_192, 1_024),
    "claude-3-5-haiku": (200_000, 8_192, 2_048),
    "claude-3-opus": (200_000, 4_096, 1_024),
    "claude-3-haiku": (200_000, 4_096, 2_048),
}


def test_limits_are_the_vendors() -> None:
    assert [info.model for info in CODEC.models()] == list(LIMITS)
    assert {
        model: (facts.context_tokens, facts.max_output_tokens, facts.cache_minimum_tokens)
        for model, facts in MODELS.items()
    } == LIMITS | UNLISTED


def having(test: Callable[[ModelFacts], object]) -> set[str]:
    return {model.removeprefix("claude-") for model, facts in MODELS.items() if test(facts)}


FABLES = {"fable-5", "fable-5-1", "fable-5-2", "mythos-5", "mythos-5-1", "mythos-5-2"}
FIFTH = FABLES | {"opus-5", "opus-5-5", "sonnet-5", "sonnet-5-5", "haiku-5-5"}


def test_habits_are_the_vendors() -> None:
    assert having(lambda facts: facts.thinks_by_default) == FIFTH | {"mythos-preview"}
    assert having(lambda facts: not facts.thinking_off) == FABLES | {"opus-5-5", "mythos-preview"}
    assert having(lambda facts: facts.thinking_off == "between_tools") == {"sonnet-5-5"}
    assert having(lambda facts: facts.system_in_messages) == FIFTH | {"opus-4-8"}
    assert having(lambda facts: not facts.forced_tool_choice) == {
        "fable-5",
        "mythos-5",
        "mythos-preview",
    }
    assert having(lambda facts: not facts.prefill) == FIFTH | {
        "opus-4-8",
        "opus-4-7",
        "mythos-preview",
        "opus-4-6",
        "sonnet-4-6",
    }
    assert having(lambda facts: "xhigh" in facts.efforts) == FIFTH | {
        "opus-4-8",
        "opus-4-7",
        "mythos-preview",
    }
    assert having(lambda facts: "max" in facts.efforts and facts.sampling) == {
        "opus-4-6",
        "sonnet-4-6",
    }
    assert having(lambda facts: not facts.structured_output) == {
        "opus-4-0",
        "opus-4",
        "sonnet-4-0",
        "sonnet-4",
        "3-7-sonnet",
        "3-5-sonnet",
        "3-5-haiku",
        "3-opus",
        "3-haiku",
    }
    assert having(lambda facts: facts.default_max_tokens == 32_000) == FIFTH | {"mythos-preview"}


def test_the_table_makes_sense() -> None:
    for model, facts in MODELS.items():
        assert facts.default_max_tokens <= (facts.max_output_tokens or 0), model
        assert not (facts.thinks_by_default and Thinking.ADAPTIVE not in facts.thinking), model
        assert not (facts.efforts and not facts.thinking), model
        assert not facts.efforts or facts.efforts >= {"low", "medium", "high"}, model


def test_a_model_that_sees_nothing_is_asked_to_see_nothing() -> None:
    blind = ModelFacts(max_output_tokens=1, images=False, files=False)
    assert features_of(blind).isdisjoint({Feature.IMAGES, Feature.FILES})
