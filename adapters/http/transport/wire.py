"""HTTP/1.1 in bytes, sans I/O: how a request is written and a response is read, with llhttp.

Laws: a body that is shorter than it said is an error; only a body that never said where it ends may end
with the connection. Interim responses are passed over. What comes after the end makes the connection
unfit for another request.

Source: RFC 9112
"""

import attrs
import httptools
import httpx

from adapters.http.transport.asking import Asked

MAX_HEAD_BYTES = 64 * 1024
"""Longest head of a response, the heads of interim ones before it included."""

_NO_BODY_KNOWN = frozenset({"HEAD", "CONNECT"})


def request_bytes(request: httpx.Request, body: bytes) -> bytes:
    """Return `request` with `body` as it goes over the wire; its headers are written as they are.

    Raises:
        httpx.LocalProtocolError: It cannot be written: a header would break out of its line, or the method's
            response has no body that its head tells of.
    """
    pairs = request.headers.raw
    lines = b"".join([b"%b: %b\r\n" % pair for pair in pairs])
    if "transfer-encoding" in request.headers:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    return _written(request.method, request.url.raw_path, lines, len(pairs), body)


def asked_bytes(asked: Asked) -> bytes:
    """Return `asked` as it goes over the wire.

    Raises:
        httpx.LocalProtocolError: As `request_bytes`.
    """
    lines = b"%bcontent-length: %d\r\n" % (asked.headers.lines, len(asked.body))
    count = len(asked.headers.pairs) + 1
    for pair in asked.further:
        lines += b"%b: %b\r\n" % pair
        count += 1
    return _written(asked.method, asked.address.target, lines, count, asked.body)


def _written(method: str, target: bytes, lines: bytes, count: int, body: bytes) -> bytes:
    if method in _NO_BODY_KNOWN:
        raise httpx.LocalProtocolError(f"{method} is not supported")
    # Every line end must be one of those that have just been put there.
    if lines.count(b"\n") != count or lines.count(b"\r") != count or b"\0" in lines:
        raise httpx.LocalProtocolError("a header holds a line end")
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode("ascii"), target, lines, body)


@attrs.define(eq=False)
class ResponseReader:
    """Reads one response from bytes cut anywhere.

    Attributes:
        status: 0 until the head is complete.
        headers: Names as they came.
        head_complete: Whether `status` and `headers` are known.
        complete: Whether the body has come to its end.
        keeps_alive: Whether the connection is fit for another request; known when `complete`.
    """

    status: int = 0
    headers: list[tuple[bytes, bytes]] = attrs.field(factory=list)
    head_complete: bool = False
    complete: bool = False
    keeps_alive: bool = False
    _parser: httptools.HttpResponseParser | None = None
    _parts: list[bytes] = attrs.field(factory=list)
    _head_bytes: int = 0
    _interim: bool = False

    def __attrs_post_init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            httpx.RemoteProtocolError: They are no HTTP, or the head is too long.
        """
        if self._parser is None:
            self.keeps_alive = False
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.complete:
                raise httpx.RemoteProtocolError(f"malformed response: {error}") from None
            self.keeps_alive = False
        except httptools.HttpParserUpgrade:
            raise httpx.RemoteProtocolError("the server changes the protocol, unasked") from None
        if not self.head_complete:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                raise httpx.RemoteProtocolError("the response's head is too long")
        elif self.complete:
            # The parser and this refer to each other, which only the garbage collector would end.
            self.abandon()

    def end(self) -> None:
        """Take the end of the connection.

        Raises:
            httpx.ReadError: There is no response.
            httpx.RemoteProtocolError: It is not complete.
        """
        self.keeps_alive = False
        if self.complete:
            return
        if not self.head_complete:
            raise httpx.ReadError("the server closed the connection without an answer")
        if self._is_framed():
            raise httpx.RemoteProtocolError("the server closed the connection within an answer")
        self.complete = True

    def abandon(self) -> None:
        """Let go of the parser; nothing more is fed."""
        self._parser = None

    def take(self) -> bytes:
        """Return what has come of the body since the last time; it is joined once."""
        parts = self._parts
        if len(parts) == 1:
            return parts.pop()
        joined = b"".join(parts)
        parts.clear()
        return joined

    def _is_framed(self) -> bool:
        """Return whether the body's end can be told without the end of the connection."""
        return any(
            name.lower() == b"content-length"
            or (name.lower() == b"transfer-encoding" and b"chunked" in value.lower())
            for name, value in self.headers
        )

    # What llhttp calls.

    def on_message_begin(self) -> None:
        """Nobody asked for a second response."""
        if self.complete:
            self.keeps_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are of no use here."""
        if not self.head_complete:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Tell an interim response from the one that is waited for."""
        if self._parser is None or self.head_complete:
            return
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200
        if not self._interim:
            self.status, self.head_complete = status, True

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if not self.complete:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        """Note the end, unless it is that of an interim response."""
        if self._interim:
            self._interim = False
            self.headers.clear()
        elif not self.complete and self._parser is not None:
            self.complete = True
            self.keeps_alive = self._parser.should_keep_alive()
