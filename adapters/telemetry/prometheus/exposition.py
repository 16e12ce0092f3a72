"""Metrics written down: Prometheus' text, or OpenMetrics for those who ask for it.

It imports prometheus-client, so import it only once somebody asks. `written` takes a while: a thread of its
own is the place for it.
"""

import gzip
from collections.abc import Iterable, Sequence

import attrs
from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from adapters.telemetry.prometheus.series import Distribution, Kind, Reading

_LEVEL = 5
"""Of compression: beyond it, time is spent on little."""


@attrs.frozen
class Page:
    """What is answered.

    Attributes:
        encoding: ``gzip``, or empty.
    """

    body: bytes
    content_type: str
    encoding: str = ""


@attrs.frozen
class _Given(Collector):
    families: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def written(families: Sequence[Metric], accept: str, accept_encoding: str) -> Page:
    """Return `families` in the best form that `accept` and `accept_encoding`, as HTTP has them, allow."""
    encode, content_type = choose_encoder(accept)
    body = encode(_Given(families))
    if not _takes_gzip(accept_encoding):
        return Page(body, content_type)
    return Page(gzip.compress(body, _LEVEL, mtime=0), content_type, "gzip")


def families(readings: Iterable[Reading]) -> list[Metric]:
    """Return `readings` as prometheus-client has them."""
    return [_family(each) for each in readings]


def of_the_process() -> list[Metric]:
    """Return what the process and the interpreter say of themselves, under their usual names."""
    registry = CollectorRegistry(auto_describe=False)
    for collect in (ProcessCollector, PlatformCollector, GCCollector):
        collect(registry=registry)
    return list(registry.collect())


def of_the_interpreter() -> list[Metric]:
    """Return which Python this is."""
    registry = CollectorRegistry(auto_describe=False)
    PlatformCollector(registry=registry)
    return list(registry.collect())


def _family(reading: Reading) -> Metric:
    spec = reading.spec
    if spec.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(spec.name, spec.text, labels=spec.labels)
        for labels, found in reading.numbers.items():
            if isinstance(found, Distribution):
                histogram.add_metric(labels, _buckets(found), found.total)
        return histogram
    plain = CounterMetricFamily if spec.kind is Kind.COUNTER else GaugeMetricFamily
    family = plain(spec.name, spec.text, labels=spec.labels)
    for labels, number in reading.numbers.items():
        if not isinstance(number, Distribution):
            family.add_metric(labels, number)
    return family


def _buckets(found: Distribution) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    seen = 0
    for place, count in enumerate(found.counts):
        seen += count
        bound = found.bounds[place] if place < len(found.bounds) else float("inf")
        name = "+Inf" if bound == float("inf") else str(float(bound))
        example = found.exemplars.get(place)
        if example is None:
            buckets.append((name, seen))
        else:
            shown = Exemplar(dict(example.labels), example.value, example.time_s)
            buckets.append((name, seen, shown))
    return buckets


def _takes_gzip(accept_encoding: str) -> bool:
    """Return whether gzip is accepted.

    Source: RFC 9110, 12.5.3
    """
    for each in accept_encoding.lower().split(","):
        name, _, parameters = each.partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            weight = parameters.replace(" ", "").partition("q=")[2]
            return not weight or weight.strip("0.") != ""
    return False
