"""TLS towards a server: whom we trust, and who we are.

Laws: the server's name is always checked, and so is that it speaks HTTP/2 (ALPN ``h2``). A file that is no
good is told by name before anything is connected.
"""

import os
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import anyio.abc
import attrs
import certifi
from anyio.streams.tls import TLSAttribute, TLSStream

_ALPN = "h2"


@attrs.frozen(kw_only=True)
class Tls:
    """How to speak TLS; the files are PEM.

    Attributes:
        ca: Certificates of those who may vouch for the server; ``None``: those the world trusts.
        certificate: Our own with its chain, for servers that ask for one (mTLS); with `key`.
        key: The private key of `certificate`, without a password.
        server_name: What the server's certificate must name; empty: the target's host.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""

    def opened(self) -> "OpenTls":
        """Return it with its files read.

        Raises:
            ValueError: A file is missing or is not what it should be.
        """
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("a client certificate needs its key, and a key its certificate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([_ALPN])
        trusted = self.ca or Path(certifi.where())
        _load(f"{trusted} holds no certificates", lambda: context.load_verify_locations(trusted))
        certificate, key = self.certificate, self.key
        if certificate is not None and key is not None:
            _load(
                f"{certificate} and {key} are no certificate and its key (without a password)",
                # An empty password, or OpenSSL would ask for one on the terminal.
                lambda: context.load_cert_chain(certificate, key, password=""),
            )
        return OpenTls(context, self.server_name)


@attrs.frozen
class OpenTls:
    """TLS, ready to be spoken."""

    _context: ssl.SSLContext
    _server_name: str

    async def over(self, stream: anyio.abc.ByteStream, host: str) -> anyio.abc.ByteStream:
        """Return `stream` with TLS over it; where that fails, `stream` is closed.

        Raises:
            TlsFailed: The two cannot agree, or the server is not who it should be.
            OSError: The connection was lost.
        """
        name = self._server_name or host
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(stream)
            try:
                secure = await TLSStream.wrap(
                    stream,
                    server_side=False,
                    hostname=name,
                    ssl_context=self._context,
                    standard_compatible=False,
                )
            except ssl.SSLCertVerificationError as error:
                raise TlsFailed(
                    f"the server's certificate is not trusted: {error.verify_message}"
                ) from None
            except ssl.SSLError as error:
                raise TlsFailed(tls_said(error)) from None
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                raise TlsFailed("the server left during the TLS handshake") from None
            except UnicodeError:
                raise TlsFailed(f"{name!r} is no name a certificate could have") from None
            if secure.extra(TLSAttribute.alpn_protocol) != _ALPN:  # noqa: S610 - no Django here
                raise TlsFailed("the server speaks TLS, but not HTTP/2 over it (ALPN)")
            stack.pop_all()
            return secure


class TlsFailed(Exception):
    """No TLS with this server; the message says why."""


def tls_said(error: ssl.SSLError) -> str:
    """Return what TLS said, for people."""
    said = (error.reason or "failed").replace("_", " ").lower()
    if "wrong version number" in said or "record layer failure" in said:
        return "the server does not speak TLS"
    return f"TLS: {said}"


def _load(wrong: str, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError:
        raise ValueError(wrong) from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise ValueError(f"{wrong}: {why}") from None
