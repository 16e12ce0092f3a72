"""Public names in the settings: what they stand for, and what is said of those that make no sense."""

import math
from typing import Any

import pytest

from domain.policy.routing import Strategy
from entrypoints.settings.catalogue import RouteSettings
from entrypoints.settings.loading import SettingsError, load_settings, structure

STEPS = {"kind": "scripted", "models": {"tiny": [{"say": "hi"}], "other": [{"say": "hi"}]}}


def problems(models: dict[str, Any], **tree: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        structure({"models": models, "providers": {"demo": STEPS}, **tree})
    return str(caught.value)


def test_a_route_is_a_target_or_a_table() -> None:
    found = structure(
        {
            "models": {
                "fast": {
                    "routes": [
                        "openai/gpt-4o-mini",
                        {"target": "openrouter/meta/llama", "weight": 3, "keys": [2, 1]},
                    ],
                    "fallbacks": ["local/smollm2-135m-instruct"],
                }
            }
        }
    ).models["fast"]
    assert found.routes == (
        RouteSettings(target="openai/gpt-4o-mini"),
        RouteSettings(target="openrouter/meta/llama", weight=3.0, keys=(2, 1)),
    )
    assert (found.routes[1].provider, found.routes[1].model) == ("openrouter", "meta/llama")
    assert found.chosen is Strategy.WEIGHTED
    assert [each.target for each in found.fallbacks] == ["local/smollm2-135m-instruct"]


@pytest.mark.parametrize(
    ("said", "chosen"),
    [("", Strategy.ORDERED), ("fastest", Strategy.FASTEST), ("weighted", Strategy.WEIGHTED)],
)
def test_without_weights_the_strategy_is_what_is_said(said: str, chosen: Strategy) -> None:
    public = {"routes": ["openai/a"], "strategy": said}
    assert structure({"models": {"m": public}}).models["m"].chosen is chosen


def test_a_variable_can_hold_a_public_name() -> None:
    variables = {"LLMSERVICE_MODELS__FAST": '{ routes = ["openai/a"], strategy = "fastest" }'}
    assert load_settings(None, variables).models["fast"].chosen is Strategy.FASTEST


@pytest.mark.parametrize(
    ("name", "public", "says"),
    [
        ("m", {}, "models.m.routes: is missing"),
        ("m", {"routes": []}, "models.m.routes: must name at least one"),
        ("m", {"routes": ["gpt"]}, "models.m.routes[0].target: 'gpt' must be provider/model"),
        (
            "m",
            {"routes": ["openai/a", "opena/b"]},
            "models.m.routes[1].target: there is no provider 'opena', only anthropic, demo,",
        ),
        (
            "m",
            {"routes": ["openai/a"], "fallbacks": ["groq/b"]},
            "models.m.fallbacks[0].target: there is no provider 'groq'",
        ),
        ("m", {"routes": ["openai/a", "openai/a"]}, "models.m.routes: openai/a is there twice"),
        ("m", {"routes": ["openai/a"], "strategy": "best"}, "'ordered', 'weighted', 'fastest')"),
        (
            "m",
            {"routes": ["demo/tyni"]},
            "routes[0].target: demo has no model 'tyni', only other, tiny",
        ),
        (
            "m",
            {"routes": ["openai/a"], "fallbacks": ["local/m"]},
            "models.m.fallbacks[0].target: local has no model 'm', only smollm2-135m-instruct",
        ),
        (
            "m",
            {"routes": [{"target": "openai/a", "weight": 1}], "strategy": "fastest"},
            "models.m.strategy: must be weighted",
        ),
        ("m", {"routes": [{"target": "openai/a", "weight": 0}]}, "models.m.routes[0].weight"),
        (
            "m",
            {"routes": [{"target": "openai/a", "weight": math.inf}]},
            "models.m.routes[0].weight",
        ),
        ("m", {"routes": [{"target": "openai/a", "keys": [0]}]}, "models.m.routes[0].keys"),
        ("m", {"routes": [{"target": "openai/a", "wieght": 2}]}, "did you mean weight?"),
        (
            "m",
            {"routes": ["openai/a"], "fallbacks": [{"target": "openai/b", "weight": 2}]},
            "models.m.fallbacks: are asked in their order",
        ),
        ("openai/x", {"routes": ["openai/a"]}, "models: name 'openai/x' means a model of"),
        ("a b", {"routes": ["openai/a"]}, "models: name 'a b' is not fit"),
        ("tiny", {"routes": ["openai/a"]}, "models: name 'tiny' hides the model of demo"),
        ("gpt-4o", {"routes": ["demo/tiny"]}, "hides the model of openai"),
        ("smollm2-135m-instruct", {"routes": ["demo/tiny"]}, "hides the model of local"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_path(
    name: str, public: dict[str, Any], says: str
) -> None:
    assert says in problems({name: public})


def test_a_name_may_be_that_of_a_model_that_it_leads_to() -> None:
    public = {"routes": ["demo/tiny", "openai/gpt-4o"]}
    tree = {"models": {"gpt-4o": public, "tiny": public}, "providers": {"demo": STEPS}}
    assert set(structure(tree).models) == {"gpt-4o", "tiny"}


def test_the_embedded_model_is_no_route_where_it_is_switched_off() -> None:
    public = {"routes": ["local/smollm2-135m-instruct"]}
    assert "there is no provider 'local'" in problems({"m": public}, local={"enabled": False})


def test_what_grants_public_names_is_no_name_of_a_provider() -> None:
    with pytest.raises(SettingsError, match=r"providers: name models is what allow grants"):
        structure({"models": {"m": {"routes": ["models/tiny"]}}, "providers": {"models": STEPS}})


def test_a_breaker_never_opens_for_longer_at_first_than_at_last() -> None:
    with pytest.raises(SettingsError, match=r"breaker.longest_open_s: must be at least open_s"):
        structure({"breaker": {"open_s": 60, "longest_open_s": 30}})


def test_waits_between_attempts_do_not_shrink() -> None:
    with pytest.raises(SettingsError, match=r"retry.max_s: must be at least base_s, which is 9"):
        structure({"retry": {"base_s": 9}})
