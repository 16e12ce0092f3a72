"""Embeddings come in as their limits allow; see `admission`. A call is let in once, however it is cut."""

import attrs

from domain.model.embedding import EmbeddingCall, EmbeddingResponse
from domain.model.usage import Usage
from domain.policy.token_estimate import texts_tokens
from domain.services.admission import Admission, Wanted
from ports.embedding_model import EmbeddingModel


@attrs.frozen
class AdmittedEmbedding:
    """A provider that is called within limits.

    Attributes:
        inner: The provider's stack, which settles its attempts.
        provider: Its configured name.
    """

    inner: EmbeddingModel
    provider: str
    admission: Admission

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors.

        Raises:
            LimitExceeded: A limit was reached; says which, and when to try again.
        """
        request = call.request
        limits = self.admission.limits(call.caller, self.provider, request.model)
        # A call without limits pays for none.
        if not limits:
            return await self.inner.embed(call)
        most = Usage(input_tokens=texts_tokens(request.inputs), output_tokens=0)
        wanted = Wanted(self.provider, request.model, most)
        async with self.admission.within(limits, wanted, call.ledger, None):
            return await self.inner.embed(call)
