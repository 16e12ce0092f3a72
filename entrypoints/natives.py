"""The providers that are known by name: where each is, how it is spoken to, and how it knows us."""

from collections.abc import Callable, Mapping

import attrs

from adapters.http.endpoint import Credential, bearer
from adapters.providers.anthropic.codec import HOME as ANTHROPIC
from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.providers.gemini.codec import HOME as GEMINI
from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.mistral.codec import HOME as MISTRAL
from adapters.providers.mistral.codec import MistralConfig, mistral_codec
from adapters.providers.openai.codec import HOME as OPENAI
from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from adapters.providers.openrouter.codec import HOME as OPENROUTER
from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.wire.codec import Codec
from adapters.wire.home import ProviderHome


@attrs.frozen(kw_only=True)
class Native:
    """One provider that is known by name.

    Attributes:
        codec: Makes its codec, for a configured name.
        authorization: Gives the headers that show a credential.
        offered: Whether it is there without being configured, and called missing without a key.
    """

    home: ProviderHome
    codec: Callable[[str], Codec]
    authorization: Callable[[Credential], Mapping[str, str]] = bearer
    offered: bool = True


def _header(name: str) -> Callable[[Credential], Mapping[str, str]]:
    return lambda credential: {name: credential.secret}


NATIVES: Mapping[str, Native] = {
    "openai": Native(home=OPENAI, codec=lambda name: openai_codec(OpenAIConfig(name=name))),
    "anthropic": Native(
        home=ANTHROPIC,
        codec=lambda name: AnthropicCodec(name=name),
        authorization=_header("x-api-key"),
    ),
    "gemini": Native(
        home=GEMINI,
        codec=lambda name: GeminiCodec(GeminiConfig(name=name)),
        # Never in the address: it would leak into logs.
        authorization=_header("x-goog-api-key"),
    ),
    "openrouter": Native(
        home=OPENROUTER, codec=lambda name: openrouter_codec(OpenRouterConfig(name=name))
    ),
    "mistral": Native(
        home=MISTRAL,
        codec=lambda name: mistral_codec(MistralConfig(name=name)),
        offered=False,
    ),
}
