"""Embedding providers made of parts: one with services around it, and one that lacks what it needs."""

from collections.abc import Sequence

import attrs

from domain.model.embedding import EmbeddingCall, EmbeddingModelInfo, EmbeddingResponse
from domain.model.errors import NotConfigured
from ports.embedding_model import EmbeddingModel, EmbeddingProvider


@attrs.frozen
class StackedEmbedding:
    """Embeds through `top`, and knows what `provider` knows.

    Attributes:
        provider: At the bottom of the stack.
        top: The stack, which ends in `provider`.
    """

    provider: EmbeddingProvider
    top: EmbeddingModel

    @property
    def name(self) -> str:
        """The configured name."""
        return self.provider.name

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return the models known without asking the provider."""
        return self.provider.models()

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return what is known of `model`, or None if it does not embed."""
        return self.provider.info(model)

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors."""
        return await self.top.embed(call)


@attrs.frozen
class AbsentEmbedding:
    """Stands where a provider would be that embeds.

    Attributes:
        remedy: Which setting is missing, in a sentence.
    """

    name: str
    remedy: str

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Raise `NotConfigured` with the remedy."""
        raise NotConfigured(self.remedy)

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return nothing: none can be called."""
        return ()

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return a model that takes everything, so that the remedy is the first thing said."""
        return EmbeddingModelInfo(
            provider=self.name, model=model, lengths=(1, 2**31 - 1), empty_inputs=True
        )
