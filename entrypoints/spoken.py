"""How each provider that is known by name is spoken to, and how it knows us.

Imported when the first of them is: all of their codecs come with it.
"""

from collections.abc import Callable, Mapping

import attrs

from adapters.http.endpoint import Credential, bearer
from adapters.providers.anthropic.codec import VERSION, AnthropicCodec
from adapters.providers.anthropic.listing import listing as anthropic_listing
from adapters.providers.anthropic.media import FETCHES as ANTHROPIC_FETCHES
from adapters.providers.chat_completions.listing import LISTING
from adapters.providers.deepseek.codec import deepseek_codec
from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.gemini.embeddings import GeminiEmbeddings
from adapters.providers.gemini.listing import listing as gemini_listing
from adapters.providers.groq.codec import groq_codec
from adapters.providers.mistral.codec import FETCHES as MISTRAL_FETCHES
from adapters.providers.mistral.codec import MistralConfig, mistral_codec
from adapters.providers.mistral.embeddings import mistral_embeddings
from adapters.providers.openai.codec import FETCHES as OPENAI_FETCHES
from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from adapters.providers.openai.embeddings import openai_embeddings
from adapters.providers.openrouter.codec import FETCHES as OPENROUTER_FETCHES
from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.providers.openrouter.embeddings import openrouter_embeddings
from adapters.providers.openrouter.listing import LISTING as OPENROUTER_LISTING
from adapters.wire.codec import Codec
from adapters.wire.embedding import EmbeddingCodec
from adapters.wire.listing import Listing
from domain.policy.fetching import Fetches
from entrypoints.settings.native import NativeSettings


def _plain_listing(_: NativeSettings) -> Listing:
    return LISTING


def _nothing_fetched(_: NativeSettings) -> Fetches:
    return {}


@attrs.frozen(kw_only=True)
class Spoken:
    """How one provider is spoken to.

    Attributes:
        codec: Makes its codec, for a configured name and what is set there.
        listing: Says how it is asked for its models.
        embeddings: Makes its codec of embeddings; ``None``: it has none.
        fetches: Says which media it fetches by itself.
        authorization: Gives the headers that show a credential.
    """

    codec: Callable[[str, NativeSettings], Codec]
    listing: Callable[[NativeSettings], Listing] = _plain_listing
    embeddings: Callable[[str, NativeSettings], EmbeddingCodec] | None = None
    fetches: Callable[[NativeSettings], Fetches] = _nothing_fetched
    authorization: Callable[[Credential], Mapping[str, str]] = bearer


def _header(name: str) -> Callable[[Credential], Mapping[str, str]]:
    return lambda credential: {name: credential.secret}


def _openai(name: str, settings: NativeSettings) -> OpenAIConfig:
    return OpenAIConfig(
        name=name,
        overrides=settings.models,
        organization=settings.organization,
        project=settings.project,
    )


def _anthropic(name: str, settings: NativeSettings) -> Codec:
    return AnthropicCodec(
        name=name,
        overrides=settings.models,
        betas=settings.betas,
        version=settings.api_version or VERSION,
    )


def _gemini(name: str, settings: NativeSettings) -> GeminiConfig:
    config = GeminiConfig(name=name, overrides=settings.models)
    version = settings.api_version or config.version
    return attrs.evolve(config, version=version, fetched=_gemini_fetched(settings))


def _gemini_fetched(settings: NativeSettings) -> tuple[str, ...]:
    return (*GeminiConfig().fetched, *settings.fetches)


def _openrouter(name: str, settings: NativeSettings) -> OpenRouterConfig:
    return OpenRouterConfig(
        name=name,
        overrides=settings.models,
        referer=settings.referer,
        title=settings.title,
        require_parameters=settings.require_parameters,
    )


def _mistral(name: str, settings: NativeSettings) -> MistralConfig:
    return MistralConfig(name=name, overrides=settings.models)


def _deepseek(name: str, settings: NativeSettings) -> Codec:
    return deepseek_codec(name, settings.models)


def _groq(name: str, settings: NativeSettings) -> Codec:
    return groq_codec(name, settings.models)


SPOKEN: Mapping[str, Spoken] = {
    "openai": Spoken(
        codec=lambda name, settings: openai_codec(_openai(name, settings)),
        fetches=lambda _: OPENAI_FETCHES,
        embeddings=lambda name, settings: openai_embeddings(_openai(name, settings)),
    ),
    "anthropic": Spoken(
        codec=_anthropic,
        listing=lambda settings: anthropic_listing(settings.api_version or VERSION),
        fetches=lambda _: ANTHROPIC_FETCHES,
        authorization=_header("x-api-key"),
    ),
    # Never in the address: it would leak into logs.
    "gemini": Spoken(
        codec=lambda name, settings: GeminiCodec(_gemini(name, settings)),
        listing=lambda settings: gemini_listing(settings.api_version or GeminiConfig().version),
        embeddings=lambda name, settings: GeminiEmbeddings(_gemini(name, settings)),
        fetches=lambda settings: {"": _gemini_fetched(settings)},
        authorization=_header("x-goog-api-key"),
    ),
    "openrouter": Spoken(
        codec=lambda name, settings: openrouter_codec(_openrouter(name, settings)),
        listing=lambda _: OPENROUTER_LISTING,
        fetches=lambda _: OPENROUTER_FETCHES,
        embeddings=lambda name, settings: openrouter_embeddings(_openrouter(name, settings)),
    ),
    "mistral": Spoken(
        codec=lambda name, settings: mistral_codec(_mistral(name, settings)),
        fetches=lambda _: MISTRAL_FETCHES,
        embeddings=lambda name, settings: mistral_embeddings(_mistral(name, settings)),
    ),
    "deepseek": Spoken(codec=_deepseek),
    "groq": Spoken(codec=_groq),
}
