"""Patience with an embedding model that keeps no time itself.

The caller's own total is not here: it is the ambient deadline.
"""

import anyio
import attrs

from domain.model.embedding import EmbeddingCall, EmbeddingResponse
from domain.policy.patience import Patience
from ports.embedding_model import EmbeddingModel


@attrs.frozen
class TimedEmbedding:
    """An embedding model that is not waited for longer than it is worth.

    Attributes:
        whole_s: For the whole answer to one request, in seconds.
    """

    inner: EmbeddingModel
    whole_s: float

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors.

        Raises:
            ProviderFailure: It took too long.
        """
        # Not fail_after: a TimeoutError may also be the model's own.
        with anyio.move_on_after(self.whole_s):
            return await self.inner.embed(call)
        raise Patience(first_token_s=self.whole_s).no_first_token()
