"""What a provider that embeds is: pure functions between the core's values and its bytes."""

from collections.abc import Sequence
from typing import Protocol

from adapters.wire.codec import ResponseHead, WireRequest
from domain.model.embedding import EmbeddingModelInfo, EmbeddingRequest, EmbeddingResponse
from domain.model.errors import ChatError


class EmbeddingCodec(Protocol):
    """One provider's protocol for embeddings."""

    @property
    def name(self) -> str:
        """The provider's configured name."""
        ...

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return the models known without asking."""
        ...

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return what is known of `model`; None: it is no model of the provider's that embeds."""
        ...

    def encode(self, request: EmbeddingRequest, /) -> WireRequest:
        """Return `request` for the wire; its inputs fit into one request.

        Raises:
            InvalidRequest: It cannot be said in this protocol.
        """
        ...

    def decode(
        self, request: EmbeddingRequest, head: ResponseHead, body: bytes, /
    ) -> EmbeddingResponse:
        """Return what a good answer holds: one vector for each input, in their order.

        Raises:
            FailedAtCost: The body holds an error, or makes no sense, and says what it cost.
            ChatError: It does not say.
        """
        ...

    def failure(self, request: EmbeddingRequest, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means; `body` may be cut short."""
        ...
