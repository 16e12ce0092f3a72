"""Fetches media from the public internet, and from nowhere else.

Laws: the host is looked up once, every address it has must be public, and the connection is made to one of
these very addresses, with TLS for the host's own name, so that a second look-up cannot lead elsewhere.
Redirects are followed by hand, each checked like the first address. Nothing of ours is sent along: no
cookie, no credential, and through no proxy, which would look the name up by itself. What is compressed is
refused, so that nothing swells. Whatever is wrong with the way there is said in the same words, so that
nobody can feel the network out.
"""

import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from ipaddress import ip_address

import anyio
import anyio.abc
import attrs
import httpx

from adapters.http.transport.asking import Asked, address_of, asking, prepared
from adapters.http.transport.connection import Origin, verifying_tls
from adapters.http.transport.opening import open_transport
from adapters.http.transport.pool import Limits
from adapters.http.upstream import Upstream
from domain.policy.public_address import is_public
from ports.media_source import Allowance, Fetched, MediaRefused

REDIRECTS = 3
MOST_URI = 8_192
ADDRESSES = 4
"""Of one host that are tried."""
UNREACHABLE = "cannot be had: only a public https address that answers is fetched"
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_ONE = Limits(connections=1, idle_connections=1)
# Ways to write an IPv4 address that only some readers take for one.
_ODD = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives all addresses of a host, as numbers; OSError: it has none."""


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of `host`, as the system knows them."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


@attrs.define(kw_only=True, eq=False)
class HttpMedia:
    """A source of media; see `ports.media_source`.

    Attributes:
        ports: That may be asked.
        item_bytes: Longest medium.
        timeout_s: For one medium, redirects included.
        allow_loopback: Whether this machine itself may be asked, at any port and over plain http: for tests.
        tls: ``None``: the usual authorities, loaded at the first use.
    """

    ports: Sequence[int] = (443,)
    item_bytes: int = 20 * 1024 * 1024
    timeout_s: float = 20.0
    allow_loopback: bool = False
    resolve: Resolve = look_up
    tls: ssl.SSLContext | None = None

    async def fetch(self, uri: str, allowance: Allowance, /) -> Fetched:
        """Return what is at `uri`.

        Raises:
            MediaRefused: It may not be fetched, or cannot be had.
        """
        with anyio.move_on_after(self.timeout_s):
            try:
                return await self._followed(self._checked(uri), allowance)
            except httpx.TransportError:
                raise MediaRefused(UNREACHABLE) from None
        raise MediaRefused(f"was not there within {self.timeout_s:g} s")

    async def _followed(self, url: httpx.URL, allowance: Allowance) -> Fetched:
        for _ in range(REDIRECTS + 1):
            # Callers name the hosts, so nothing of one is kept for the next.
            async with (
                open_transport(_ONE, connect=self._connect) as transport,
                aclosing(Upstream(await asking(transport)(_get(url)))) as upstream,
            ):
                head = upstream.head
                if head.status in _REDIRECTING and head.headers.get("location"):
                    url = self._checked(_joined(url, head.headers["location"]))
                    continue
                if head.status != 200:
                    raise MediaRefused(f"cannot be had: its server answers {head.status}")
                if head.headers.get("content-encoding", "identity").lower() != "identity":
                    raise MediaRefused("is sent compressed, which was not asked for")
                said = head.headers.get("content-type", "")
                return Fetched(await self._read(upstream, allowance), said)
        raise MediaRefused(f"is redirected more than {REDIRECTS} times")

    async def _read(self, upstream: Upstream, allowance: Allowance) -> bytes:
        length = upstream.head.headers.get("content-length", "")
        if length.isdigit() and len(length) < 20 and int(length) > self.item_bytes:
            raise self._too_long()
        parts: list[bytes] = []
        size = 0
        while part := await upstream.read():
            size += len(part)
            if size > self.item_bytes:
                raise self._too_long()
            allowance.take(len(part))
            parts.append(part)
        return b"".join(parts)

    def _too_long(self) -> MediaRefused:
        return MediaRefused(f"is longer than {self.item_bytes:,} bytes")

    def _checked(self, uri: str) -> httpx.URL:
        """Return `uri`, if it may be asked for as it is written.

        Raises:
            MediaRefused: It may not.
        """
        try:
            url = httpx.URL(uri) if len(uri) <= MOST_URI else None
        except httpx.InvalidURL:
            url = None
        if url is None or not url.host or "%" in url.host:
            raise MediaRefused("is not a web address")
        if url.userinfo:
            raise MediaRefused("holds a user or a password, which are not sent")
        if self.allow_loopback and url.scheme in ("http", "https"):
            return url
        if url.scheme != "https":
            raise MediaRefused("is not an https address")
        if (url.port or 443) not in self.ports:
            raise MediaRefused(f"names a port other than {', '.join(map(str, self.ports))}")
        if _is_odd(url.host):
            raise MediaRefused(UNREACHABLE)
        return url

    async def _connect(self, origin: Origin) -> anyio.abc.ByteStream:
        try:
            addresses = await self.resolve(origin.host, origin.port)
        except (OSError, UnicodeError):
            raise MediaRefused(UNREACHABLE) from None
        if not addresses or not all(self._is_allowed(each) for each in addresses):
            raise MediaRefused(UNREACHABLE)
        for address in addresses[:ADDRESSES]:
            try:
                return await self._opened(address, origin)
            except (OSError, anyio.BrokenResourceError, anyio.EndOfStream):
                continue
        raise MediaRefused(UNREACHABLE)

    async def _opened(self, address: str, origin: Origin) -> anyio.abc.ByteStream:
        connect = partial(anyio.connect_tcp, address, origin.port)
        if origin.scheme == "http":
            return await connect()
        if self.tls is None:
            self.tls = verifying_tls()
        return await connect(
            ssl_context=self.tls, tls_hostname=origin.host, tls_standard_compatible=False
        )

    def _is_allowed(self, address: str) -> bool:
        return is_public(address) or (self.allow_loopback and ip_address(address).is_loopback)


def _is_odd(host: str) -> bool:
    if not _ODD.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def _joined(url: httpx.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except httpx.InvalidURL:
        raise MediaRefused("is redirected to what is not a web address") from None


def _get(url: httpx.URL) -> Asked:
    headers = (
        (b"host", url.netloc),
        (b"user-agent", b"llmservice"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"identity"),
        (b"connection", b"close"),
    )
    return Asked(method="GET", address=address_of(url), headers=prepared(headers), body=b"")
