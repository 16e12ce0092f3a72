"""Numbers that grow, and what is copied of them."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telemetry.prometheus.series import (
    Count,
    Distribution,
    Kind,
    Series,
    Spec,
    copied,
    exemplar,
)

BOUNDS = (0.1, 1.0, 10.0)
SPREAD = Spec(Kind.HISTOGRAM, "x_seconds", "X.", ("who",), BOUNDS)
COUNTED = Spec(Kind.COUNTER, "x", "X.", ("who",))
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 5))))
def test_every_value_is_in_the_first_bucket_that_holds_it(values: list[tuple[float, int]]) -> None:
    spread = Distribution(BOUNDS, [0] * 4)
    for value, times in values:
        spread.add(value, times=times)
    for bucket in range(4):
        here = [times for value, times in values if bisect_left(BOUNDS, value) == bucket]
        assert spread.counts[bucket] == sum(here)
    assert spread.total == pytest.approx(sum(value * times for value, times in values))


def test_a_value_on_a_bound_is_below_it() -> None:
    spread = Distribution(BOUNDS, [0] * 4)
    spread.add(1.0)
    assert spread.counts == [0, 1, 0, 0]


def test_whole_numbers_stay_whole() -> None:
    count = Count()
    count.add(2**60)
    count.add()
    assert count.value == 2**60 + 1


def test_labels_beyond_the_bound_share_one_place() -> None:
    series: Series[Count] = Series(COUNTED, most=2)
    for who in ("a", "b", "c", "d", "a"):
        series.of(who).add()
    assert copied(series).numbers == {("a",): 2, ("b",): 1, ("other",): 2}


def test_a_copy_does_not_grow() -> None:
    series: Series[Distribution] = Series(SPREAD)
    series.of("a").add(0.5)
    reading = copied(series)
    series.of("a").add(0.5)
    found = reading.numbers["a",]
    assert isinstance(found, Distribution)
    assert (found.counts, found.total) == ([0, 1, 0, 0], 0.5)


def test_a_sampled_trace_gives_an_example() -> None:
    spread = Distribution(BOUNDS, [0] * 4)
    spread.add(0.5, f"00-{TRACE}-{SPAN}-01")
    assert spread.exemplars[1].labels == {"trace_id": TRACE, "span_id": SPAN}
    assert spread.exemplars[1].value == 0.5


@pytest.mark.parametrize(
    "told",
    [
        "",
        f"00-{TRACE}-{SPAN}-00",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        '"}nonsense',
    ],
)
def test_what_is_not_kept_or_no_trace_gives_none(told: str) -> None:
    assert exemplar(told, 1.0) is None
