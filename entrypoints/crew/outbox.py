"""Lines of JSON into a socket between a worker and its supervisor.

Law: a line goes out whole or not at all, whoever is cancelled meanwhile: what did not fit waits here.
"""

import json
import socket
from typing import Any

import attrs
import trio

_PIECE_BYTES = 65_536


@attrs.define(eq=False)
class Outbox:
    """What is to be sent; the socket does not block."""

    _socket: socket.socket
    _waiting: bytearray = attrs.field(factory=bytearray)

    def put(self, line: Any) -> None:
        """Send `line` as far as there is room now; the rest waits for `emptied` or the next one."""
        self.put_text(json.dumps(line))

    def put_text(self, line: str) -> None:
        """Send what is JSON already."""
        self._waiting += line.encode() + b"\n"
        self._push()

    async def emptied(self) -> None:
        """Wait until everything is sent, or nobody reads any more."""
        while self._waiting:
            await trio.lowlevel.wait_writable(self._socket)
            self._push()

    def empty_within(self, seconds: float) -> None:
        """Send everything, blocking for so long at most; for a process that ends."""
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(self._waiting)
        except OSError:
            # Nobody reads, or not fast enough.
            pass
        self._waiting.clear()

    def _push(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._socket.send(self._waiting[:_PIECE_BYTES])]
        except BlockingIOError:
            pass
        except OSError:
            # The other end is gone, which whoever reads there hears too.
            self._waiting.clear()
