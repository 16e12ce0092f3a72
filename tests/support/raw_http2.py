"""A client that is nothing but bytes: any frame, any header block, in any order, over a real socket."""

import struct
from collections.abc import Iterable, Sequence

import attrs
import hpack
import trio
from hyperframe.frame import (
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

from tests.support.grpc_play import framed, request_headers

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE_S = 15.0
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY = range(8)
WINDOW_UPDATE, CONTINUATION = 8, 9
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
_SIGN = b"on we go"


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Return a frame of which nothing is checked."""
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream_id) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """Return a header field as HPACK's literal without indexing. Source: RFC 7541, 6.2.2."""
    return b"\0" + _length(name) + name + _length(value) + value


def _length(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)])
    rest, told = len(text) - 127, [127]
    while rest >= 128:
        told.append(rest % 128 | 128)
        rest //= 128
    return bytes([*told, rest])


def block(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a header block that any decoder in any state reads alike."""
    return b"".join(literal(name, value) for name, value in fields)


def call(stream_id: int, fields: Sequence[tuple[bytes, bytes]] | None = None) -> bytes:
    """Return a whole unary call."""
    head = block(request_headers() if fields is None else fields)
    return frame(HEADERS, END_HEADERS, stream_id, head) + frame(
        DATA, END_STREAM, stream_id, framed(b"hi")
    )


@attrs.define(eq=False)
class Raw:
    """A connection, and what came back on it.

    Attributes:
        goaway: The code of the server's GOAWAY, if one came.
        ended: How each stream ended: the code of its reset, or ``None`` for trailers.
        left: Whether the server has closed the connection.
        said: Every byte received.
    """

    stream: trio.SocketStream
    goaway: int | None = None
    ended: dict[int, int | None] = attrs.field(factory=dict)
    statuses: dict[int, bytes] = attrs.field(factory=dict)
    left: bool = False
    said: bytes = b""
    _signs: int = 0
    _unread: bytes = b""
    _decoder: hpack.Decoder = attrs.field(factory=hpack.Decoder)

    @classmethod
    async def to(cls, host: str, port: int) -> "Raw":
        return cls(await trio.open_tcp_stream(host, port))

    async def send(self, data: bytes) -> None:
        """Send, if there is still anybody."""
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError:
            self.left = True

    async def greet(self) -> None:
        await self.send(PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0))

    async def until_left(self) -> None:
        """Read until the server has closed the connection."""
        with trio.fail_after(PATIENCE_S):
            while not self.left:
                await self._read()

    async def until_ended(self, stream_id: int) -> None:
        """Read until the stream is over, or the connection is."""
        with trio.fail_after(PATIENCE_S):
            while stream_id not in self.ended and not self.left:
                await self._read()

    async def until_read(self) -> None:
        """Read until the server has dealt with all that was sent, or has closed the connection."""
        signs = self._signs
        await self.send(frame(PING, 0, 0, _SIGN))
        with trio.fail_after(PATIENCE_S):
            while self._signs == signs and not self.left:
                await self._read()

    async def _read(self) -> None:
        try:
            data = bytes(await self.stream.receive_some(65536))
        except trio.BrokenResourceError:
            data = b""
        self.said += data
        self.left = not data
        self._unread += data
        while len(self._unread) >= 9:
            made, size = Frame.parse_frame_header(memoryview(self._unread[:9]))
            if len(self._unread) < 9 + size:
                break
            made.parse_body(memoryview(self._unread[9 : 9 + size]))
            self._unread = self._unread[9 + size :]
            self._take(made)

    def _take(self, made: Frame) -> None:
        if isinstance(made, GoAwayFrame):
            # A server that drains says it twice, and nothing is wrong then.
            self.goaway = self.goaway or made.error_code
        elif isinstance(made, PingFrame) and made.opaque_data == _SIGN:
            self._signs += 1
        elif isinstance(made, RstStreamFrame):
            self.ended.setdefault(made.stream_id, made.error_code)
        elif isinstance(made, HeadersFrame):
            fields = {bytes(n): bytes(v) for n, v in self._decoder.decode(made.data, raw=True)}
            if b"grpc-status" in fields:
                self.statuses[made.stream_id] = fields[b"grpc-status"]
            if "END_STREAM" in made.flags:
                self.ended.setdefault(made.stream_id, None)
        elif isinstance(made, SettingsFrame):
            assert made.stream_id == 0
