"""The codec for an endpoint that is known only to be compatible: the least that all of them understand.

Source: the API pages of vLLM, llama.cpp, Ollama, Groq, DeepSeek and Together
"""

from collections.abc import Sequence

import attrs

from adapters.providers.chat_completions.catalogue import Catalogue
from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.chat_completions.dialect import ROLES, ROLES_WITHOUT_DEVELOPER, Dialect
from adapters.wire.overrides import Override
from domain.model.model_info import Feature

FEATURES = frozenset(Feature) - {Feature.PROMPT_CACHING, Feature.REASONING_BUDGET}
"""What requests may ask for where the settings say nothing: a server knows itself what its model takes."""


@attrs.frozen(kw_only=True)
class CompatibleConfig:
    """What differs from one compatible endpoint to the next.

    Attributes:
        name: The provider's configured name.
        models: Names that are listed.
        overrides: What the settings say of models.
        open_ended: Whether other names are passed on too.
        features: What requests may ask for.
        max_tokens_field: What the endpoint calls the bound on the answer; most know only the old name.
        developer_role: Whether it knows the role; where not, such a message goes out as the system's.
        stream_usage: Whether a stream can be asked to tell the usage; some servers refuse the field.
    """

    name: str
    models: tuple[str, ...] = ()
    overrides: Sequence[Override] = ()
    open_ended: bool = True
    features: frozenset[Feature] = FEATURES
    max_tokens_field: str = "max_tokens"
    developer_role: bool = False
    stream_usage: bool = True


def compatible_codec(config: CompatibleConfig) -> ChatCompletionsCodec:
    """Return the codec for the endpoint of `config`."""
    catalogue = Catalogue(
        provider=config.name,
        features=config.features,
        models=config.models,
        overrides=config.overrides,
        open_ended=config.open_ended,
    )
    dialect = Dialect(
        name=config.name,
        features=catalogue.most_features(),
        roles=ROLES if config.developer_role else ROLES_WITHOUT_DEVELOPER,
        max_tokens_field=config.max_tokens_field,
        stream_options={"include_usage": True} if config.stream_usage else None,
        refusal_part="text",
        allowed_tools=False,
    )
    return ChatCompletionsCodec(
        dialect=dialect, listed=catalogue.listed(), look_up=catalogue.look_up
    )
