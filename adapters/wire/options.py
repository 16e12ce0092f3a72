"""A codec whose requests carry further fields of the body, unless a call says otherwise itself."""

from collections.abc import Iterable, Sequence

import attrs

from adapters.wire.codec import Codec, ResponseHead, StreamDecoder, WireRequest
from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent
from domain.model.json_value import JsonObject
from domain.model.model_info import ModelInfo


@attrs.frozen
class WithOptions:
    """Speaks as `inner`; see `adapters.wire.codec.Codec`.

    Attributes:
        options: As a call's `provider_options` would say them.
    """

    inner: Codec
    options: JsonObject

    @property
    def name(self) -> str:
        """The provider's configured name."""
        return self.inner.name

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking."""
        return self.inner.models()

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`."""
        return self.inner.info(model)

    def encode(self, call: ChatCall, /) -> WireRequest:
        """Return the request for `call`."""
        said = call.request.provider_options
        options = {**said, self.name: {**self.options, **said.get(self.name, {})}}
        request = attrs.evolve(call.request, provider_options=options)
        return self.inner.encode(attrs.evolve(call, request=request))

    def decoder(self, call: ChatCall, head: ResponseHead, /) -> StreamDecoder:
        """Return a fresh decoder."""
        return self.inner.decoder(call, head)

    def whole(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> Iterable[ChatEvent]:
        """Give the events of a whole answer."""
        return self.inner.whole(call, head, body)

    def failure(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means."""
        return self.inner.failure(call, head, body)
