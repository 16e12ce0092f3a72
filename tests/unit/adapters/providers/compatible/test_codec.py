"""The codec for an endpoint that is known only to be compatible."""

import orjson

from adapters.providers.compatible.codec import FEATURES, CompatibleConfig, compatible_codec
from domain.model.chat import Message, Role, Text
from domain.model.model_info import Feature
from tests.support.http_calls import call


def test_listed_models_are_shown_and_others_passed_on() -> None:
    codec = compatible_codec(CompatibleConfig(name="far", models=("a", "b")))
    assert [info.model for info in codec.models()] == ["a", "b"]
    info = codec.info("c")
    assert info is not None
    assert (info.provider, info.model, info.features) == ("far", "c", FEATURES)


def test_an_endpoint_may_know_its_listed_models_only() -> None:
    codec = compatible_codec(CompatibleConfig(name="far", models=("a",), open_ended=False))
    assert codec.info("a") is not None
    assert codec.info("b") is None


def test_it_is_asked_in_the_words_that_all_of_them_know() -> None:
    codec = compatible_codec(CompatibleConfig(name="far"))
    asked = call(Message(role=Role.DEVELOPER, parts=(Text(text="be brief"),)), max_tokens=5)
    wire = codec.encode(asked)
    body = orjson.loads(wire.body)
    assert wire.path == "/chat/completions"
    assert body["max_tokens"] == 5
    assert body["messages"] == [{"role": "system", "content": "be brief"}]


def test_settings_say_what_it_is_different_in() -> None:
    config = CompatibleConfig(
        name="far", features=frozenset({Feature.SEED}), max_tokens_field="max_completion_tokens"
    )
    codec = compatible_codec(config)
    assert orjson.loads(codec.encode(call(max_tokens=5)).body)["max_completion_tokens"] == 5
    info = codec.info("m")
    assert info is not None
    assert info.features == frozenset({Feature.SEED})
