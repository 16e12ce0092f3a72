"""The numbers of several workers as those of one server.

Laws: counters and distributions are summed, and what a worker counted that is gone still counts, or the sums
would fall back and rates would lie. Gauges are summed too, but for those where the sum means nothing; what a
worker that is gone held is gone with it.
"""

from collections.abc import Iterable, Sequence

import attrs

from adapters.telemetry.prometheus.series import Distribution, Exemplar, Kind, Reading, Spec

_LEAST_OF = frozenset({"process_start_time_seconds", "llm_ready"})
_MOST_OF = frozenset(
    {
        "llm_build_info",
        "llm_limiter_away",
        "llm_usage_database_away",
        "llm_usage_last_commit_seconds",
    }
)
_MONEY = frozenset({"llm_cost_usd", "llm_caller_cost_usd"})


@attrs.define(eq=False)
class Sums:
    """The sums over all workers, those among them that are gone."""

    _gone: Sequence[Reading] = ()

    def departed(self, last: Iterable[Reading]) -> None:
        """Keep what a worker counted that is gone: `last` is the last that it said."""
        lasting = [each for each in last if each.spec.kind is not Kind.GAUGE]
        self._gone = summed([self._gone, lasting])

    def of(self, workers: Iterable[Sequence[Reading]]) -> list[Reading]:
        """Return what `workers`, as they are now, and those before them have counted."""
        return summed([self._gone, *workers])


def summed(workers: Iterable[Iterable[Reading]]) -> list[Reading]:
    """Return the readings of all `workers` in one; theirs stay as they are."""
    found: dict[str, tuple[Spec, dict[tuple[str, ...], float | Distribution]]] = {}
    for worker in workers:
        for reading in worker:
            name = reading.spec.name
            _, numbers = found.setdefault(name, (reading.spec, {}))
            for labels, number in reading.numbers.items():
                before = numbers.get(labels)
                numbers[labels] = number if before is None else _both(name, before, number)
    return [Reading(spec, numbers) for spec, numbers in found.values()]


def _both(
    name: str, one: float | Distribution, other: float | Distribution
) -> float | Distribution:
    if isinstance(one, Distribution) and isinstance(other, Distribution):
        return Distribution(
            one.bounds,
            [mine + theirs for mine, theirs in zip(one.counts, other.counts, strict=True)],
            one.total + other.total,
            _newest(one.exemplars, other.exemplars),
        )
    if isinstance(one, Distribution) or isinstance(other, Distribution):
        raise TypeError(f"{name} is a distribution for one worker, and a number for another")
    if name in _LEAST_OF:
        return min(one, other)
    if name in _MOST_OF:
        return max(one, other)
    # Money is whole 1e-9 dollars, and stays so.
    return round(one + other, 9) if name in _MONEY else one + other


def _newest(one: dict[int, Exemplar], other: dict[int, Exemplar]) -> dict[int, Exemplar]:
    newest = dict(one)
    for bucket, example in other.items():
        before = newest.get(bucket)
        if before is None or before.time_s < example.time_s:
            newest[bucket] = example
    return newest
