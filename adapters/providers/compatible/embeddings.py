"""Embeddings of an endpoint that is known only to be compatible: it knows itself what its models take.

Source: the API pages of vLLM, llama.cpp, Ollama and Together
"""

import attrs

from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.embeddings import (
    ANY_LENGTH,
    EmbeddingDialect,
    EmbeddingsCodec,
)
from domain.model.embedding import EmbeddingModelInfo


@attrs.frozen(kw_only=True)
class CompatibleEmbeddings:
    """What differs from one compatible endpoint to the next.

    Attributes:
        name: The provider's configured name.
        models: Names that are listed.
        open_ended: Whether other names are passed on too.
        max_inputs: Most inputs of one request.
    """

    name: str
    models: tuple[str, ...] = ()
    open_ended: bool = True
    max_inputs: int = 2_048


def compatible_embeddings(config: CompatibleEmbeddings) -> EmbeddingsCodec:
    """Return the codec of embeddings for the endpoint of `config`."""

    def look_up(model: str) -> EmbeddingModelInfo | None:
        return info(model) if config.open_ended or model in config.models else None

    def info(model: str) -> EmbeddingModelInfo:
        return EmbeddingModelInfo(
            provider=config.name,
            model=model,
            lengths=ANY_LENGTH,
            max_inputs=config.max_inputs,
            empty_inputs=True,
        )

    return EmbeddingsCodec(
        dialect=EmbeddingDialect(spoken=Dialect(name=config.name, features=frozenset())),
        listed=tuple(info(model) for model in config.models),
        look_up=look_up,
    )
