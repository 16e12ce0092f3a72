"""Gemini's codec: generateContent, whole and streamed.

The driver sends its key as ``x-goog-api-key``; in the address it would leak into logs.
"""

from collections.abc import Iterable, Sequence

import attrs

from adapters.providers.gemini.answer import Answer
from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.gemini.encode import encode
from adapters.providers.gemini.failure import failure_of_status
from adapters.providers.gemini.models import ModelTable, bare_name
from adapters.providers.gemini.stream import GeminiDecoder
from adapters.providers.gemini.whole import whole
from adapters.wire.codec import ResponseHead, StreamDecoder, WireRequest
from adapters.wire.overrides import names
from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo


def _table(codec: "GeminiCodec") -> ModelTable:
    return codec.config.table()


@attrs.frozen
class GeminiCodec:
    """Gemini's protocol; see `adapters.wire.codec.Codec`."""

    config: GeminiConfig = GeminiConfig()
    _models: ModelTable = attrs.field(init=False, default=attrs.Factory(_table, takes_self=True))

    @property
    def name(self) -> str:
        """The provider's configured name."""
        return self.config.name

    def models(self) -> Sequence[ModelInfo]:
        """Return the models that are listed."""
        return [
            self._models.info(self.name, model)
            for model in names(self._models.overrides, self.config.listed)
            if self._models.find(model).listed
        ]

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`; one that is not known is taken for one like the newest."""
        return self._models.info(self.name, bare_name(model))

    def encode(self, call: ChatCall, /) -> WireRequest:
        """Return the request for `call`."""
        return encode(call, self.config, self._models.find(bare_name(call.request.model)))

    def decoder(self, call: ChatCall, head: ResponseHead, /) -> StreamDecoder:
        """Return a fresh decoder."""
        return GeminiDecoder(Answer(call, self.name, head))

    def whole(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> Iterable[ChatEvent]:
        """Return the events of a whole answer."""
        return whole(Answer(call, self.name, head), body)

    def failure(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means."""
        return failure_of_status(call, self.name, head, body)
