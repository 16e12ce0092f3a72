"""Which handlers wait: their client does not read, or the server holds enough for all clients."""

import attrs
import trio

from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.engine import Engine
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.writer import Writer


@attrs.define(eq=False)
class Pressure:
    """One connection's handlers that wait until less of theirs is queued.

    Attributes:
        high_water: Bytes queued on a stream above which its handler waits, as of the last write: looked at
            for every message, so it is no more than a number.
        blocked: Who waits, by stream.
    """

    _engine: Engine
    _writer: Writer
    _budget: Budget
    _limits: Limits
    high_water: int = attrs.field(init=False)
    blocked: dict[int, trio.Event] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing queued."""
        self.high_water = self._limits.high_water

    async def wait(self, stream_id: int) -> None:
        """Wait until less than half the high-water mark is queued on the stream."""
        self._writer.count()
        self.look()
        while self._engine.queued(stream_id) > self.high_water // 2:
            event = self.blocked.setdefault(stream_id, trio.Event())
            await event.wait()

    def look(self) -> None:
        """Let those go on whose part was written."""
        limits, budget = self._limits, self._budget
        full = self._writer.held > limits.max_queued or budget.held_out > budget.max_out
        self.high_water = 0 if full else limits.high_water
        if self.blocked:
            enough = self.high_water // 2
            for stream_id in tuple(self.blocked):
                if self._engine.queued(stream_id) <= enough:
                    self.blocked.pop(stream_id).set()

    def gone(self, stream_id: int) -> None:
        """Let the stream's handler see that it is gone."""
        blocked = self.blocked.pop(stream_id, None)
        if blocked is not None:
            blocked.set()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self.blocked)
