"""A client's connection that is given up once the client does not read."""

import attrs
import trio


@attrs.frozen(eq=False)
class PatientStream:
    """What the HTTP server needs of a connection.

    It writes shielded from cancellation, so that a client that reads nothing would hold the whole server up
    for ever: here every write is bounded.

    Attributes:
        stall_s: Longest that a write may take, in seconds.
    """

    stream: trio.SocketStream
    stall_s: float

    @property
    def socket(self) -> "trio.socket.SocketType":
        """The connection's own."""
        return self.stream.socket

    async def receive_some(self, most: int) -> bytes | bytearray:
        """See `trio.SocketStream`."""
        return await self.stream.receive_some(most)

    async def send_all(self, data: bytes) -> None:
        """Send `data`.

        Raises:
            trio.BrokenResourceError: The client does not read.
        """
        with trio.move_on_after(self.stall_s):
            await self.stream.send_all(data)
            return
        raise trio.BrokenResourceError("the client does not read")

    async def send_eof(self) -> None:
        """See `trio.SocketStream`."""
        await self.stream.send_eof()

    async def aclose(self) -> None:
        """See `trio.SocketStream`."""
        await self.stream.aclose()
