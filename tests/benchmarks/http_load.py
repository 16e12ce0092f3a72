"""A client of HTTP/1.1 as cheap as can be: sockets, a selector, llhttp; it reads no JSON, it counts bytes."""

import selectors
import socket
from collections.abc import Callable
from time import perf_counter

from httptools import HttpResponseParser

from tests.benchmarks.grpc_load import LOOK_EVERY_S, SILENCE_S, Counted

LEFT = -1
"""The server has hung up in the middle of a call."""


def post(path: str, body: bytes, headers: tuple[str, ...] = ()) -> bytes:
    """Return a request with `body`, which is JSON."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: bench",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Connection:
    """One connection, with one call on it at any time."""

    def __init__(self, port: int, request: bytes, counted: Counted) -> None:
        self._port, self._request, self._counted = port, request, counted
        self._began = 0.0
        self._first_s: float | None = None
        self._ended = False
        self._open()

    def begin(self) -> None:
        self._ended, self._first_s = False, None
        self._began = perf_counter()
        self.socket.sendall(self._request)

    def read(self, *, go_on: bool) -> int:
        """Take in what is there; return how many calls have ended, or `LEFT`."""
        data = self.socket.recv(2**18)
        if not data:
            self._counted.failed += 1
            return LEFT
        if self._first_s is None:
            self._first_s = perf_counter() - self._began
        self._parser.feed_data(data)
        if not self._ended:
            return 0
        self._end()
        if go_on:
            self.begin()
        return 1

    def on_body(self, body: bytes) -> None:
        self._counted.size += len(body)

    def on_message_complete(self) -> None:
        self._ended = True

    def _end(self) -> None:
        counted = self._counted
        if self._parser.get_status_code() == 200:
            counted.calls += 1
        else:
            counted.failed += 1
        counted.first_s.append(self._first_s or 0.0)
        counted.whole_s.append(perf_counter() - self._began)

    def _open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = HttpResponseParser(self)


def load(
    port: int,
    request: bytes,
    *,
    connections: int,
    seconds: float,
    meanwhile: Callable[[], None] | None = None,
) -> Counted:
    """Keep a call open on each of `connections` for `seconds`, then let them end.

    Args:
        port: On the loopback.
        request: As it goes out.
        connections: How many.
        seconds: 0: every call is made once.
        meanwhile: Called again and again while the calls last, some times a second.
    """
    counted = Counted()
    channels = [_Connection(port, request, counted) for _ in range(connections)]
    look_at = perf_counter()
    end = look_at + seconds
    left = connections
    with selectors.DefaultSelector() as ready:
        for each in channels:
            ready.register(each.socket, selectors.EVENT_READ, each)
            each.begin()
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
                if ended == LEFT:
                    # What is left of the load is made without it.
                    ready.unregister(key.fileobj)
                    left -= 1
                elif now >= end:
                    left -= ended
    for each in channels:
        each.socket.close()
    return counted
