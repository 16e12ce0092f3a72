"""The codec that a dialect and a catalogue of models make."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

import attrs

from adapters.providers.chat_completions.answer import Answer
from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.encode import encode
from adapters.providers.chat_completions.failure import failure_of_status
from adapters.providers.chat_completions.stream import ChatCompletionsDecoder
from adapters.providers.chat_completions.whole import whole
from adapters.wire.codec import ResponseHead, StreamDecoder, WireRequest
from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent
from domain.model.model_info import ModelInfo

LookUp: TypeAlias = Callable[[str], ModelInfo | None]


def _remembered(look_up: LookUp) -> LookUp:
    # What is known of a model does not change; the names that callers send have no end.
    return lru_cache(maxsize=1024)(look_up)


@attrs.frozen(kw_only=True)
class ChatCompletionsCodec:
    """One provider's protocol; see `adapters.wire.codec.Codec`.

    Attributes:
        listed: Models known without asking.
        look_up: Says what is known of a model, listed or not.
    """

    dialect: Dialect
    listed: Sequence[ModelInfo] = ()
    look_up: LookUp = attrs.field(converter=_remembered)

    @property
    def name(self) -> str:
        """The provider's configured name."""
        return self.dialect.name

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking."""
        return self.listed

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`."""
        return self.look_up(model)

    def encode(self, call: ChatCall, /) -> WireRequest:
        """Return the request for `call`."""
        return encode(call, self.dialect)

    def decoder(self, call: ChatCall, head: ResponseHead, /) -> StreamDecoder:
        """Return a fresh decoder."""
        return ChatCompletionsDecoder(Answer(call, self.dialect, head))

    def whole(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> Iterable[ChatEvent]:
        """Return the events of a whole answer."""
        return whole(call, self.dialect, head, body)

    def failure(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means."""
        return failure_of_status(self.dialect, head, body)
