"""The benchmarks' provider where nginx is not installed.

usage: python -m tests.benchmarks.upstream_server PORT
"""

import re
import sys

import trio

from tests.benchmarks.upstream import PACES_S, stream_events, whole_body

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"


def _sized(kind: bytes, body: bytes) -> bytes:
    return _HEAD % kind + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_AT_ONCE = {
    b"whole": _sized(b"application/json", whole_body()),
    b"burst": _sized(b"text/event-stream", b"".join(stream_events())),
}
_PACES_S = {name.encode(): pace_s for name, pace_s in PACES_S.items()}
_BEGIN = _HEAD % b"text/event-stream" + b"Transfer-Encoding: chunked\r\n\r\n"

_PIECES = [_framed(each) for each in stream_events()[:-3]]
_END = _framed(b"".join(stream_events()[-3:])) + b"0\r\n\r\n"


async def _serve(stream: trio.SocketStream) -> None:
    stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
    try:
        while True:
            data = await stream.receive_some(65536)
            while data and not _complete(data):
                more = await stream.receive_some(65536)
                data = data + more if more else b""
            if not data:
                return
            kind = data.split(b"/", 2)[1]
            if kind in _AT_ONCE:
                await stream.send_all(_AT_ONCE[kind])
            else:
                await _paced(stream, _PACES_S[kind])
    except trio.BrokenResourceError:
        pass


def _complete(data: bytes) -> bool:
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = _LENGTH.search(head)
    return length is None or len(body) >= int(length[1])


async def _paced(stream: trio.SocketStream, pace_s: float) -> None:
    await stream.send_all(_BEGIN + _PIECES[0])
    for piece in _PIECES[1:]:
        await trio.sleep(pace_s)
        await stream.send_all(piece)
    await stream.send_all(_END)


async def main(port: int) -> None:
    """Serve until killed."""
    await trio.serve_tcp(_serve, port, host="127.0.0.1", backlog=4096)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]))
