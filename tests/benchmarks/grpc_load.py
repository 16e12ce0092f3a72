"""A client as cheap as can be: sockets, a selector, libnghttp2; it reads no message, it counts bytes."""

import selectors
import socket
from time import perf_counter

import attrs

from entrypoints.grpc.transport.engine import (
    DataReceived,
    Engine,
    EngineLimits,
    Headers,
    HeadersReceived,
    TrailersReceived,
    engine_factory,
)

_WIDE = EngineLimits(stream_window=2**20, connection_window=2**24, max_frame=2**14)


@attrs.define
class Counted:
    """What came back.

    Attributes:
        calls: Those that ended with OK.
        size: Bytes of their bodies.
        failed: Those that ended otherwise.
    """

    calls: int = 0
    size: int = 0
    failed: int = 0


class _Channel:
    """One connection with a fixed number of calls on it at any time."""

    def __init__(self, port: int, path: str, body: bytes, counted: Counted) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._engine: Engine = engine_factory("nghttp2")(True, _WIDE)
        self._engine.start()
        self._body, self._counted = body, counted
        self._headers: Headers = (
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", path.encode()),
            (b":authority", b"bench"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
        )

    def begin(self, calls: int) -> None:
        for _ in range(calls):
            self._call()
        self.socket.sendall(self._engine.take())

    def read(self, *, go_on: bool) -> int:
        """Take in what is there; return how many calls have ended."""
        data = self.socket.recv(2**18)
        if not data:
            raise ConnectionError("the server left")
        ended = 0
        for event in self._engine.receive(data):
            if isinstance(event, DataReceived):
                self._counted.size += len(event.data)
                self._engine.acknowledge(event.stream_id, len(event.data))
            elif isinstance(event, TrailersReceived) or (
                isinstance(event, HeadersReceived) and event.ended
            ):
                ended += 1
                if dict(event.headers).get(b"grpc-status") == b"0":
                    self._counted.calls += 1
                else:
                    self._counted.failed += 1
                if go_on:
                    self._call()
        out = self._engine.take()
        if out:
            self.socket.sendall(out)
        return ended

    def _call(self) -> None:
        self._engine.send(self._engine.request(self._headers), self._body, ended=True)


def load(
    port: int, path: str, body: bytes, *, connections: int, calls: int, seconds: float
) -> Counted:
    """Keep `calls` calls open on each of `connections` for `seconds`, then let them end."""
    counted = Counted()
    channels = [_Channel(port, path, body, counted) for _ in range(connections)]
    end = perf_counter() + seconds
    left = connections * calls
    with selectors.DefaultSelector() as ready:
        for each in channels:
            ready.register(each.socket, selectors.EVENT_READ, each)
            each.begin(calls)
        while left:
            go_on = perf_counter() < end
            for key, _ in ready.select():
                ended = key.data.read(go_on=go_on)
                left -= 0 if go_on else ended
    for each in channels:
        each.socket.close()
    return counted
