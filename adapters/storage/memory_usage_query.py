"""Questions about the account in memory: about the latest records, that is."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

import anyio.lowlevel
import attrs

from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.storage.usage_sums import UsageSums
from domain.model.usage import UsageRecord
from ports.usage_query import Grouping, UsageFilter, UsageSummary


@attrs.frozen
class MemoryUsageQuery:
    """See `ports.usage_query.UsageQuery`."""

    _log: MemoryUsageLog

    def records(self, wanted: UsageFilter, /) -> AsyncIterator[UsageRecord]:
        """See `ports.usage_query.UsageQuery`."""
        return _Records(iter(self._chosen(wanted)))

    async def summary(
        self, wanted: UsageFilter, by: Sequence[Grouping] = (), /
    ) -> Sequence[UsageSummary]:
        """See `ports.usage_query.UsageQuery`."""
        await anyio.lowlevel.checkpoint()
        sums = UsageSums(by)
        for record in self._chosen(wanted):
            sums.add(record)
        return sums.summaries()

    async def spent(
        self, since_s: float, callers: Collection[str] | None = None, /
    ) -> Mapping[str, int]:
        """See `ports.usage_query.UsageQuery`."""
        await anyio.lowlevel.checkpoint()
        sums: dict[str, int] = defaultdict(int)
        for record in self._chosen(UsageFilter(start_s=since_s)):
            cost = record.attempt.usage.cost_nano_usd
            if cost is not None and (callers is None or record.caller in callers):
                sums[record.caller] += cost
        return dict(sums)

    def _chosen(self, wanted: UsageFilter) -> Sequence[UsageRecord]:
        found = [each for each in self._log.records if _is_wanted(wanted, each)]
        return sorted(found, key=lambda each: each.time_s)


@attrs.define(eq=False)
class _Records(AsyncIterator[UsageRecord]):
    _records: Iterator[UsageRecord]

    async def __anext__(self) -> UsageRecord:
        await anyio.lowlevel.checkpoint()
        for record in self._records:
            return record
        raise StopAsyncIteration


def _is_wanted(wanted: UsageFilter, record: UsageRecord) -> bool:
    return (
        record.time_s >= wanted.start_s
        and (wanted.end_s is None or record.time_s < wanted.end_s)
        and wanted.caller in (None, record.caller)
        and wanted.labels.items() <= record.labels.items()
    )
