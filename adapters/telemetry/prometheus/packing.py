"""Readings as JSON has them, from a worker to its supervisor: a metric's name stands for what both know."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adapters.telemetry.prometheus import names, processes
from adapters.telemetry.prometheus.series import Distribution, Exemplar, Reading, Spec

_SPECS: Mapping[str, Spec] = {
    each.name: each
    for module in (names, processes)
    for each in vars(module).values()
    if isinstance(each, Spec)
}


def packed(readings: Iterable[Reading]) -> list[Any]:
    """Return `readings` as plain values: for each its name, then labels and number in turn."""
    return [
        [
            reading.spec.name,
            [[list(labels), _packed(number)] for labels, number in reading.numbers.items()],
        ]
        for reading in readings
    ]


def unpacked(plain: Sequence[Any]) -> list[Reading]:
    """Return what `packed` made `plain` of.

    Raises:
        KeyError: It names a metric that nobody knows here.
    """
    readings = []
    for name, numbers in plain:
        spec = _SPECS[name]
        found = {tuple(labels): _unpacked(spec, number) for labels, number in numbers}
        readings.append(Reading(spec, found))
    return readings


def _packed(number: float | Distribution) -> Any:
    if not isinstance(number, Distribution):
        return number
    examples = [
        [bucket, dict(each.labels), each.value, each.time_s]
        for bucket, each in number.exemplars.items()
    ]
    return [number.counts, number.total, examples]


def _unpacked(spec: Spec, number: Any) -> float | Distribution:
    if not isinstance(number, list):
        return float(number)
    counts, total, examples = number
    exemplars = {bucket: Exemplar(*each) for bucket, *each in examples}
    return Distribution(spec.bounds, counts, total, exemplars)
