"""One list of all models that can be called, whatever they are called for."""

from collections.abc import Sequence

import attrs

from domain.model.embedding import EmbeddingModelInfo
from domain.model.model_info import ModelInfo


def listed(
    chat: Sequence[ModelInfo], embedding: Sequence[EmbeddingModelInfo]
) -> Sequence[ModelInfo]:
    """Return all models, by provider and in the order given; one that does both is there once."""
    both = {(info.provider, info.model) for info in embedding}
    answering = {(info.provider, info.model) for info in chat}
    found = [
        attrs.evolve(info, embeds=True) if (info.provider, info.model) in both else info
        for info in chat
    ]
    found += (
        ModelInfo(
            provider=info.provider,
            model=info.model,
            features=frozenset(),
            context_tokens=info.max_input_tokens,
            embeds=True,
        )
        for info in embedding
        if (info.provider, info.model) not in answering
    )
    return sorted(found, key=lambda info: info.provider)
