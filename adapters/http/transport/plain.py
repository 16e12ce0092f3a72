"""A TCP stream without the layers between it and its socket.

Laws: every receive lets other tasks have their turn and looks for cancellation; a send does where the socket
takes no more, for whoever has sent a request then receives. Where the event loop owns the socket (asyncio's
does) its own stream is used.
"""

import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import anyio
import anyio.abc
import attrs

WaitReadable: TypeAlias = Callable[[socket.socket], Awaitable[None]]
"""Waits as `anyio.wait_readable` does, which looks for the event loop at every read."""


def plain(
    stream: anyio.abc.SocketStream, wait_readable: WaitReadable = anyio.wait_readable
) -> anyio.abc.ByteStream:
    """Return `stream` with as little as can be between it and its socket."""
    found = stream.extra(anyio.abc.SocketAttribute.raw_socket, None)  # noqa: S610
    return PlainStream(stream, found, wait_readable) if isinstance(found, socket.socket) else stream


@attrs.define(eq=False)
class PlainStream(anyio.abc.ByteStream):
    """Bytes of a socket that does not block. One task sends at a time, and one receives.

    Attributes:
        _stream: Owns the socket.
    """

    _stream: anyio.abc.SocketStream
    _socket: socket.socket
    _wait_readable: WaitReadable = anyio.wait_readable

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        """Return what is there, once something is.

        Raises:
            anyio.EndOfStream: The other side has said all.
            anyio.ClosedResourceError: It was closed here.
            OSError: The connection was lost.
        """
        found = self._socket
        while True:
            if found.fileno() < 0:
                raise anyio.ClosedResourceError
            # Waited for first: whoever asks has just asked the other side, or taken all that was there.
            await self._wait_readable(found)
            try:
                data = found.recv(max_bytes)
            except BlockingIOError:  # pragma: no cover - the kernel may change its mind
                continue
            if not data:
                raise anyio.EndOfStream
            return data

    async def send(self, item: bytes) -> None:
        """Send all of `item`.

        Raises:
            anyio.ClosedResourceError: It was closed here, meanwhile.
            OSError: The connection was lost, or closed here before.
        """
        found = self._socket
        left = memoryview(item)
        while left:
            try:
                left = left[found.send(left) :]
            except BlockingIOError:
                await anyio.wait_writable(found)

    async def send_eof(self) -> None:
        """Say that nothing more is sent."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close it; who waits for it is told."""
        await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """Those of the socket."""
        return self._stream.extra_attributes
