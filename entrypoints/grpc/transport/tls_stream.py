"""A TLS connection at the server's side, over a socket.

Laws: what is given to one `send_all` leaves in one write, a small message in one record. One task may send
while another receives. Leaving says so (close_notify), and waits for no answer. A stream whose sending was
cut off has lost its place in the cipher, and sends no more.

Source: RFC 8446; RFC 9113, 9.2 (what HTTP/2 asks of TLS).
"""

import ssl
from contextlib import suppress

import attrs
import trio

_CHUNK = 64 * 1024
_GOODBYE_S = 1.0


class HandshakeFailed(Exception):
    """No TLS connection came about; the message says why, in words that hold nothing of ours."""


@attrs.define(eq=False)
class TlsStream(trio.abc.HalfCloseableStream):
    """A stream as its user sees it; the socket belongs to whoever opened it."""

    _socket: trio.abc.HalfCloseableStream
    _tls: ssl.SSLObject
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _sending: trio.Lock = attrs.field(factory=trio.Lock)
    _cut: bool = False
    _left: bool = False

    @property
    def peer_certificate(self) -> "ssl._PeerCertRetDictType | None":
        """The client's certificate, verified, as the standard library tells it; None: it showed none."""
        return self._tls.getpeercert() or None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`.

        Raises:
            BrokenResourceError: The peer has left, or an earlier `send_all` was cut off.
        """
        try:
            written = self._tls.write(data) if data else 0
            while written < len(data):
                written += self._tls.write(memoryview(data)[written:])
        except ssl.SSLError as error:
            raise trio.BrokenResourceError(_reason(error)) from error
        await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the socket takes more."""
        await self._socket.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has come, at most `max_bytes` of it; nothing if the peer has said its last.

        Raises:
            BrokenResourceError: What came is no TLS, or was tampered with.
        """
        while not self._left:
            try:
                data = self._decrypted(max_bytes or _CHUNK)
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    # An answer that TLS itself owes, such as to a change of keys.
                    await self._flush()
                await self._fill()
            except ssl.SSLEOFError:
                # The end without a close_notify; HTTP/2 knows by itself what was cut off.
                return b""
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(_reason(error)) from error
            else:
                await trio.lowlevel.checkpoint()
                return data
        while await self._socket.receive_some(_CHUNK):
            # What is said to one who has left is not read; but closing before would cut our last words off.
            pass
        return b""

    async def send_eof(self) -> None:
        """Say that no more comes; from now on nothing is read either."""
        self._left = True
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._flush()
        await self._socket.send_eof()

    async def aclose(self) -> None:
        """Close the socket."""
        await self._socket.aclose()

    async def shake_hands(self, protocol: str) -> None:
        """Agree on keys, and on `protocol` above them (ALPN).

        Raises:
            HandshakeFailed: The client has been told, as far as it would listen.
        """
        refusal: ssl.SSLError | None = None
        try:
            while not self._shaken():
                await self._flush()
                await self._fill()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise HandshakeFailed("the client left") from None
        except ssl.SSLError as error:
            refusal = error
        if refusal is not None:
            await self._part()
            raise HandshakeFailed(_reason(refusal)) from refusal
        if self._tls.selected_alpn_protocol() != protocol:
            await self._part()
            raise HandshakeFailed(f"the client does not offer {protocol} (ALPN)")
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._flush()

    def _shaken(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    async def _part(self) -> None:
        """Have the client read why, before the socket is closed under it."""
        with (
            trio.move_on_after(_GOODBYE_S),
            suppress(trio.BrokenResourceError, trio.ClosedResourceError),
        ):
            await self.send_eof()
            await self.receive_some()

    def _decrypted(self, limit: int) -> bytes:
        """Return what the records that are here hold.

        Raises:
            SSLError: There is nothing, and this is why.
        """
        data = self._tls.read(limit)
        while data and len(data) < limit and self._incoming.pending:
            try:
                more = self._tls.read(limit - len(data))
            except ssl.SSLError:
                # The next call meets it again.
                break
            if not more:
                break
            data += more
        return data

    async def _fill(self) -> None:
        data = await self._socket.receive_some(_CHUNK)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        try:
            self._sending.acquire_nowait()
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            if self._cut:
                raise trio.BrokenResourceError("an earlier sending was cut off")
            self._cut = True
            await self._socket.send_all(self._outgoing.read())
            self._cut = False
        finally:
            self._sending.release()


async def tls_stream(
    stream: trio.abc.HalfCloseableStream, context: ssl.SSLContext, protocol: str, handshake_s: float
) -> TlsStream:
    """Return `stream` with TLS spoken on it, as a server.

    Raises:
        HandshakeFailed: It took longer than `handshake_s`, or see `TlsStream.shake_hands`.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    secured = TlsStream(stream, tls, incoming, outgoing)
    with trio.move_on_after(handshake_s) as scope:
        await secured.shake_hands(protocol)
    if scope.cancelled_caught:
        raise HandshakeFailed(f"it took longer than {handshake_s:g} s")
    return secured


def _reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the client's certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "the client left"
    return (error.reason or type(error).__name__).lower().replace("_", " ")
