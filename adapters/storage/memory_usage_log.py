"""The account in memory: the latest records, for tests and for a server that keeps none.

Bounded, so that a long-lived server does not grow.
"""

from collections import deque
from collections.abc import Sequence

import attrs

from domain.model.usage import UsageRecord

CAPACITY = 10_000


@attrs.define
class MemoryUsageLog:
    """Keeps the latest `CAPACITY` records."""

    _records: deque[UsageRecord] = attrs.field(factory=lambda: deque(maxlen=CAPACITY))

    def ready(self) -> None:
        """There is always room: the oldest record makes it."""

    @property
    def waits(self) -> bool:
        """It is kept here."""
        return False

    async def append(self, record: UsageRecord, /) -> None:
        """Keep `record`; drops the oldest one where there are too many."""
        self._records.append(record)

    @property
    def records(self) -> Sequence[UsageRecord]:
        """The records kept, oldest first."""
        return tuple(self._records)
