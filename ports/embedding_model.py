"""What embeds: a call goes in, the vectors come out.

Providers and the services around them have this one shape, so they nest.
"""

from collections.abc import Sequence
from typing import Protocol

from domain.model.embedding import EmbeddingCall, EmbeddingModelInfo, EmbeddingResponse


class EmbeddingModel(Protocol):
    """Something that embeds texts."""

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return one vector for each input of `call`, in their order.

        When this is cancelled the upstream connection is closed before it raises.

        Raises:
            ChatError: There is no complete answer.
        """
        ...


class EmbeddingProvider(EmbeddingModel, Protocol):
    """An `EmbeddingModel` that knows its name and its models."""

    @property
    def name(self) -> str:
        """The configured name, e.g. ``openai``."""
        ...

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return the models known without asking the provider; may be empty."""
        ...

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return what is known of `model`, or None if it is none of this provider's that embeds."""
        ...
