"""What a provider is: pure functions between the core's values and its bytes.

One HTTP driver plays every codec, so nothing here waits, connects or knows a clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import attrs

from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import CallWarning, ChatEvent
from domain.model.model_info import ModelInfo


@attrs.frozen(kw_only=True)
class WireRequest:
    """One request, without what the driver adds (host, credentials, framing).

    Attributes:
        path: Below the provider's base address, with a leading slash.
        body: JSON, byte-stable for the same call; empty with GET.
        headers: Beyond the provider's fixed ones; names in lower case.
        warnings: What the caller should know about how the request was put.
    """

    path: str
    body: bytes
    headers: Mapping[str, str] = attrs.field(factory=dict)
    warnings: tuple[CallWarning, ...] = ()
    method: str = "POST"


@attrs.frozen
class ResponseHead:
    """Status and headers of an answer; header names in lower case, last value wins."""

    status: int
    headers: Mapping[str, str]


class StreamDecoder(Protocol):
    """Makes events of one streamed body. Has memory; serves one answer."""

    @property
    def hidden(self) -> int:
        """How many pieces of the answer were not given, because the caller does not want to see them."""
        ...

    @property
    def thinks(self) -> bool:
        """Whether the model is known to think without a word of it on the wire: it is at work, not silent."""
        ...

    def feed(self, data: bytes, /) -> Iterable[ChatEvent]:
        """Give the events that `data`, cut anywhere, completes; after `Finished` none.

        What is given is read to its end before the next call.

        Raises:
            ChatError: The stream says so, or makes no sense. It may come in the middle of what is given: what
                was said before it counts.
        """
        ...

    def end(self) -> Iterable[ChatEvent]:
        """Give what the clean end of the body completes; called once, after the last `feed`.

        Raises:
            ChatError: The body ended before its protocol's end marker.
        """
        ...


class Codec(Protocol):
    """One provider's protocol."""

    @property
    def name(self) -> str:
        """The provider's configured name."""
        ...

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking."""
        ...

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`; None: the provider has no such model."""
        ...

    def encode(self, call: ChatCall, /) -> WireRequest:
        """Return the request for `call`; `call.delivery` decides whether it streams.

        Raises:
            InvalidRequest: The call cannot be said in this protocol.
        """
        ...

    def decoder(self, call: ChatCall, head: ResponseHead, /) -> StreamDecoder:
        """Return a fresh decoder for the streamed answer that `head` began."""
        ...

    def whole(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> Iterable[ChatEvent]:
        """Give the events of a whole answer, `Started` first and `Finished` last.

        Raises:
            ChatError: The body holds an error, or makes no sense. Where it says what it cost all the same,
                the error comes after a `UsageReported`; else nothing is given before it.
        """
        ...

    def failure(self, call: ChatCall, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means; `body` may be cut short."""
        ...
