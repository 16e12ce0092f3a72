"""Groq as a codec: the Chat Completions dialect with a few differing words, all of them data.

Source: https://console.groq.com/docs/openai, .../docs/api-reference#chat-create, as of November 2026
"""

from collections.abc import Sequence

from adapters.providers.chat_completions.catalogue import Catalogue
from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.chat_completions.dialect import ROLES_WITHOUT_DEVELOPER, Dialect
from adapters.wire.overrides import Override
from domain.model.errors import ErrorReason
from domain.model.model_info import Feature

LISTED = ("llama-3.3-70b-versatile", "openai/gpt-oss-120b", "openai/gpt-oss-20b")
_FEATURES = frozenset(Feature) - {
    *(Feature.AUDIO, Feature.FILES),
    *(Feature.PROMPT_CACHING, Feature.REASONING_BUDGET, Feature.TOP_K),
}
# The model wrote a call that does not fit its tool, or names none.
_FAILURE_WORDS = {"tool_use_failed": ErrorReason.PROVIDER_REJECTED_REQUEST}


def groq_codec(name: str = "groq", overrides: Sequence[Override] = ()) -> ChatCompletionsCodec:
    """Return the codec for the provider configured as `name`, with what the settings say of its models."""
    catalogue = Catalogue(provider=name, features=_FEATURES, models=LISTED, overrides=overrides)
    dialect = Dialect(
        name=name,
        features=catalogue.most_features(),
        roles=ROLES_WITHOUT_DEVELOPER,
        refusal_part="text",
        allowed_tools=False,
        failure_words=_FAILURE_WORDS,
    )
    return ChatCompletionsCodec(
        dialect=dialect, listed=catalogue.listed(), look_up=catalogue.look_up
    )
