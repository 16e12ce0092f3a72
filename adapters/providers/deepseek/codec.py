"""DeepSeek as a codec: the Chat Completions dialect with a few differing words, nearly all of them data.

It thinks unless told not to, and wants what it thought before a tool call back with the call. Where there are
tools, thoughts that the caller does not want to see are therefore given too, unread, as a signature.

Source: https://api-docs.deepseek.com/api/create-chat-completion, .../guides/thinking_mode (November 2026)
"""

from collections.abc import Mapping, Sequence

from adapters.providers.chat_completions.catalogue import Catalogue
from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.chat_completions.dialect import ROLES_WITHOUT_DEVELOPER, Dialect
from adapters.wire.overrides import Override
from domain.model.chat import Reasoning, ReasoningConfig, ReasoningEffort
from domain.model.json_value import JsonObject
from domain.model.model_info import Feature

LISTED = ("deepseek-v4-flash", "deepseek-v4-pro")
_FEATURES = frozenset(Feature) - {
    *(Feature.AUDIO, Feature.FILES, Feature.IMAGES, Feature.JSON_SCHEMA, Feature.END_USER),
    *(Feature.PROMPT_CACHING, Feature.REASONING_BUDGET, Feature.SEED, Feature.TOP_K),
}


def _reasoning(config: ReasoningConfig) -> JsonObject:
    if config.effort is None:
        return {}
    if config.effort is ReasoningEffort.NONE:
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled"}, "reasoning_effort": config.effort.value}


def _given_back(thoughts: Sequence[Reasoning]) -> Mapping[str, object]:
    return {
        "reasoning_content": "".join(thought.text or _unsealed(thought) for thought in thoughts)
    }


def _unsealed(thought: Reasoning) -> str:
    try:
        return thought.signature.decode()
    except UnicodeDecodeError:
        raise ValueError(
            "is not what DeepSeek gave: send it back as it came, or leave it out"
        ) from None


def deepseek_codec(
    name: str = "deepseek", overrides: Sequence[Override] = ()
) -> ChatCompletionsCodec:
    """Return the codec for the provider configured as `name`, with what the settings say of its models."""
    catalogue = Catalogue(provider=name, features=_FEATURES, models=LISTED, overrides=overrides)
    dialect = Dialect(
        name=name,
        features=catalogue.most_features(),
        roles=ROLES_WITHOUT_DEVELOPER,
        max_tokens_field="max_tokens",
        reasoning=_reasoning,
        thoughts=_given_back,
        sealed=str.encode,
        refusal_part="text",
        allowed_tools=False,
    )
    return ChatCompletionsCodec(
        dialect=dialect, listed=catalogue.listed(), look_up=catalogue.look_up
    )
