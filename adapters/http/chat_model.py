"""The one HTTP driver of chat: plays any codec over any httpx transport.

Laws: leaving a call's block, by whatever way, closes the connection before control returns, unless the
body was read to its end; no scope or task group is open across the end of the entry; and those of
`adapters.http.exchange`.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from typing import TypeAlias

import anyio
import attrs
import httpx

from adapters.http.endpoint import Endpoint
from adapters.http.events import Events, Given
from adapters.http.exchange import Exchange, HttpBounds, Meaning
from adapters.http.tracing import traced
from adapters.wire.codec import Codec, ResponseHead, WireRequest
from domain.model.call import ChatCall, Delivery
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, Started, WarningRaised
from domain.model.model_info import ModelInfo
from domain.policy.patience import Patience


@attrs.frozen(kw_only=True, eq=False)
class HttpChatModel:
    """A provider reached over HTTP; see `ports.provider.Provider`.

    Attributes:
        transport: Whoever opened it closes it.
        patience: With streams, where the call says nothing.
    """

    codec: Codec
    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport
    patience: Patience = Patience()
    bounds: HttpBounds = HttpBounds()

    @property
    def name(self) -> str:
        """The provider's configured name."""
        return self.codec.name

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking the provider."""
        return self.codec.models()

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what is known of `model`."""
        return self.codec.info(model)

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            InvalidRequest: The call cannot be said in this protocol.
            ProviderFailure: The provider, or the way to it, failed.
        """
        return _DELIVERIES[call.delivery](self, call)

    @asynccontextmanager
    async def _streamed(self, call: ChatCall) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        wire = traced(self.codec.encode(call), call)
        exchange = self._exchange()
        patience = self.patience.of(call)
        until_s = anyio.current_time() + patience.first_token_s
        async with aclosing(await exchange.opened(wire, until_s, patience)) as upstream:
            head = await exchange.accepted(upstream, self._meaning(call), until_s)
            events = Events(
                upstream,
                self.codec.decoder(call, head),
                self.endpoint,
                patience,
                until_s,
                _warnings(wire),
            )
            yield events
            if events.finished:
                await upstream.drain()

    @asynccontextmanager
    async def _whole(self, call: ChatCall) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        wire = traced(self.codec.encode(call), call)
        limit_s = call.request.timeouts.first_token_s or self.bounds.whole_s
        head, body = await self._exchange().whole(wire, limit_s, self._meaning(call))
        yield self._given(call, wire, head, body)

    def _given(self, call: ChatCall, wire: WireRequest, head: ResponseHead, body: bytes) -> Given:
        """Return what `body` says; of a failed answer, what it cost comes before its failure.

        Raises:
            ChatError: It failed, and does not say at what cost.
        """
        ready: deque[ChatEvent] = deque()
        try:
            for event in self.codec.whole(call, head, body):
                ready.append(self.endpoint.shown(event))
                if isinstance(event, Started):
                    ready.extend(_warnings(wire))
        except ChatError as error:
            self.endpoint.discreet(error)
            error.upstream_status = error.upstream_status or head.status
            if not ready:
                raise
            return Given(ready, error)
        return Given(ready)

    def _exchange(self) -> Exchange:
        return Exchange(self.endpoint, self.transport, self.bounds)

    def _meaning(self, call: ChatCall) -> Meaning:
        return partial(self.codec.failure, call)


def _warnings(wire: WireRequest) -> Sequence[WarningRaised]:
    return [WarningRaised(each) for each in wire.warnings]


_Delivered: TypeAlias = Callable[
    [HttpChatModel, ChatCall], AbstractAsyncContextManager[AsyncIterator[ChatEvent]]
]
_DELIVERIES: Mapping[Delivery, _Delivered] = {
    Delivery.STREAMED: HttpChatModel._streamed,
    Delivery.WHOLE: HttpChatModel._whole,
}
