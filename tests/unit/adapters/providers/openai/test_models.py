"""What is known of each model, and of names that are not known."""

import attrs
import pytest

from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from adapters.providers.openai.home import HOME
from adapters.providers.openai.models import ANY, MODELS, NEWER, ToolRule, facts_of
from domain.model.chat import ReasoningEffort, Role
from domain.model.model_info import Feature
from tests.unit.adapters.providers.openai.asking import CODEC

SAMPLING = {Feature.TEMPERATURE, Feature.TOP_P}


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-6.1-sol-2026-10-01", "gpt-6.1-sol"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-5.1-chat-latest", "gpt-5.1-chat-latest"),
        ("ft:gpt-4o-mini-2024-07-18:org::abc", "gpt-4o-mini"),
        ("o3-2025-04-16", "o3"),
    ],
)
def test_a_name_is_known_with_its_date_and_its_tuning(name: str, known_as: str) -> None:
    assert facts_of(name) is MODELS[known_as]


@pytest.mark.parametrize("name", ["gpt-7", "gpt-6.3-sol", "o5-mini", "chatgpt-5o", "ft:gpt-9:x"])
def test_an_unknown_name_of_openais_is_taken_for_a_newer_model(name: str) -> None:
    assert facts_of(name) is NEWER
    info = CODEC.info(name)
    assert info is not None
    assert (info.context_tokens, info.max_output_tokens) == (None, None)


@pytest.mark.parametrize("name", ["claude-opus-5", "", "ft:", "orca", "my-gpt-4"])
def test_a_name_that_is_not_openais_is_nobodys(name: str) -> None:
    assert facts_of(name) is None
    assert CODEC.info(name) is None


def test_the_settings_table_wins_and_can_stand_for_every_name() -> None:
    tamed = attrs.evolve(NEWER, features=frozenset({Feature.SEED}), efforts={}, listed=True)
    codec = openai_codec(OpenAIConfig(name="mine", facts={"gpt-4o": tamed, ANY: tamed}))
    for name in ("gpt-4o", "orca"):
        info = codec.info(name)
        assert info is not None
        assert (info.provider, info.model) == ("mine", name)
        assert info.features == {Feature.SEED, Feature.PROMPT_CACHING}
    usual = CODEC.info("gpt-4.1")
    assert usual is not None
    assert codec.info("gpt-4.1") == attrs.evolve(usual, provider="mine")
    assert ANY in [info.model for info in codec.models()]


def test_models_are_listed_by_the_names_under_which_they_are_known() -> None:
    listed = CODEC.models()
    names = [info.model for info in listed]
    assert len(set(names)) == len(names)
    assert {"gpt-6-astra", "gpt-5.6-sol", "gpt-4o", "o3"} <= set(names)
    assert not {"o1-mini", "gpt-3.5-turbo", "gpt-4"} & set(names)
    for info in listed:
        assert CODEC.info(info.model) == info
        assert info.context_tokens
        assert info.max_output_tokens


def test_every_fact_is_consistent_with_itself() -> None:
    for name, facts in MODELS.items():
        none = ReasoningEffort.NONE in facts.efforts
        assert none or not facts.rests, name
        assert none or facts.tools is ToolRule.ALWAYS, name
        assert not facts.samples_resting or (none and facts.features >= SAMPLING), name
        assert Feature.TOP_K not in facts.features, name
        assert Feature.TOOLS in facts.features or (
            Feature.PARALLEL_TOOL_CALLS not in facts.features
        ), name


@pytest.mark.parametrize(
    ("model", "has", "lacks"),
    [
        (
            "gpt-4o",
            {*SAMPLING, Feature.STOP, Feature.PENALTIES, Feature.IMAGES},
            {Feature.REASONING_EFFORT},
        ),
        ("gpt-5.6-sol", {Feature.PROMPT_CACHING, *SAMPLING, Feature.TOOLS}, {Feature.STOP}),
        ("gpt-5.5", SAMPLING, {Feature.PROMPT_CACHING}),
        ("gpt-6-astra", {Feature.PROMPT_CACHING}, {*SAMPLING, Feature.TOOLS}),
        (
            "o3",
            {Feature.TOOLS, Feature.REASONING_EFFORT},
            {*SAMPLING, Feature.STOP, Feature.PENALTIES},
        ),
        (
            "o1-mini",
            {Feature.END_USER},
            {Feature.TOOLS, Feature.JSON_SCHEMA, Feature.REASONING_EFFORT},
        ),
        ("gpt-audio-mini", {Feature.AUDIO}, {Feature.IMAGES}),
        ("gpt-4", {Feature.TOOLS}, {Feature.JSON_OBJECT, Feature.JSON_SCHEMA}),
    ],
)
def test_what_models_take(model: str, has: set[Feature], lacks: set[Feature]) -> None:
    info = CODEC.info(model)
    assert info is not None
    assert has <= info.features
    assert not lacks & info.features


def test_limits() -> None:
    for model, context, answer in (
        ("gpt-6-sol", 1_050_000, 128_000),
        ("gpt-5", 400_000, 128_000),
        ("gpt-4.1", 1_047_576, 32_768),
        ("gpt-4o", 128_000, 16_384),
        ("o3", 200_000, 100_000),
    ):
        info = CODEC.info(model)
        assert info is not None
        assert (info.context_tokens, info.max_output_tokens) == (context, answer)


def test_every_role_has_a_word_for_every_model() -> None:
    for facts in (*MODELS.values(), NEWER):
        assert facts.roles.keys() == set(Role)


def test_where_openai_is() -> None:
    assert HOME.base_url == "https://api.openai.com/v1"
    assert (HOME.base_url_variable, HOME.key_variable) == ("OPENAI_BASE_URL", "OPENAI_API_KEY")
