"""Mistral as a codec: the Chat Completions dialect with a few differing words, all of them data.

Mistral refuses fields it does not know, so nothing is sent on the off chance, and ids of tool calls that are
not exactly nine letters and digits (code 3280): those of other providers are written otherwise.

Source: https://docs.mistral.ai/api/#tag/chat, .../capabilities/function_calling, as of November 2026;
langchain-ai/langchain#24668 for the ids
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

import attrs

from adapters.providers.chat_completions.catalogue import Catalogue
from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.chat_completions.dialect import ROLES_WITHOUT_DEVELOPER, Dialect
from adapters.wire.overrides import Override
from domain.model.events import FinishReason
from domain.model.model_info import Feature
from domain.policy.fetching import Fetches

REQUEST_ID_HEADER = "mistral-correlation-id"
FEATURES = frozenset(Feature) - {
    Feature.END_USER,
    Feature.PROMPT_CACHING,
    Feature.REASONING_BUDGET,
    Feature.TOP_K,
}
"""What requests may ask for; what single models take of it, Mistral judges."""
LISTED = (
    "mistral-large-latest",
    "mistral-medium-latest",
    "mistral-small-latest",
    "codestral-latest",
    "ministral-8b-latest",
)
_CALL_ID = re.compile("[a-zA-Z0-9]{9}")
FETCHES: Fetches = {"image/": ("https://",)}
"""What Mistral fetches by itself, as of November 2026."""
_FINISH_REASONS: Mapping[str, FinishReason] = {"model_length": FinishReason.CONTEXT_LENGTH}


@attrs.frozen(kw_only=True)
class MistralConfig:
    """What is set where a Mistral provider is made.

    Attributes:
        name: The provider's configured name; also the key of its `provider_options`.
        models: Names that are listed; others are passed on too.
        overrides: What the settings say of models.
        features: What requests may ask for.
    """

    name: str = "mistral"
    models: Sequence[str] = LISTED
    overrides: Sequence[Override] = ()
    features: frozenset[Feature] = FEATURES


def call_id(given: str) -> str:
    """Return `given`, a call's id, as Mistral can read it; its own stay as they are."""
    return given if _CALL_ID.fullmatch(given) else hashlib.sha256(given.encode()).hexdigest()[:9]


def mistral_codec(config: MistralConfig) -> ChatCompletionsCodec:
    """Return the codec for the account of `config`."""
    catalogue = Catalogue(
        provider=config.name,
        features=config.features,
        models=config.models,
        overrides=config.overrides,
    )
    dialect = Dialect(
        name=config.name,
        features=catalogue.most_features(),
        roles=ROLES_WITHOUT_DEVELOPER,
        max_tokens_field="max_tokens",
        # The last chunk tells the usage unasked.
        stream_options=None,
        call_id=call_id,
        parameter_names={"seed": "random_seed"},
        refusal_part="text",
        allowed_tools=False,
        request_id_header=REQUEST_ID_HEADER,
        finish_reasons=_FINISH_REASONS,
    )
    return ChatCompletionsCodec(
        dialect=dialect, listed=catalogue.listed(), look_up=catalogue.look_up
    )
