"""Questions about the account in memory: about the latest records, that is."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import anyio.lowlevel
import attrs

from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.usage import AttemptOutcome, UsageRecord
from ports.usage_query import Dimension, UsageFilter, UsageSummary


@attrs.frozen
class MemoryUsageQuery:
    """See `ports.usage_query.UsageQuery`."""

    _log: MemoryUsageLog

    def records(self, wanted: UsageFilter, /) -> AsyncIterator[UsageRecord]:
        """See `ports.usage_query.UsageQuery`."""
        return _Records(iter(self._chosen(wanted)))

    async def summary(
        self, wanted: UsageFilter, by: Sequence[Dimension] = (), /
    ) -> Sequence[UsageSummary]:
        """See `ports.usage_query.UsageQuery`."""
        await anyio.lowlevel.checkpoint()
        groups: dict[tuple[str, ...], list[UsageRecord]] = {} if by else {(): []}
        for record in self._chosen(wanted):
            key = tuple(_VALUES[each](record) for each in by)
            groups.setdefault(key, []).append(record)
        return [_summary(dict(zip(by, key, strict=True)), groups[key]) for key in sorted(groups)]

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


def _written(form: str) -> Callable[[UsageRecord], str]:
    return lambda record: datetime.fromtimestamp(record.time_s, UTC).strftime(form)


_VALUES: Mapping[Dimension, Callable[[UsageRecord], str]] = {
    Dimension.PROVIDER: lambda record: record.attempt.provider,
    Dimension.MODEL: lambda record: record.attempt.model,
    Dimension.CALLER: lambda record: record.caller,
    Dimension.OUTCOME: lambda record: record.attempt.outcome.value,
    Dimension.DAY: _written("%Y-%m-%d"),
    Dimension.HOUR: _written("%Y-%m-%dT%H"),
}


def _summary(group: Mapping[Dimension, str], records: Sequence[UsageRecord]) -> UsageSummary:
    usages = [record.attempt.usage for record in records]
    return UsageSummary(
        group=group,
        attempts=len(records),
        served=sum(each.attempt.outcome is AttemptOutcome.SERVED for each in records),
        unpriced=sum(
            each.cost_nano_usd is None
            and (each.input_tokens is not None or each.output_tokens is not None)
            for each in usages
        ),
        input_tokens=sum(each.input_tokens or 0 for each in usages),
        output_tokens=sum(each.output_tokens or 0 for each in usages),
        cache_read_tokens=sum(each.cache_read_tokens or 0 for each in usages),
        cache_write_tokens=sum(each.cache_write_tokens or 0 for each in usages),
        reasoning_tokens=sum(each.reasoning_tokens or 0 for each in usages),
        cost_nano_usd=sum(each.cost_nano_usd or 0 for each in usages),
        total_s=sum(each.attempt.total_s for each in records),
    )
