"""OpenRouter's embeddings: the common wire, with its own words for errors and who is asked.

Source: OpenRouterTeam/docs openapi.yaml of August 2026, ``POST /embeddings``
"""

from adapters.providers.chat_completions.embeddings import (
    ANY_LENGTH,
    EmbeddingDialect,
    EmbeddingsCodec,
)
from adapters.providers.openrouter.codec import (
    OpenRouterConfig,
    openrouter_dialect,
    routing_of,
    shown_headers,
)
from domain.model.embedding import EmbeddingModelInfo


def openrouter_embeddings(config: OpenRouterConfig) -> EmbeddingsCodec:
    """Return the codec of embeddings for the account of `config`."""

    def look_up(model: str) -> EmbeddingModelInfo:
        # What the many models take differs and changes; OpenRouter knows it.
        return EmbeddingModelInfo(provider=config.name, model=model, lengths=ANY_LENGTH)

    routing = routing_of(config)
    return EmbeddingsCodec(
        dialect=EmbeddingDialect(
            spoken=openrouter_dialect(config.name),
            headers=shown_headers(config),
            fields={"provider": routing} if routing else {},
        ),
        look_up=look_up,
    )
