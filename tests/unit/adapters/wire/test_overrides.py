"""What settings say of models wins over a provider's own table, the nearest last."""

import json
from typing import Any

import attrs

from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.providers.chat_completions.catalogue import Catalogue
from adapters.providers.compatible.codec import CompatibleConfig, compatible_codec
from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from adapters.wire.codec import Codec, ResponseHead
from adapters.wire.options import WithOptions
from adapters.wire.overrides import Override
from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.model_info import Feature

HELLO = Message(role=Role.USER, parts=(Text(text="Hello"),))


def sent(codec: Codec, model: str, **fields: Any) -> dict[str, Any]:
    request = ChatRequest(provider=codec.name, model=model, messages=(HELLO,), **fields)
    body: dict[str, Any] = json.loads(codec.encode(ChatCall(request=request)).body)
    return body


def test_a_fact_of_many_models_gives_way_to_that_of_one() -> None:
    codec = AnthropicCodec(
        overrides=(
            Override("claude-opus-5-5", {"default_max_tokens": 9}),
            Override("claude-*", {"default_max_tokens": 5}),
            Override("claude-opus-*", {"default_max_tokens": 7}),
        )
    )
    assert sent(codec, "claude-haiku-5-5")["max_tokens"] == 5
    assert sent(codec, "claude-opus-5")["max_tokens"] == 7
    assert sent(codec, "claude-opus-5-5")["max_tokens"] == 9


def test_what_is_not_said_stays_as_the_table_has_it() -> None:
    plain, said = AnthropicCodec(), AnthropicCodec(overrides=(Override("claude-opus-5", {}),))
    assert said.info("claude-opus-5") == plain.info("claude-opus-5")
    assert said.models() == plain.models()


def test_a_new_model_needs_no_release() -> None:
    codec = openai_codec(
        OpenAIConfig(
            overrides=(
                Override("house-1", {"context_tokens": 123}, like="gpt-5.1"),
                Override("house-2", {"listed": False}),
            )
        )
    )
    info = codec.info("house-1")
    assert info is not None
    assert info.context_tokens == 123
    like = codec.info("gpt-5.1")
    assert like is not None
    assert info.features == like.features
    assert info in codec.models()
    assert codec.info("house-2") is not None
    assert "house-2" not in [each.model for each in codec.models()]
    assert codec.info("nobody") is None


def test_a_parameter_that_a_model_has_come_to_refuse_is_no_more_offered() -> None:
    refused = frozenset({Feature.TEMPERATURE})
    codec = openai_codec(OpenAIConfig(overrides=(Override("gpt-4o*", refuses=refused),)))
    for model in ("gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-mini"):
        info = codec.info(model)
        assert info is not None
        assert Feature.TEMPERATURE not in info.features
    gemini = GeminiCodec(GeminiConfig(overrides=(Override("gemini-3.8-flash", refuses=refused),)))
    info = gemini.info("models/gemini-3.8-flash")
    assert info is not None
    assert Feature.TEMPERATURE not in info.features
    listed = {each.model: each for each in gemini.models()}
    assert listed["gemini-3.8-flash"] == info


def test_what_one_model_takes_beyond_the_others_is_said_on_the_wire() -> None:
    taken = frozenset({Feature.SEED})
    codec = compatible_codec(
        CompatibleConfig(
            name="far",
            features=frozenset(Feature) - taken,
            overrides=(Override("seeded", {"max_output_tokens": 7}, takes=taken),),
        )
    )
    seeded, other = codec.info("seeded"), codec.info("other")
    assert seeded is not None
    assert other is not None
    assert (Feature.SEED in seeded.features, Feature.SEED in other.features) == (True, False)
    assert seeded.max_output_tokens == 7
    assert sent(codec, "seeded", seed=3)["seed"] == 3


def test_a_closed_catalogue_knows_only_what_it_names() -> None:
    catalogue = Catalogue(
        provider="far",
        features=frozenset(),
        overrides=(Override("a"), Override("b-*")),
        open_ended=False,
    )
    assert [each.model for each in catalogue.listed()] == ["a"]
    assert catalogue.look_up("b-7") is not None
    assert catalogue.look_up("c") is None


def test_a_glob_matches_letter_for_letter() -> None:
    assert Override("a.b").fits("a.b")
    assert not Override("a.b").fits("axb")
    assert not Override("A").fits("a")


def test_options_are_sent_unless_the_call_says_otherwise() -> None:
    plain = openai_codec(OpenAIConfig())
    codec = WithOptions(plain, {"service_tier": "flex", "store": False})
    body = sent(codec, "gpt-4o", provider_options={"openai": {"service_tier": "priority"}})
    assert (body["service_tier"], body["store"]) == ("priority", False)
    assert sent(codec, "gpt-4o")["service_tier"] == "flex"
    assert codec.models() == plain.models()
    assert attrs.asdict(codec)["options"] == {"service_tier": "flex", "store": False}


def test_options_change_nothing_but_what_is_sent() -> None:
    plain = openai_codec(OpenAIConfig())
    codec = WithOptions(plain, {"service_tier": "flex"})
    call = ChatCall(request=ChatRequest(model="gpt-4o", messages=(HELLO,)))
    head, error = ResponseHead(200, {}), b'{"error": {"message": "no"}}'
    whole = b'{"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}'
    stream = b'data: {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}\n\n'
    assert codec.info("gpt-4o") == plain.info("gpt-4o")
    assert list(codec.whole(call, head, whole)) == list(plain.whole(call, head, whole))
    assert list(codec.decoder(call, head).feed(stream)) == list(
        plain.decoder(call, head).feed(stream)
    )
    bad = ResponseHead(429, {})
    assert codec.failure(call, bad, error).reason is plain.failure(call, bad, error).reason
