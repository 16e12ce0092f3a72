"""Embeddings come in as their limits allow; see `admission`. A call is let in once, however it is cut."""

import attrs

from domain.model.embedding import EmbeddingCall, EmbeddingResponse
from domain.policy.admission import used
from domain.policy.token_estimate import texts_tokens
from domain.services.admission import Admission
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
        if not limits.all:
            return await self.inner.embed(call)
        ledger = call.ledger
        wanted = (self.provider, request.model, (texts_tokens(request.inputs), 0))
        hold = await self.admission.let_in(limits, wanted, ledger, None)
        before = len(ledger.attempts)
        try:
            return await self.inner.embed(call)
        finally:
            await hold.settle(used(ledger.attempts[before:]))  # noqa: ASYNC102 - it shields itself
