"""A request and its answer as small as they can be, and how any httpx transport is asked with them.

httpx's own values cost about 30 us a call: headers are copied, folded and encoded again and again, for uses
that a gateway does not have. Here what is the same for every call to a provider is prepared once.
"""

import math
from abc import abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from typing import Protocol, TypeAlias

import anyio
import attrs
import httpx

from adapters.http.transport.connection import Origin

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


@attrs.frozen(eq=False)
class Address:
    """Where a request goes.

    Attributes:
        target: Path and query.
    """

    url: httpx.URL
    origin: Origin
    target: bytes


def address_of(url: httpx.URL) -> Address:
    """Return `url`, read once for many requests.

    Raises:
        httpx.UnsupportedProtocol: It is neither http nor https.
    """
    port = _PORTS.get(url.scheme)
    if port is None:
        raise httpx.UnsupportedProtocol(f"no protocol {url.scheme!r}")
    return Address(url, Origin(url.scheme, url.host, url.port or port), url.raw_path)


@attrs.frozen(eq=False, repr=False)
class Prepared:
    """Headers that many requests have.

    Attributes:
        pairs: Names in lower case.
        lines: The same as they go over the wire, each with its line end.
    """

    pairs: RawHeaders
    lines: bytes


def prepared(pairs: Iterable[tuple[bytes, bytes]]) -> Prepared:
    """Return `pairs` as `Prepared`."""
    kept = tuple(pairs)
    return Prepared(kept, b"".join([b"%b: %b\r\n" % pair for pair in kept]))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Asked:
    """One request. Its length is said by whoever writes it.

    Attributes:
        further: Headers beside `headers`.
        wait_s: For a free connection, and then for a new one, in seconds; None: without end.
        due_s: When the head of the answer has to be there, on the event loop's clock.
    """

    method: str
    address: Address
    headers: Prepared
    body: bytes
    further: RawHeaders = ()
    wait_s: float | None = None
    due_s: float = math.inf


class Answered(Protocol):
    """An answer whose head is there; whoever holds it closes it."""

    @property
    def status(self) -> int:
        """Its status."""
        ...

    @property
    def headers(self) -> RawHeaders:
        """Its headers, as they came."""
        ...

    @property
    def whole(self) -> bool:
        """Whether the body is known to have been read to its end."""
        ...

    async def read(self, due_s: float = math.inf) -> bytes:
        """Return the next piece of the body; empty: it has ended.

        Args:
            due_s: When it has to be there, on the event loop's clock.

        Raises:
            httpx.ReadTimeout: It was not.
            httpx.TransportError: It broke off.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection, unless the body was read to its end."""
        ...


class Asking(httpx.AsyncBaseTransport):
    """A transport that can be asked without httpx's values."""

    @abstractmethod
    async def ask(self, asked: Asked) -> Answered:
        """Send `asked`; return when the head of the answer is there.

        Raises:
            httpx.ReadTimeout: It was not there when it was due.
            httpx.TransportError: It did not work out; no connection is held.
        """


def asking(transport: httpx.AsyncBaseTransport) -> Callable[[Asked], Awaitable[Answered]]:
    """Return how any transport is asked, as `Asking.ask` says."""
    return transport.ask if isinstance(transport, Asking) else partial(_asked, transport)


async def _asked(transport: httpx.AsyncBaseTransport, asked: Asked) -> Answered:
    with anyio.CancelScope(deadline=asked.due_s):
        return HttpxAnswer(await transport.handle_async_request(_request(asked)))
    raise httpx.ReadTimeout("the answer took too long to begin")


def _request(asked: Asked) -> httpx.Request:
    length = (b"content-length", b"%d" % len(asked.body))
    timeout = {"connect": asked.wait_s, "pool": asked.wait_s, "read": None, "write": None}
    return httpx.Request(
        asked.method,
        asked.address.url,
        headers=[*asked.headers.pairs, length, *asked.further],
        stream=httpx.ByteStream(asked.body),
        extensions={"timeout": timeout},
    )


@attrs.define(eq=False)
class HttpxAnswer:
    """An answer of another transport: nothing that it began is left for the garbage collector to finish."""

    response: httpx.Response
    _chunks: AsyncIterator[bytes] | None = None

    @property
    def status(self) -> int:
        """Its status."""
        return self.response.status_code

    @property
    def headers(self) -> RawHeaders:
        """Its headers, as they came."""
        return self.response.headers.raw

    @property
    def whole(self) -> bool:
        """Never known before it is asked for more."""
        return False

    async def read(self, due_s: float = math.inf) -> bytes:
        """Return the next piece of the body; empty: it has ended."""
        if self._chunks is None:
            self._chunks = aiter(self._stream)
        with anyio.CancelScope(deadline=due_s):
            async for chunk in self._chunks:
                if chunk:
                    return chunk
            return b""
        raise httpx.ReadTimeout("the answer took too long")

    async def aclose(self) -> None:
        """Close the answer, and what reads it."""
        # Transports read through generators, as a rule.
        if isinstance(self._chunks, AsyncGenerator):
            await self._chunks.aclose()
        await self._stream.aclose()

    @property
    def _stream(self) -> httpx.AsyncByteStream:
        assert isinstance(self.response.stream, httpx.AsyncByteStream)
        return self.response.stream
