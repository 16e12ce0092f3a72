"""Answers kept in this process' memory.

Law: what is kept never takes more than `max_bytes`, about; what was used longest ago goes first.
"""

from collections import OrderedDict
from collections.abc import Callable

import anyio
import attrs

from domain.model.events import ChatEvent
from domain.policy.keeping import weight
from ports.response_cache import KeptAnswer

_ENTRY = 512
"""Bytes that an answer takes beside its events, about."""


@attrs.frozen
class _Entry:
    events: tuple[ChatEvent, ...]
    written_s: float
    until_s: float
    size: int


@attrs.define(eq=False)
class MemoryResponseCache:
    """Keeps answers; see `ports.response_cache.ResponseCache`.

    Attributes:
        max_bytes: Of memory, for all of them.
        clock: In seconds.
        taken_bytes: Of them, now.
    """

    max_bytes: int
    clock: Callable[[], float] = anyio.current_time
    taken_bytes: int = 0
    _kept: OrderedDict[bytes, _Entry] = attrs.field(factory=OrderedDict)

    async def get(self, key: bytes, /) -> KeptAnswer | None:
        """Return what is kept under `key`."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        now_s = self.clock()
        if now_s >= entry.until_s:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return KeptAnswer(entry.events, now_s - entry.written_s)

    async def put(self, key: bytes, events: tuple[ChatEvent, ...], ttl_s: float, /) -> None:
        """Keep an answer, in the place of others that were not asked for lately."""
        self._drop(key)
        size = _ENTRY + sum(map(weight, events))
        if size > self.max_bytes:
            return
        now_s = self.clock()
        self._kept[key] = _Entry(events, now_s, now_s + ttl_s, size)
        self.taken_bytes += size
        while self.taken_bytes > self.max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        entry = self._kept.pop(key, None)
        if entry is not None:
            self.taken_bytes -= entry.size
