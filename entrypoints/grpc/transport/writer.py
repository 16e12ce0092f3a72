"""The one task that writes a connection's bytes.

All that is queued in one turn of the loop leaves in one write. It keeps the account of what waits: bytes the
engine holds and bytes of the write that is under way.
"""

from collections.abc import Callable

import attrs
import trio

from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.engine import Engine
from entrypoints.grpc.transport.vigil import Vigil

GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
# A peer that takes this much now and then is slow, not stalled.
_PIECE = 64 * 1024


@attrs.define(eq=False)
class Writer:
    """Writes what the engine says.

    Attributes:
        unwritten: Bytes of the write under way that the socket has not taken.
        held: Those and the queued bodies, as last counted.
        done: The engine has said all, or the peer is gone.
        idle: It sleeps until it is woken: to look here spares a call for every message.
    """

    _stream: trio.abc.SendStream
    _engine: Engine
    _vigil: Vigil
    _budget: Budget
    unwritten: int = 0
    held: int = 0
    done: trio.Event = attrs.field(factory=trio.Event)
    idle: bool = False
    _sleep: trio.Event = attrs.field(factory=trio.Event)
    _room: trio.Event | None = None

    def wake(self) -> None:
        """Have the engine's output written soon."""
        if self.idle:
            self.idle = False
            self._sleep.set()

    async def run(self, taken: Callable[[], None]) -> None:
        """Write until there is nothing more to say; `taken` is called whenever the engine was emptied."""
        engine = self._engine
        try:
            while True:
                data = engine.take()
                self.unwritten = len(data)
                self.count()
                taken()
                if data:
                    await self._write(data)
                elif engine.finished:
                    break
                else:
                    self._sleep = trio.Event()
                    self.idle = True
                    await self._sleep.wait()
        except GONE:
            pass
        finally:
            self.unwritten = 0
            self._budget.held_out -= self.held
            self.held = 0
        self.done.set()
        self._make_room()

    async def below(self, size: int) -> None:
        """Wait until at most `size` bytes of the write under way are left."""
        while self.unwritten > size and not self.done.is_set():
            self._room = self._room or trio.Event()
            await self._room.wait()

    def count(self) -> None:
        """Bring the account up to date."""
        held = self.unwritten + self._engine.queued_in_all()
        self._budget.held_out += held - self.held
        self.held = held

    async def _write(self, data: bytes) -> None:
        vigil = self._vigil
        vigil.writing_s = trio.current_time()
        if len(data) <= _PIECE:
            await self._stream.send_all(data)
        else:
            view = memoryview(data)
            for start in range(0, len(data), _PIECE):
                piece = view[start : start + _PIECE]
                await self._stream.send_all(piece)
                self.unwritten -= len(piece)
                vigil.writing_s = trio.current_time()
                self._make_room()
        vigil.writing_s = None
        self.unwritten = 0
        self._make_room()
        self._engine.meter.wrote(len(data))

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
