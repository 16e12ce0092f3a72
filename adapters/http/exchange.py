"""One request and its answer over HTTP, whatever it is about: shared by the drivers.

Laws: however an exchange ends, the connection is closed when it does, unless the body was read to its end;
redirects are refused; an answer is no longer than it may be; our secret is in no error. An error status is
told once it is there, however short the time and however long its body.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate
from typing import NoReturn

import anyio
import attrs
import httpx

from adapters.http.endpoint import Endpoint
from adapters.http.translation import OPENING, OVERDUE, READING
from adapters.http.transport.asking import Answered, Asked, asking
from adapters.http.upstream import Upstream
from adapters.wire.codec import ResponseHead, WireRequest
from adapters.wire.failures import protocol_error, wrong_address
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.policy.patience import Patience

ERROR_BODY_BYTES = 64 * 1024
"""How much of an error's body is read."""
ERROR_BODY_S = 5.0
"""How long, in seconds."""
_PLAIN = "identity"

Meaning = Callable[[ResponseHead, bytes], ChatError]
"""Says what an answer with an error status means; its body may be cut short."""


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


@attrs.frozen(eq=False)
class Exchange:
    """The way to one provider.

    Attributes:
        transport: Whoever opened it closes it.
        clock: The event loop's, in seconds.
    """

    endpoint: Endpoint
    transport: httpx.AsyncBaseTransport
    bounds: HttpBounds
    clock: Callable[[], float] = anyio.current_time
    _ask: Callable[[Asked], Awaitable[Answered]] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda self: asking(self.transport), takes_self=True),
    )

    async def whole(
        self, wire: WireRequest, limit_s: float, meaning: Meaning
    ) -> tuple[ResponseHead, bytes]:
        """Return head and body of a good answer.

        Args:
            wire: What is asked.
            limit_s: For all of it, in seconds.
            meaning: Of an answer with an error status.

        Raises:
            ChatError: There is none.
        """
        until_s = self.clock() + limit_s
        upstream = head = None
        try:
            upstream = await self._posted(wire, until_s)
            if not upstream.good:
                await self._refused(upstream, meaning, until_s)
            head = self._good(upstream)
            return head, await self._body(upstream, until_s)
        except OVERDUE:
            raise _after(head, Patience(first_token_s=limit_s).no_first_token()) from None
        except httpx.TransportError as error:
            stage = OPENING if head is None else READING
            raise _after(head, stage.meaning(error)) from error
        except ChatError as error:
            _after(head, error)
            raise
        finally:
            if upstream is not None:
                # Time-boxed by itself.
                await upstream.aclose()  # noqa: ASYNC102

    async def opened(self, wire: WireRequest, until_s: float, patience: Patience) -> Upstream:
        """Send `wire`; return the answer once its head is there. The caller closes it.

        Args:
            wire: What is asked.
            until_s: When `patience` ends, on the event loop's clock.
            patience: Says what failed then.

        Raises:
            ChatError: There is none.
        """
        try:
            return await self._posted(wire, until_s)
        except OVERDUE:
            raise patience.no_first_token() from None
        except httpx.TransportError as error:
            raise OPENING.meaning(error) from error

    async def accepted(self, upstream: Upstream, meaning: Meaning, until_s: float) -> ResponseHead:
        """Return the head of a good answer.

        Args:
            upstream: The answer.
            meaning: Of an error status.
            until_s: How long the body of an error is waited for, on the event loop's clock.

        Raises:
            ChatError: It is none.
        """
        if upstream.good:
            return self._good(upstream)
        await self._refused(upstream, meaning, until_s)

    async def _posted(self, wire: WireRequest, until_s: float) -> Upstream:
        asked = self.endpoint.asked(wire, self.bounds.connect_s, until_s)
        return Upstream(await self._ask(asked))

    def _good(self, upstream: Upstream) -> ResponseHead:
        head, _ = self.endpoint.scrubbed(upstream.head, b"")
        encoding = head.headers.get("content-encoding", "")
        if encoding and encoding.strip().lower() != _PLAIN:
            raise protocol_error(
                f"it is compressed ({encoding}), which was not asked for",
                upstream_status=head.status,
            )
        return head

    async def _refused(self, upstream: Upstream, meaning: Meaning, until_s: float) -> NoReturn:
        head = upstream.head
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
        shown = self.endpoint.scrubbed(dated, await _beginning(upstream, until_s))
        raise self.endpoint.discreet(wrong_address(*shown) or meaning(*shown))

    async def _body(self, upstream: Upstream, until_s: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while not upstream.ended:
            part = await upstream.read(until_s)
            parts.append(part)
            size += len(part)
            if size > self.bounds.body_bytes:
                raise protocol_error(f"it is longer than {self.bounds.body_bytes} bytes")
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _after(head: ResponseHead | None, error: ChatError) -> ChatError:
    """Return `error`, which came after `head`, if that was there: then the request was accepted."""
    if head is not None:
        error.upstream_status = head.status
    return error


async def _beginning(upstream: Upstream, until_s: float) -> bytes:
    """Return what can be had of an error's body until `until_s`, on the event loop's clock."""
    parts: list[bytes] = []
    size = 0
    until_s = min(until_s, anyio.current_time() + ERROR_BODY_S)
    with anyio.CancelScope(deadline=until_s), suppress(httpx.TransportError):
        while size < ERROR_BODY_BYTES and (part := await upstream.read()):
            parts.append(part)
            size += len(part)
    return b"".join(parts)[:ERROR_BODY_BYTES]
