"""What is known of a model: by the longest beginning of its name, and a setting may say otherwise."""

import attrs
import pytest

from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.gemini.models import MODELS, NEWEST, ModelFacts
from domain.model.model_info import Feature
from tests.unit.adapters.providers.gemini.asking import CODEC

TABLE = GeminiConfig().table()


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("gemini-2.5-flash", "gemini-2.5-flash"),
        ("gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"),
        ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
        ("gemini-3.5-flash-lite", "gemini-3.5-flash-lite"),
        ("gemini-3.1-pro-preview-customtools", "gemini-3.1-pro"),
        ("gemini-3-pro-preview", "gemini-3-pro"),
        ("gemini-2.0-flash-001", "gemini-2.0"),
        ("gemma-4-31b-it", "gemma"),
    ],
)
def test_the_longest_beginning_holds(name: str, entry: str) -> None:
    assert TABLE.find(name) is MODELS[entry]


@pytest.mark.parametrize("name", ["gemini-9-ultra", "tuned", ""])
def test_an_unknown_model_is_taken_for_one_like_the_newest(name: str) -> None:
    assert TABLE.find(name) is NEWEST


def test_every_model_is_passed_on_and_the_provider_decides() -> None:
    info = CODEC.info("models/gemini-9-ultra")
    assert info is not None
    assert (info.provider, info.model) == ("gemini", "gemini-9-ultra")
    assert info.features == NEWEST.features


def test_what_is_listed_is_known() -> None:
    listed = CODEC.models()
    assert len({each.model for each in listed}) == len(listed) == 10
    for each in listed:
        assert each == CODEC.info(each.model)
        assert each.provider == CODEC.name == "gemini"
        assert (each.context_tokens, each.max_output_tokens) == (1_048_576, 65_536)


def test_no_model_takes_cache_breakpoints_or_end_users() -> None:
    for facts in MODELS.values():
        assert not facts.features & {Feature.PROMPT_CACHING, Feature.END_USER}


def test_what_a_model_says_of_its_thinking_agrees_with_its_features() -> None:
    for name, facts in MODELS.items():
        thinking = facts.thinking
        assert (Feature.REASONING_EFFORT in facts.features) == (thinking is not None), name
        budgets = thinking is not None and bool(thinking.budgets)
        assert (Feature.REASONING_BUDGET in facts.features) == budgets, name
        for asked in thinking.efforts.values() if thinking else ():
            assert len(asked) == 1, name


def test_the_table_is_a_setting() -> None:
    facts = ModelFacts(features=frozenset({Feature.TEMPERATURE}), context_tokens=9)
    config = GeminiConfig(
        name="google", listed=("own-1",), facts={"own": facts, "gemini-2.5-pro": NEWEST}
    )
    codec = GeminiCodec(config)
    (listed,) = codec.models()
    assert (listed.provider, listed.model, listed.context_tokens) == ("google", "own-1", 9)
    assert config.table().find("gemini-2.5-pro") is NEWEST
    assert config.table().find("gemini-2.5-flash") is MODELS["gemini-2.5-flash"]
    assert attrs.asdict(GeminiConfig())["version"] == "v1beta"
