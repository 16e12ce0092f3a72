"""The one HTTP driver of chat: plays any codec over any httpx transport.

Laws: leaving a call's block, by whatever way, closes the connection before control returns, unless the
body was read to its end; no scope or task group is open across the end of the entry; and those of
`adapters.http.exchange`.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType

import anyio
import attrs
import httpx

from adapters.http.endpoint import Endpoint
from adapters.http.events import Events, Given
from adapters.http.exchange import Exchange, HttpBounds
from adapters.http.tracing import traced
from adapters.http.upstream import Upstream
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
        clock: The event loop's, in seconds.
    """

    codec: Codec
    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport
    patience: Patience = Patience()
    bounds: HttpBounds = HttpBounds()
    clock: Callable[[], float] = anyio.current_time
    _exchange: Exchange = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(
            lambda self: Exchange(self.endpoint, self.transport, self.bounds, self.clock),
            takes_self=True,
        ),
    )

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
        return _Streamed(self, call) if call.delivery is Delivery.STREAMED else _Whole(self, call)

    async def opened(self, call: ChatCall) -> tuple[Upstream, Events]:
        """Return the streamed answer to `call`, which the caller closes, and what it says.

        Raises:
            ChatError: There is none; nothing is open.
        """
        wire = self._encoded(call)
        patience = self.patience.of(call)
        until_s = self.clock() + patience.first_token_s
        exchange = self._exchange
        upstream = await exchange.opened(wire, until_s, patience)
        events = None
        try:
            meaning = partial(self.codec.failure, call)
            head = await exchange.accepted(upstream, meaning, until_s)
            events = Events(
                upstream,
                self.codec.decoder(call, head),
                self.endpoint,
                patience,
                until_s,
                _warnings(wire),
                self.clock,
            )
            return upstream, events
        finally:
            if events is None:
                # Time-boxed by itself.
                await upstream.aclose()  # noqa: ASYNC102

    async def whole(self, call: ChatCall) -> Given:
        """Return what the whole answer to `call` says.

        Raises:
            ChatError: There is none.
        """
        wire = self._encoded(call)
        limit_s = call.request.timeouts.first_token_s or self.bounds.whole_s
        meaning = partial(self.codec.failure, call)
        head, body = await self._exchange.whole(wire, limit_s, meaning)
        return self._given(call, wire, head, body)

    def _given(self, call: ChatCall, wire: WireRequest, head: ResponseHead, body: bytes) -> Given:
        """Return what `body` says; of a failed answer, what it cost comes before its failure.

        Raises:
            ChatError: It failed, and does not say at what cost.
        """
        ready: deque[ChatEvent] = deque()
        failure = None
        try:
            ready.extend(self.endpoint.all_shown(self.codec.whole(call, head, body)))
        except ChatError as error:
            failure = self.endpoint.discreet(error)
            error.upstream_status = error.upstream_status or head.status
            if not ready:
                raise
        if wire.warnings and isinstance(ready[0], Started):
            started = ready.popleft()
            ready.extendleft(reversed(_warnings(wire)))
            ready.appendleft(started)
        return Given(ready, failure)

    def _encoded(self, call: ChatCall) -> WireRequest:
        wire = self.codec.encode(call)
        return traced(wire, call) if call.traceparent else wire


def _warnings(wire: WireRequest) -> Sequence[WarningRaised]:
    return [WarningRaised(each) for each in wire.warnings]


@attrs.define(eq=False)
class _Whole(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """The block of a whole answer. Classes, both: a generator costs each call 5 us more."""

    _model: HttpChatModel
    _call: ChatCall

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        return await self._model.whole(self._call)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: the answer was read to its end."""


@attrs.define(eq=False)
class _Streamed(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """The block of a streamed answer."""

    _model: HttpChatModel
    _call: ChatCall
    _opened: tuple[Upstream, Events] | None = None

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        self._opened = await self._model.opened(self._call)
        return self._opened[1]

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._opened is not None, "left without having been entered"
        upstream, events = self._opened
        try:
            if kind is None and events.finished:
                # Both are time-boxed by themselves.
                await upstream.drain()  # noqa: ASYNC102
        finally:
            await upstream.aclose()  # noqa: ASYNC102
