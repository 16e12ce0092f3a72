"""A connection's first and last bytes, and what they say about the server."""

from ssl import SSLError

import anyio
import anyio.abc
from anyio.streams.tls import TLSStream

from entrypoints.client.tls import tls_said

MISBEHAVED = "is no good: the server does not speak HTTP/2 as it should"
_WANTS_TLS = "is no good: the server wants TLS, e.g. https://HOST:PORT"
_SETTINGS = b"\x04"
_TLS_ALERT = b"\x15\x03"


def not_http2(first: bytes) -> str | None:
    """Return what is wrong with a connection that begins with the bytes `first`; None if nothing is.

    A server's first frame is SETTINGS. An engine might wait for the rest of what looks like a very long one:
    HTTP/1.1, or an alert of TLS.
    """
    if first[3:4] in (b"", _SETTINGS):
        return None
    return _WANTS_TLS if first.startswith(_TLS_ALERT) else MISBEHAVED


def how_lost(error: Exception) -> str:
    """Return what happened to a connection on which `error` was raised."""
    if isinstance(error, anyio.EndOfStream):
        return "was closed by the server"
    if isinstance(error, SSLError):
        # Where the server wants a certificate of us that we have not, it says so only now.
        return f"was ended by the server: {tls_said(error)}"
    return "was lost"


def unheard(why: str, stream: anyio.abc.ByteStream) -> str:
    """Return what happened to a connection that ended, as `why` says, before the server said anything."""
    wants = (
        "a certificate of ours" if isinstance(stream, TLSStream) else "TLS, e.g. https://HOST:PORT"
    )
    return f"{why} before it said anything; perhaps the server wants {wants}"
