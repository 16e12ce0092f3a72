"""What a run amounts to, as plain figures: the report shows these, and the JSON holds them."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from tests.load.plan import KINDS
from tests.load.play import Made
from tests.load.server import Sample

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)


@attrs.frozen
class Window:
    """One stretch of the run; times in milliseconds.

    Attributes:
        at_s: When it began, in seconds.
        due: Calls that were to begin in it.
        ended: Calls that ended in it, as planned.
        surprises: Calls that ended in it otherwise.
        added_ms: Percentiles of what the calls took that were due in it, beyond the provider's own time.
    """

    at_s: float
    due: int
    ended: int
    surprises: int
    added_ms: Mapping[float, float]


@attrs.frozen
class Summary:
    """A run in figures; times in milliseconds.

    Attributes:
        codes: How often each kind of call ended with which status.
        added_ms: Percentiles of what calls took beyond the provider's own time, by kind and for all together.
        first_word_ms: The same for the time to the first word of streams, all of it.
        late_ms: The same for how late calls were begun: the error of this measurement.
    """

    calls: int
    duration_s: float
    codes: Mapping[str, Mapping[str, int]]
    surprises: int
    added_ms: Mapping[str, Mapping[float, float]]
    first_word_ms: Mapping[float, float]
    late_ms: Mapping[float, float]
    windows: Sequence[Window]
    samples: Sequence[Sample]
    records: Mapping[str, int]

    @property
    def faults(self) -> list[str]:
        """What is wrong with the run; empty: nothing."""
        served = sum(codes.get("OK", 0) for codes in self.codes.values())
        refused = sum(codes.get("INVALID_ARGUMENT", 0) for codes in self.codes.values())
        records = self.records
        said = {
            f"{self.surprises} calls ended as nobody planned": self.surprises,
            f"{served} calls were served, but {records.get('served', 0)} records say so": (
                records.get("served", 0) < served
            ),
            f"{refused} calls were refused, but {records.get('failed', 0)} records say so": (
                records.get("failed", 0) != refused
            ),
            f"{sum(records.values())} records of {self.calls} calls": (
                sum(records.values()) > self.calls
            ),
        }
        return [text for text, wrong in said.items() if wrong]

    def cpu_share(self) -> float:
        """Return how much of one core the server used."""
        first, last = self.samples[0], self.samples[-1]
        return (last.cpu_s - first.cpu_s) / max(last.at_s - first.at_s, 1e-9)


def percentiles(values: Sequence[float]) -> dict[float, float]:
    """Return the values below which so many percent lie, by nearest rank; of nothing, nothing."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {each: ordered[max(0, math.ceil(each / 100 * len(ordered)) - 1)] for each in PERCENTILES}


def summary(
    made: Sequence[Made], samples: Sequence[Sample], records: Mapping[str, int], window_s: float
) -> Summary:
    """Sum up `made` in windows of `window_s`."""
    answered = [each for each in made if each.code == "OK" and each.call.cancel_s is None]
    codes: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for each in made:
        codes[each.call.kind][each.code] += 1
    added = {
        kind: percentiles([_ms(each.added_s) for each in answered if each.call.kind == kind])
        for kind in ("unary", "stream")
    }
    added["all"] = percentiles([_ms(each.added_s) for each in answered])
    return Summary(
        calls=len(made),
        duration_s=max((each.call.due_s + each.total_s for each in made), default=0.0),
        codes={kind: dict(found) for kind, found in codes.items() if found},
        surprises=sum(each.surprising for each in made),
        added_ms={kind: found for kind, found in added.items() if found},
        first_word_ms=percentiles(
            [_ms(each.first_s) for each in answered if each.call.streamed and each.first_s]
        ),
        late_ms=percentiles([_ms(each.late_s) for each in made]),
        windows=_windows(made, answered, window_s),
        samples=samples,
        records=dict(records),
    )


def _windows(made: Sequence[Made], answered: Sequence[Made], window_s: float) -> list[Window]:
    last = max((each.call.due_s + each.total_s for each in made), default=0.0)
    count = int(last // window_s) + 1
    due: Counter[int] = Counter(int(each.call.due_s // window_s) for each in made)
    ends = [(int((each.call.due_s + each.total_s) // window_s), each) for each in made]
    ended = Counter(window for window, each in ends if not each.surprising)
    wrong = Counter(window for window, each in ends if each.surprising)
    added: dict[int, list[float]] = {}
    for each in answered:
        added.setdefault(int(each.call.due_s // window_s), []).append(_ms(each.added_s))
    return [
        Window(n * window_s, due[n], ended[n], wrong[n], percentiles(added.get(n, [])))
        for n in range(count)
    ]


def _ms(seconds: float) -> float:
    return seconds * 1_000
