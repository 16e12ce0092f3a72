"""Sums over usage records, one record at a time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import attrs

from domain.model.usage import AttemptOutcome, UsageRecord
from ports.usage_query import Dimension, Grouping, LabelKey, UsageSummary


@attrs.define(eq=False)
class UsageSums:
    """Adds records up by group; holds the sums, never the records."""

    _by: Sequence[Grouping]
    _sums: dict[tuple[str, ...], UsageSummary] = attrs.field(factory=dict)

    def add(self, record: UsageRecord) -> None:
        """Count `record` in its group."""
        key = tuple(_value(each, record) for each in self._by)
        before = self._sums.get(key) or _nothing(dict(zip(self._by, key, strict=True)))
        usage = record.attempt.usage
        counted = usage.input_tokens is not None or usage.output_tokens is not None
        self._sums[key] = attrs.evolve(
            before,
            attempts=before.attempts + 1,
            served=before.served + (record.attempt.outcome is AttemptOutcome.SERVED),
            unpriced=before.unpriced + (usage.cost_nano_usd is None and counted),
            input_tokens=before.input_tokens + (usage.input_tokens or 0),
            output_tokens=before.output_tokens + (usage.output_tokens or 0),
            cache_read_tokens=before.cache_read_tokens + (usage.cache_read_tokens or 0),
            cache_write_tokens=before.cache_write_tokens + (usage.cache_write_tokens or 0),
            reasoning_tokens=before.reasoning_tokens + (usage.reasoning_tokens or 0),
            cost_nano_usd=before.cost_nano_usd + (usage.cost_nano_usd or 0),
            total_s=before.total_s + record.attempt.total_s,
        )

    def summaries(self) -> Sequence[UsageSummary]:
        """Return the sums, by group; without a dimension one over all, of zeros if nothing was added."""
        if not self._by:
            return [self._sums.get((), _nothing({}))]
        return [self._sums[key] for key in sorted(self._sums)]


def _nothing(group: Mapping[Grouping, str]) -> UsageSummary:
    return UsageSummary(
        group=group,
        attempts=0,
        served=0,
        unpriced=0,
        input_tokens=0,
        output_tokens=0,
        cache_read_tokens=0,
        cache_write_tokens=0,
        reasoning_tokens=0,
        cost_nano_usd=0,
        total_s=0.0,
    )


def _value(dimension: Grouping, record: UsageRecord) -> str:
    if isinstance(dimension, LabelKey):
        return record.labels.get(dimension.key, "")
    return _VALUES[dimension](record)


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
