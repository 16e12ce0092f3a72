"""Numbers that grow: counters and distributions, by their labels.

They belong to one thread, the event loop's, so they need no locks; whoever reads them elsewhere takes a copy
there first. Nothing here knows how they are written down: `exposition` does, which is imported only once
somebody asks.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import StrEnum
from time import time
from typing import Generic, TypeVar

import attrs

_SAMPLED = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f][13579bdf]")


class Kind(StrEnum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@attrs.frozen
class Spec:
    """One metric.

    Attributes:
        name: A counter's without its ``_total``.
        text: What it says, with its unit.
        labels: Names, in the order of the values.
        bounds: Of a histogram: the upper bounds of its buckets, ascending.
    """

    kind: Kind
    name: str
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


@attrs.frozen
class Exemplar:
    """One observation, and the trace it is part of.

    Attributes:
        labels: ``trace_id`` and ``span_id``.
        time_s: Since the Unix epoch.
    """

    labels: Mapping[str, str]
    value: float
    time_s: float


def exemplar(traceparent: str, value: float) -> Exemplar | None:
    """Return `value` as an example of the trace, if that is kept.

    Source: https://www.w3.org/TR/trace-context/#traceparent-header (bit 0 of the flags: sampled)
    """
    kept = _SAMPLED.fullmatch(traceparent)
    if kept is None:
        return None
    return Exemplar({"trace_id": kept[1], "span_id": kept[2]}, value, time())


@attrs.define(eq=False)
class Count:
    """A number that grows, or, of a gauge, comes and goes; whole as long as whole numbers are added."""

    value: float = 0

    def add(self, more: float = 1) -> None:
        """Grow."""
        self.value += more


@attrs.define(eq=False)
class Distribution:
    """How often which values came.

    Attributes:
        bounds: Upper bounds of the buckets.
        counts: In each bucket alone, the last of which has no bound.
        total: Sum of all values.
    """

    bounds: Sequence[float]
    counts: list[int]
    total: float = 0
    exemplars: dict[int, Exemplar] = attrs.field(factory=dict)

    def add(self, value: float, traceparent: str = "", times: int = 1) -> None:
        """Take in `value`, as often as it came."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += times
        self.total += value * times
        if traceparent:
            found = exemplar(traceparent, value)
            if found is not None:
                self.exemplars[bucket] = found


S = TypeVar("S", Count, Distribution)


@attrs.define(eq=False)
class Series(Generic[S]):
    """One metric and its numbers, by the values of its labels.

    Attributes:
        most: So many label sets are told apart; what comes after shares one, whose labels are all ``other``.
    """

    spec: Spec
    most: int = 10_000
    children: dict[tuple[str, ...], S] = attrs.field(factory=dict)

    def of(self, *labels: str) -> S:
        """Return the numbers of these labels; keep them where the way is hot."""
        found = self.children.get(labels)
        if found is None:
            if len(self.children) >= self.most:
                labels = ("other",) * len(labels)
            found = self.children.setdefault(labels, self._new())
        return found

    def _new(self) -> S:
        if self.spec.kind is Kind.HISTOGRAM:
            bounds = self.spec.bounds
            return Distribution(bounds, [0] * (len(bounds) + 1))  # type: ignore[return-value]
        return Count()  # type: ignore[return-value]


@attrs.frozen
class Reading:
    """A metric as it was at one moment.

    Attributes:
        numbers: By the values of its labels; a histogram's are copies.
    """

    spec: Spec
    numbers: Mapping[tuple[str, ...], float | Distribution]


def copied(series: "Series[Count] | Series[Distribution]") -> Reading:
    """Return what `series` says now."""
    numbers: dict[tuple[str, ...], float | Distribution] = {}
    for labels, child in series.children.items():
        if isinstance(child, Count):
            numbers[labels] = child.value
        else:
            numbers[labels] = Distribution(
                child.bounds, list(child.counts), child.total, dict(child.exemplars)
            )
    return Reading(series.spec, numbers)
