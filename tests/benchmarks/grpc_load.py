"""A client as cheap as can be: sockets, a selector, libnghttp2; it reads no message, it counts bytes."""

import selectors
import socket
from collections.abc import Callable
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

LOOK_EVERY_S = 0.25
SILENCE_S = 60.0
"""So long nobody says anything before the calls that are open count as failed."""
_WIDE = EngineLimits(stream_window=2**20, connection_window=2**24, max_frame=2**14)


@attrs.define
class Counted:
    """What came back.

    Attributes:
        calls: Those that ended with OK.
        size: Bytes of their bodies.
        failed: Those that ended otherwise.
        first_s: How long the first bytes of each body took.
        whole_s: How long each call took.
    """

    calls: int = 0
    size: int = 0
    failed: int = 0
    first_s: list[float] = attrs.field(factory=list)
    whole_s: list[float] = attrs.field(factory=list)


class _Channel:
    """One connection with a fixed number of calls on it at any time."""

    def __init__(
        self, port: int, path: str, body: bytes, counted: Counted, metadata: Headers
    ) -> None:
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
            *metadata,
        )
        self._begun: dict[int, float] = {}
        self._silent: dict[int, float] = {}

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
                begun = self._silent.pop(event.stream_id, None)
                if begun is not None:
                    self._counted.first_s.append(perf_counter() - begun)
                self._engine.acknowledge(event.stream_id, len(event.data))
            elif isinstance(event, TrailersReceived) or (
                isinstance(event, HeadersReceived) and event.ended
            ):
                ended += 1
                self._silent.pop(event.stream_id, None)
                self._counted.whole_s.append(perf_counter() - self._begun.pop(event.stream_id))
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
        stream_id = self._engine.request(self._headers)
        self._begun[stream_id] = self._silent[stream_id] = perf_counter()
        self._engine.send(stream_id, self._body, ended=True)


def load(
    port: int,
    path: str,
    body: bytes,
    *,
    connections: int,
    calls: int,
    seconds: float,
    metadata: Headers = (),
    meanwhile: Callable[[], None] | None = None,
) -> Counted:
    """Keep `calls` calls open on each of `connections` for `seconds`, then let them end.

    Args:
        port: On the loopback.
        path: Of the method.
        body: One framed message.
        connections: How many.
        calls: On each.
        seconds: 0: every call is made once.
        metadata: Sent with each call.
        meanwhile: Called again and again while the calls last, some times a second.
    """
    counted = Counted()
    channels = [_Channel(port, path, body, counted, metadata) for _ in range(connections)]
    look_at = perf_counter()
    end = look_at + seconds
    left = connections * calls
    with selectors.DefaultSelector() as ready:
        for each in channels:
            ready.register(each.socket, selectors.EVENT_READ, each)
            each.begin(calls)
        while left:
            now = perf_counter()
            if meanwhile is not None and now > look_at:
                meanwhile()
                look_at = now + LOOK_EVERY_S
            found = ready.select(SILENCE_S)
            if not found:
                # One that hangs shall not hold up who is asked next.
                counted.failed += left
                break
            for key, _ in found:
                ended = key.data.read(go_on=now < end)
                left -= 0 if now < end else ended
    for each in channels:
        each.socket.close()
    return counted
