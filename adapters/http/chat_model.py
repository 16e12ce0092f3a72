"""The one HTTP driver: plays any codec over any httpx transport.

Laws: leaving a call's block, by whatever way, closes the connection before control returns, unless the
body was read to its end; no scope or task group is open across the end of the entry; redirects are
refused; our secret is in no error.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    aclosing,
    asynccontextmanager,
    suppress,
)
from email.utils import formatdate
from typing import TypeAlias

import anyio
import attrs
import httpx

from adapters.http.endpoint import Endpoint
from adapters.http.events import Events, Given
from adapters.http.translation import OPENING, READING
from adapters.http.upstream import Upstream
from adapters.wire.codec import Codec, ResponseHead, WireRequest
from adapters.wire.failures import protocol_error
from domain.model.call import ChatCall, Delivery
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.events import ChatEvent, WarningRaised
from domain.model.model_info import ModelInfo
from domain.policy.patience import Patience

ERROR_BODY_BYTES = 64 * 1024
"""How much of an error's body is read."""
ERROR_BODY_S = 5.0
"""How long, in seconds."""


@attrs.frozen(kw_only=True)
class HttpBounds:
    """What an answer may take, beside patience with a stream.

    Attributes:
        connect_s: For a connection, TLS included, and for a free place among them.
        whole_s: For an answer that is not streamed, where the call says nothing.
        body_bytes: Longest answer that is not streamed.
    """

    connect_s: float = 10.0
    whole_s: float = 600.0
    body_bytes: int = 64 * 1024 * 1024


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
        wire = self.codec.encode(call)
        patience = self.patience.of(call)
        until_s = anyio.current_time() + patience.first_token_s
        async with AsyncExitStack() as stack:
            opened = None
            with anyio.CancelScope(deadline=until_s):
                upstream = await stack.enter_async_context(aclosing(await self._post(wire)))
                opened = upstream, await self._accepted(call, upstream)
            if opened is None:
                raise patience.no_first_token()
            upstream, head = opened
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
        wire = self.codec.encode(call)
        limit_s = call.request.timeouts.first_token_s or self.bounds.whole_s
        events = None
        with anyio.CancelScope(deadline=anyio.current_time() + limit_s):
            async with aclosing(await self._post(wire)) as upstream:
                head = await self._accepted(call, upstream)
                body = await self._body(upstream)
            try:
                events = self.codec.whole(call, head, body)
            except ChatError as error:
                raise self.endpoint.discreet(error) from None
        if events is None:
            raise Patience(first_token_s=limit_s).no_first_token()
        yield Given(deque([*events[:1], *_warnings(wire), *events[1:]]))

    async def _post(self, wire: WireRequest) -> Upstream:
        bound_s = self.bounds.connect_s
        timeouts = {"connect": bound_s, "pool": bound_s, "read": None, "write": None}
        with OPENING:
            return Upstream(
                await self.transport.handle_async_request(self.endpoint.request(wire, timeouts))
            )

    async def _accepted(self, call: ChatCall, upstream: Upstream) -> ResponseHead:
        """Return the head of a good answer.

        Raises:
            ChatError: It is none.
        """
        head, _ = self.endpoint.scrubbed(upstream.head, b"")
        if 200 <= head.status < 300:
            encoding = head.headers.get("content-encoding", "identity")
            if encoding != "identity":
                raise protocol_error(
                    f"it is compressed ({encoding}), which was not asked for",
                    upstream_status=head.status,
                )
            return head
        if 300 <= head.status < 400:
            raise ProviderFailure(
                f"the provider answered with a redirect ({head.status}), which is not followed: "
                "set its base_url to the final address",
                ErrorReason.PROVIDER_PROTOCOL_ERROR,
                retryable=False,
                upstream_status=head.status,
            )
        # A provider that names a date without saying what time it has means ours.
        dated = ResponseHead(head.status, {"date": formatdate(usegmt=True), **head.headers})
        # Before the codec cuts its message short, or part of our secret might be left.
        shown = self.endpoint.scrubbed(dated, await _beginning(upstream))
        raise self.endpoint.discreet(self.codec.failure(call, *shown))

    async def _body(self, upstream: Upstream) -> bytes:
        parts: list[bytes] = []
        size = 0
        with READING:
            while part := await upstream.read():
                parts.append(part)
                size += len(part)
                if size > self.bounds.body_bytes:
                    raise protocol_error(f"it is longer than {self.bounds.body_bytes} bytes")
        return b"".join(parts)


async def _beginning(upstream: Upstream) -> bytes:
    """Return what can be had of an error's body."""
    parts: list[bytes] = []
    size = 0
    with anyio.move_on_after(ERROR_BODY_S), suppress(httpx.TransportError):
        while size < ERROR_BODY_BYTES and (part := await upstream.read()):
            parts.append(part)
            size += len(part)
    return b"".join(parts)[:ERROR_BODY_BYTES]


def _warnings(wire: WireRequest) -> Sequence[WarningRaised]:
    return [WarningRaised(each) for each in wire.warnings]


_Delivered: TypeAlias = Callable[
    [HttpChatModel, ChatCall], AbstractAsyncContextManager[AsyncIterator[ChatEvent]]
]
_DELIVERIES: Mapping[Delivery, _Delivered] = {
    Delivery.STREAMED: HttpChatModel._streamed,
    Delivery.WHOLE: HttpChatModel._whole,
}
