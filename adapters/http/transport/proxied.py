"""The way through a proxy: httpx's own transport, whose answers are made safe to leave half-read.

httpx reads a body through generators inside generators; one that is dropped half-read is finished by
the garbage collector, at some other time and in some other task. Here the wire is cut first, and the
generators then end by themselves.
"""

from collections.abc import AsyncIterator
from typing import Any

import attrs
import httpx


@attrs.frozen(eq=False)
class ProxiedTransport(httpx.AsyncBaseTransport):
    """Sends requests through `inner`, which whoever opened it closes."""

    inner: httpx.AsyncBaseTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; return when the head of the response is there."""
        response = await self.inner.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Body(
                response.stream,
                aiter(response.stream),
                response.extensions.get("network_stream"),
            ),
        )


@attrs.define(eq=False)
class _Body(httpx.AsyncByteStream):
    """Attributes: `_suspended`: whether the generators wait in the middle of the body."""

    _stream: httpx.AsyncByteStream
    _chunks: AsyncIterator[bytes]
    _network: Any
    _suspended: bool = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._suspended = False
        data = await anext(self._chunks)
        self._suspended = True
        return data

    async def aclose(self) -> None:
        """Close the connection, unless the body was read to its end."""
        try:
            if self._suspended and self._network is not None:
                await self._network.aclose()
            while self._suspended:
                await anext(self)
        except (httpx.TransportError, StopAsyncIteration):
            pass
        finally:
            await self._stream.aclose()
