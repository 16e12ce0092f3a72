"""As many requests to a provider as a call's inputs need.

They are made one after the other within the call's one deadline, each an attempt with its own record; the
first that fails ends the call, and what was made before is told among its attempts.
"""

import attrs

from domain.model.embedding import EmbeddingCall, EmbeddingResponse
from domain.policy.embedding import batches, joined
from ports.embedding_model import EmbeddingModel, EmbeddingProvider


@attrs.frozen
class BatchedEmbedding:
    """An embedding model that takes any number of inputs.

    Attributes:
        inner: The provider's stack, which settles its attempts.
        provider: At the bottom of it; knows what a request takes.
    """

    inner: EmbeddingModel
    provider: EmbeddingProvider

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors, in the order of the inputs."""
        request = call.request
        info = self.provider.info(request.model)
        cut = [request.inputs] if info is None else batches(request.inputs, info)
        parts: list[EmbeddingResponse] = []
        for inputs in cut:
            part = attrs.evolve(call, request=attrs.evolve(request, inputs=inputs))
            parts.append(await self.inner.embed(part))
        return joined(parts)
