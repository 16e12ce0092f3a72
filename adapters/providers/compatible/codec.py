"""The codec for an endpoint that is known only to be compatible: the least that all of them understand.

Source: the API pages of vLLM, llama.cpp, Ollama, Groq, DeepSeek and Together
"""

from collections.abc import Callable

import attrs

from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.chat_completions.dialect import ROLES_WITHOUT_DEVELOPER, Dialect
from domain.model.model_info import Feature, ModelInfo

FEATURES = frozenset(Feature) - {Feature.PROMPT_CACHING, Feature.REASONING_BUDGET}
"""What requests may ask for where the settings say nothing: a server knows itself what its model takes."""


@attrs.frozen(kw_only=True)
class CompatibleConfig:
    """What differs from one compatible endpoint to the next.

    Attributes:
        name: The provider's configured name.
        models: Names that are listed.
        open_ended: Whether other names are passed on too.
        features: What requests may ask for.
        max_tokens_field: What the endpoint calls the bound on the answer; most know only the old name.
    """

    name: str
    models: tuple[str, ...] = ()
    open_ended: bool = True
    features: frozenset[Feature] = FEATURES
    max_tokens_field: str = "max_tokens"


def compatible_codec(config: CompatibleConfig) -> ChatCompletionsCodec:
    """Return the codec for the endpoint of `config`."""
    listed = tuple(_info(config, model) for model in config.models)
    return ChatCompletionsCodec(dialect=_dialect(config), listed=listed, look_up=_look_up(config))


def _dialect(config: CompatibleConfig) -> Dialect:
    return Dialect(
        name=config.name,
        features=config.features,
        roles=ROLES_WITHOUT_DEVELOPER,
        max_tokens_field=config.max_tokens_field,
        refusal_part="text",
        allowed_tools=False,
    )


def _look_up(config: CompatibleConfig) -> Callable[[str], ModelInfo | None]:
    def look_up(model: str) -> ModelInfo | None:
        return _info(config, model) if config.open_ended or model in config.models else None

    return look_up


def _info(config: CompatibleConfig, model: str) -> ModelInfo:
    return ModelInfo(provider=config.name, model=model, features=config.features)
