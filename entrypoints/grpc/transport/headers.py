"""A call's headers, in and out.

Reading never raises: whatever a peer sends is a `CallHead` or a `Rejection` that says how to answer.
Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

import base64
import binascii
import functools
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias
from urllib.parse import quote, unquote

import attrs
from purerpc import StatusCode

from entrypoints.grpc.transport.engine import Headers
from entrypoints.grpc.transport.timeouts import read_timeout

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]
"""Pairs in the order received; a name that ends in ``-bin`` has bytes, any other has text."""

_ENCODINGS: Mapping[bytes, str] = {each.encode(): each for each in ("deflate", "gzip", "identity")}
_RESERVED = frozenset({"content-type", "te", "user-agent", "connection", "transfer-encoding"})


@attrs.frozen(kw_only=True)
class CallHead:
    """What a request's headers say.

    Attributes:
        service: Full name, e.g. ``llmservice.v1.LLMService``.
        metadata: May hold secrets, so that a repr shows only its names.
        timeout_s: From the moment the headers came in; ``None``: no deadline.
        encoding: How messages with the compressed flag are compressed.
        takes_gzip: Whether answers may be.
    """

    service: str
    method: str
    metadata: Metadata = attrs.field(repr=lambda pairs: str([name for name, _ in pairs]))
    timeout_s: float | None = None
    encoding: str = "identity"
    takes_gzip: bool = False


@attrs.frozen
class Rejection:
    """An answer to headers that are no gRPC call.

    Attributes:
        http_status: 200 where the peer speaks gRPC, so that it reads the status.
        known_encodings: What a message may be compressed with, where the peer chose something else.
    """

    http_status: int
    code: StatusCode
    message: str
    known_encodings: bytes = b""

    def headers(self, told: Headers, metadata: Headers = ()) -> Headers:
        """Return the whole answer as one header block; `told` is what `status_trailers` made of it."""
        accepted = self.known_encodings
        return (
            (b":status", b"%d" % self.http_status),
            (b"content-type", b"application/grpc"),
            *(((b"grpc-accept-encoding", accepted),) if accepted else ()),
            *metadata,
            *told,
        )


def read_head(headers: Headers) -> CallHead | Rejection:
    """Return what `headers` ask for, or how to turn them away."""
    fields: dict[bytes, bytes] = {}
    custom: list[tuple[str, str | bytes]] = []
    for name, value in headers:
        if name in _FIELDS:
            fields[name] = value
            continue
        pairs = _metadata_pairs(name, value)
        if pairs is None:
            shown = name.decode("ascii", "replace")
            return Rejection(200, StatusCode.INVALID_ARGUMENT, f"metadata {shown!r} is malformed")
        custom += pairs
    if fields.get(b":method") != b"POST":
        return Rejection(405, StatusCode.INTERNAL, "the method must be POST")
    if not _is_grpc(fields.get(b"content-type", b"")):
        return Rejection(415, StatusCode.INTERNAL, "the content-type must be application/grpc")
    named = _service_and_method(fields.get(b":path", b""))
    timeout = fields.get(b"grpc-timeout")
    timeout_s = None if timeout is None else read_timeout(timeout)
    encoding = _ENCODINGS.get(fields.get(b"grpc-encoding", b"identity"))
    if named is None or encoding is None or (timeout is not None and timeout_s is None):
        return _unreadable(fields, timeout_s)
    return CallHead(
        service=named[0],
        method=named[1],
        metadata=tuple(custom),
        timeout_s=timeout_s,
        encoding=encoding,
        takes_gzip=_names_gzip(fields.get(b"grpc-accept-encoding", b"")),
    )


_FIELDS = frozenset(
    {
        b":method",
        b":path",
        b":scheme",
        b":authority",
        b"content-type",
        b"te",
        b"user-agent",
        b"grpc-timeout",
        b"grpc-encoding",
        b"grpc-accept-encoding",
        b"grpc-message-type",
    }
)


# Clients say the same few over and over; the cache is bounded, for those who do not.
@functools.lru_cache(maxsize=256)
def _is_grpc(content_type: bytes) -> bool:
    # With the subtype and parameters left out; application/grpc-web is another protocol.
    return re.split(rb"[+; ]", content_type, maxsplit=1)[0].lower() == b"application/grpc"


@functools.lru_cache(maxsize=256)
def _service_and_method(path: bytes) -> tuple[str, str] | None:
    root, _, rest = path.decode("ascii", "replace").partition("/")
    service, slash, method = rest.rpartition("/")
    return None if root or not slash else (service, method)


def _unreadable(fields: Mapping[bytes, bytes], timeout_s: float | None) -> Rejection:
    """Return what is wrong with the call in `fields`; `timeout_s` is what could be read of its timeout."""
    path = fields.get(b":path", b"")
    if _service_and_method(path) is None:
        shown = path.decode("ascii", "replace")
        return Rejection(200, StatusCode.UNIMPLEMENTED, f"malformed method name: {shown!r}")
    if b"grpc-timeout" in fields and timeout_s is None:
        return Rejection(200, StatusCode.INVALID_ARGUMENT, "grpc-timeout is malformed")
    encoding = fields[b"grpc-encoding"].decode("ascii", "replace")
    return Rejection(
        200,
        StatusCode.UNIMPLEMENTED,
        f"grpc-encoding {encoding!r} is not known; use gzip or identity",
        known_encodings=b",".join(_ENCODINGS),
    )


@functools.lru_cache(maxsize=256)
def _names_gzip(accepted: bytes) -> bool:
    return b"gzip" in [each.strip() for each in accepted.split(b",")]


def _metadata_pairs(name: bytes, value: bytes) -> list[tuple[str, str | bytes]] | None:
    """Return what a field says, None if it is malformed, nothing if it is HTTP's own."""
    try:
        key = name.decode("ascii")
        if key in _RESERVED:
            return []
        if key == "authorization":
            # What is wrong with it is for those to say who know callers.
            return [(key, value.decode("ascii", "replace"))]
        if not key.endswith("-bin"):
            return [(key, value.decode("ascii"))]
        # Senders may join values with commas, and leave out the padding.
        return [
            (key, base64.b64decode(each + b"=" * (-len(each) % 4), validate=True))
            for each in value.replace(b" ", b"").split(b",")
        ]
    except (UnicodeDecodeError, binascii.Error):
        return None


def read_metadata(headers: Headers) -> Metadata:
    """Return what `headers` say beside HTTP's and gRPC's own fields; malformed fields are left out."""
    return tuple(
        pair
        for name, value in headers
        if not name.startswith((b":", b"grpc-"))
        for pair in _metadata_pairs(name, value) or ()
    )


def write_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> list[tuple[bytes, bytes]]:
    """Return `metadata` as header fields; spaces around text do not survive.

    Raises:
        ValueError: A name or a value cannot be sent.
    """
    fields: list[tuple[bytes, bytes]] = []
    for name, value in metadata:
        if not _KEY.fullmatch(name) or name.startswith("grpc-") or name in _RESERVED:
            raise ValueError(f"metadata name {name!r} cannot be sent")
        if name.endswith("-bin") != isinstance(value, bytes):
            raise ValueError(f"metadata {name!r}: a name ends in -bin if its value is bytes")
        if isinstance(value, bytes):
            fields.append((name.encode(), base64.b64encode(value).rstrip(b"=")))
        elif _TEXT.fullmatch(value):
            fields.append((name.encode(), value.strip(" ").encode()))
        else:
            raise ValueError(f"metadata {name!r} holds characters that cannot be sent")
    return fields


_KEY = re.compile(r"[0-9a-z_.-]+")
_TEXT = re.compile(r"[ -~]*")


def status_trailers(
    code: StatusCode, message: str = "", details: bytes = b""
) -> list[tuple[bytes, bytes]]:
    """Return the fields that say how a call ended.

    Args:
        code: The status.
        message: For people; percent-encoded on the wire.
        details: A serialised google.rpc.Status, or empty.
    """
    fields = [_STATUSES[code]]
    if message:
        fields.append((b"grpc-message", _percent_encoded(message)))
    if details:
        fields.append((b"grpc-status-details-bin", base64.b64encode(details).rstrip(b"=")))
    return fields


# Written once: the value of an enum's member costs more than its field.
_STATUSES: Mapping[StatusCode, tuple[bytes, bytes]] = {
    code: (b"grpc-status", b"%d" % code.value) for code in StatusCode
}


def _percent_encoded(message: str) -> bytes:
    # A lone surrogate must not turn the end of a call into an exception, and HTTP allows no spaces around.
    quoted = quote(message, safe=_UNQUOTED, errors="replace")
    kept = quoted.strip(" ")
    before = len(quoted) - len(quoted.lstrip(" "))
    after = len(quoted) - len(kept) - before
    return ("%20" * before + kept + "%20" * after).encode()


_UNQUOTED = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


@attrs.frozen
class EndedWith:
    """How the peer said a call ended.

    Attributes:
        details: A serialised google.rpc.Status, or empty.
    """

    code: StatusCode
    message: str
    details: bytes = b""
    metadata: Metadata = ()


def read_status(headers: Headers) -> EndedWith | None:
    """Return the status in `headers`; None if there is none, or it is malformed."""
    code: int | None = None
    message, details = "", b""
    custom: list[tuple[str, str | bytes]] = []
    for name, value in headers:
        if name == b"grpc-status":
            if not value.isdigit():
                return None
            code = int(value)
        elif name == b"grpc-message":
            message = unquote(value.decode("ascii", "replace"), errors="replace")
        elif not name.startswith(b":"):
            for key, each in _metadata_pairs(name, value) or ():
                if key == "grpc-status-details-bin" and isinstance(each, bytes):
                    details = each
                else:
                    custom.append((key, each))
    if code is None:
        return None
    known = code in _CODES
    return EndedWith(
        StatusCode(code) if known else StatusCode.UNKNOWN, message, details, tuple(custom)
    )


_CODES = frozenset(code.value for code in StatusCode)
