"""Connections: where they lead, how they are opened, and whether one is still good."""

import select
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import anyio.abc
import attrs
import httpx
from anyio.streams.tls import TLSAttribute, TLSStream

from adapters.http.transport.plain import WaitReadable, plain

READ_BYTES = 64 * 1024


@attrs.frozen(cache_hash=True)
class Origin:
    """Where a connection leads.

    Attributes:
        scheme: ``http`` or ``https``.
        host: Name or address, without brackets.
    """

    scheme: str
    host: str
    port: int


Connect: TypeAlias = Callable[[Origin], Awaitable[anyio.abc.ByteStream]]
"""Opens a connection, TLS included; errors are the socket's and TLS's own."""


@attrs.define(eq=False)
class SocketConnect:
    """Opens connections over TCP, with TLS for ``https``: verified, with SNI, and HTTP/1.1 by ALPN.

    Attributes:
        tls: ``None``: the usual authorities, loaded at the first use, which takes some 20 ms.
        wait_readable: How a connection waits for its socket.
    """

    tls: ssl.SSLContext | None = None
    wait_readable: WaitReadable = anyio.wait_readable

    async def __call__(self, origin: Origin) -> anyio.abc.ByteStream:
        """Open a connection to `origin`."""
        stream = plain(await anyio.connect_tcp(origin.host, origin.port), self.wait_readable)
        return stream if origin.scheme == "http" else await self._secured(stream, origin.host)

    async def _secured(self, stream: anyio.abc.ByteStream, host: str) -> anyio.abc.ByteStream:
        secured = None
        try:
            if self.tls is None:
                self.tls = verifying_tls()
            secured = await TLSStream.wrap(
                stream,
                hostname=host,
                ssl_context=self.tls,
                # HTTP says itself where a body ends; most servers just close.
                standard_compatible=False,
            )
            return secured
        finally:
            if secured is None:
                # It takes no time: nothing is said to the other side.
                await anyio.aclose_forcefully(stream)  # noqa: ASYNC102


def verifying_tls() -> ssl.SSLContext:
    """Return a TLS context that trusts certifi's authorities, or those of ``SSL_CERT_FILE``."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@attrs.define(eq=False)
class Connection:
    """An open connection.

    Attributes:
        idle_since_s: When its last answer ended, on the event loop's clock.
    """

    stream: anyio.abc.ByteStream
    idle_since_s: float = 0.0
    _poll: "select.poll | None" = None
    _tls: ssl.SSLObject | None = None

    def __attrs_post_init__(self) -> None:
        self._tls = self.stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610
        found = self.stream.extra(anyio.abc.SocketAttribute.raw_socket, None)  # noqa: S610
        if found is not None:
            self._poll = select.poll()
            self._poll.register(found, select.POLLIN)

    def is_stale(self) -> bool:
        """Return whether an idle connection is of no more use.

        A server that speaks unasked says good-bye, or is out of step.
        """
        if self._poll is not None and self._poll.poll(0):
            return True
        return self._tls is not None and _has_more(self._tls)

    async def abort(self) -> None:
        """Close at once; when this returns or raises, the socket is closed."""
        await anyio.aclose_forcefully(self.stream)


def _has_more(tls: ssl.SSLObject) -> bool:
    """Return whether `tls` holds more than was asked for, or its end, which the socket no longer knows of.

    What TLS says to itself, such as a ticket, is nothing of it.
    """
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        return True
    return True
