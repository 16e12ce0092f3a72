"""A connection's bytes with as little as can be between them and the socket.

Laws: every receive lets other tasks have their turn and looks for cancellation; a send does where the socket
takes no more, and what a connection has to say at once is bounded. One task sends, and one receives.
"""

import os

import attrs
import trio
import trio.abc
import trio.lowlevel

_READ_SIZE = 64 * 1024


@attrs.define(eq=False)
class PlainStream(trio.abc.HalfCloseableStream):
    """Bytes of a socket in the network or in the file system.

    Attributes:
        _stream: Owns the socket.
    """

    _stream: trio.SocketStream

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what is there, once something is; nothing: the other side has said all.

        Raises:
            trio.ClosedResourceError: It was closed here, meanwhile.
            trio.BrokenResourceError: The connection was lost, or closed here before.
        """
        found = self._stream.socket
        while True:
            try:
                # Waited for first: whoever asks has taken all that was there.
                await trio.lowlevel.wait_readable(found)
                return os.read(found.fileno(), max_bytes or _READ_SIZE)
            except BlockingIOError:  # pragma: no cover - the kernel may change its mind
                continue
            except OSError as error:
                raise trio.BrokenResourceError(f"the connection was lost: {error}") from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`.

        Raises:
            trio.ClosedResourceError: It was closed here, meanwhile.
            trio.BrokenResourceError: The connection was lost, or closed here before.
        """
        found = self._stream.socket
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(found.fileno(), left) :]
            except BlockingIOError:
                await self.wait_send_all_might_not_block()
            except OSError as error:
                raise trio.BrokenResourceError(f"the connection was lost: {error}") from error

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the socket takes more."""
        try:
            await trio.lowlevel.wait_writable(self._stream.socket)
        except OSError as error:
            raise trio.BrokenResourceError(f"the connection was lost: {error}") from error

    async def send_eof(self) -> None:
        """Say that nothing more is sent."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close it; who waits for it is told."""
        await self._stream.aclose()
