"""The metrics of several workers as those of one server.

Laws: counters and distributions are summed, and what a worker counted that is gone still counts, or the sums
would fall back and rates would lie. Gauges are summed too, but for those where the sum means nothing.
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar, Sample

_LEAST_OF = frozenset({"process_start_time_seconds", "llm_ready"})
_MOST_OF = frozenset(
    {
        "llm_build_info",
        "llm_limiter_away",
        "llm_usage_database_away",
        "llm_usage_last_commit_seconds",
        "process_max_fds",
        "python_info",
    }
)
_GONE_WITH_IT = frozenset({"gauge", "info", "stateset"})


def parsed(openmetrics: str) -> list[Metric]:
    """Return what a worker said, which is to be asked for OpenMetrics, or its exemplars are lost.

    Raises:
        ValueError: It is no OpenMetrics.
    """
    return list(text_string_to_metric_families(openmetrics))  # type: ignore[no-untyped-call]


@attrs.define(eq=False)
class Sums:
    """The sums over all workers, those among them that are gone."""

    _gone: list[Metric] = attrs.field(factory=list)

    def departed(self, last: Sequence[Metric]) -> None:
        """Keep what a worker counted that is gone: `last` is the last that it said."""
        lasting = [each for each in last if each.type not in _GONE_WITH_IT]
        self._gone = summed([self._gone, lasting])

    def of(self, workers: Iterable[Sequence[Metric]]) -> list[Metric]:
        """Return what `workers`, as they are now, and those before them have counted."""
        return summed([self._gone, *workers])


def summed(workers: Iterable[Sequence[Metric]]) -> list[Metric]:
    """Return the metrics of all `workers` in one."""
    found: dict[str, tuple[Metric, dict[tuple[str, frozenset[tuple[str, str]]], Sample]]] = {}
    for worker in workers:
        for metric in worker:
            empty = Metric(metric.name, metric.documentation, metric.type)
            _, samples = found.setdefault(metric.name, (empty, {}))
            for sample in metric.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                before = samples.get(key)
                samples[key] = sample if before is None else _both(metric.name, before, sample)
    for metric, samples in found.values():
        metric.samples = list(samples.values())
    return [metric for metric, _ in found.values()]


def _both(name: str, one: Sample, other: Sample) -> Sample:
    if name in _LEAST_OF:
        value = min(one.value, other.value)
    elif name in _MOST_OF:
        value = max(one.value, other.value)
    else:
        value = one.value + other.value
    return Sample(one.name, _plain(one.labels), value, None, _newer(one.exemplar, other.exemplar))


def _plain(labels: Mapping[str, str]) -> dict[str, str]:
    return dict(labels)


def _newer(one: Exemplar | None, other: Exemplar | None) -> Exemplar | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda each: float(each.timestamp or 0))
