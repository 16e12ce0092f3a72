"""Which handlers wait: their client does not read, or the server holds enough for all clients."""

import attrs
import trio

from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.engine import Engine
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.writer import Writer


@attrs.define(eq=False)
class Pressure:
    """One connection's handlers that wait until less of theirs is queued."""

    _engine: Engine
    _writer: Writer
    _budget: Budget
    _limits: Limits
    _blocked: dict[int, trio.Event] = attrs.field(factory=dict)

    @property
    def high_water(self) -> int:
        """Bytes queued on a stream above which its handler waits, now."""
        budget = self._budget
        if self._writer.held > self._limits.max_queued or budget.held_out > budget.max_out:
            return 0
        return self._limits.high_water

    async def wait(self, stream_id: int) -> None:
        """Wait until less than half the high-water mark is queued on the stream."""
        self._writer.count()
        while self._engine.queued(stream_id) > self.high_water // 2:
            event = self._blocked.setdefault(stream_id, trio.Event())
            await event.wait()

    def look(self) -> None:
        """Let those go on whose part was written."""
        if self._blocked:
            enough = self.high_water // 2
            for stream_id in tuple(self._blocked):
                if self._engine.queued(stream_id) <= enough:
                    self._blocked.pop(stream_id).set()

    def gone(self, stream_id: int) -> None:
        """Let the stream's handler see that it is gone."""
        blocked = self._blocked.pop(stream_id, None)
        if blocked is not None:
            blocked.set()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._blocked)
