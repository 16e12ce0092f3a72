"""The one HTTP driver of embeddings: plays any codec over any httpx transport.

Laws: those of `adapters.http.exchange`; an answer that takes long to read does not hold up other calls.
"""

from collections.abc import Sequence
from functools import partial

import anyio.to_thread
import attrs
import httpx

from adapters.http.endpoint import Endpoint
from adapters.http.exchange import Exchange, HttpBounds
from adapters.http.tracing import traced
from adapters.wire.embedding import EmbeddingCodec
from domain.model.embedding import EmbeddingCall, EmbeddingModelInfo, EmbeddingResponse

DECODED_HERE_BYTES = 512 * 1024
"""A longer answer is decoded in another thread: 2,048 vectors of 3,072 numbers are 33 MB, and take 150 ms."""


@attrs.frozen(kw_only=True, eq=False)
class HttpEmbeddingModel:
    """A provider that embeds and is reached over HTTP; see `ports.embedding_model.EmbeddingProvider`.

    Attributes:
        transport: Whoever opened it closes it.
    """

    codec: EmbeddingCodec
    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport
    bounds: HttpBounds = HttpBounds()

    @property
    def name(self) -> str:
        """The provider's configured name."""
        return self.codec.name

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return the models known without asking the provider."""
        return self.codec.models()

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return what is known of `model`."""
        return self.codec.info(model)

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors.

        Raises:
            InvalidRequest: The call cannot be said in this protocol.
            ProviderFailure: The provider, or the way to it, failed.
        """
        request = call.request
        wire = traced(self.codec.encode(request), call)
        exchange = Exchange(self.endpoint, self.transport, self.bounds)
        meaning = partial(self.codec.failure, request)
        head, body = await exchange.whole(wire, self.bounds.whole_s, meaning)
        decode = partial(self.codec.decode, request, *self.endpoint.scrubbed(head, body))
        if len(body) <= DECODED_HERE_BYTES:
            return decode()
        return await anyio.to_thread.run_sync(decode, abandon_on_cancel=True)
