"""The choice among equal routes."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.policy.routing import Pace, fastest, weighted


def test_each_route_is_first_as_often_as_its_weight_says() -> None:
    draw = random.Random(7).random
    drawn = [weighted("ab", (3.0, 1.0), draw) for _ in range(8_000)]
    assert Counter(each[0] for each in drawn)["a"] / 8_000 == pytest.approx(0.75, abs=0.02)


def test_the_least_score_is_first_and_equals_take_turns_by_chance() -> None:
    draw = random.Random(7).random
    assert fastest("abc", (3.0, 1.0, 2.0), draw) == ("b", "c", "a")
    firsts = Counter(fastest("ab", (1.0, 1.0), draw)[0] for _ in range(400))
    assert min(firsts["a"], firsts["b"]) > 150


@given(
    st.lists(st.floats(0.01, 1000), min_size=1, max_size=6),
    st.floats(0, 1, exclude_max=True),
)
def test_every_order_holds_every_route_once(weights: list[float], drawn: float) -> None:
    routes = range(len(weights))
    assert sorted(weighted(routes, weights, lambda: drawn)) == list(routes)
    assert sorted(fastest(routes, weights, lambda: drawn)) == list(routes)


def test_a_route_that_is_slower_counts_more_and_newer_times_count_more() -> None:
    quick, slow = Pace(), Pace()
    quick.succeed(0.2, 0.0)
    slow.succeed(2.0, 0.0)
    assert quick.score(0.0) == pytest.approx(0.2)
    assert quick.score(0.0) < slow.score(0.0)
    for _ in range(20):
        slow.succeed(0.1, 1.0)
    assert slow.score(1.0) < quick.score(1.0)


def test_a_route_that_fails_counts_as_slow_and_recovers() -> None:
    failing, slow = Pace(), Pace()
    slow.succeed(2.0, 0.0)
    failing.succeed(0.2, 0.0)
    for _ in range(3):
        failing.fail(0.0)
    assert failing.score(0.0) > slow.score(0.0)
    for _ in range(15):
        failing.succeed(0.2, 0.0)
    assert failing.score(0.0) < slow.score(0.0)


def test_a_route_that_nothing_is_known_of_is_tried_but_not_by_all_at_once() -> None:
    new, known = Pace(), Pace()
    known.succeed(0.5, 0.0)
    assert new.score(0.0) < known.score(0.0)
    new.in_flight = 1
    assert new.score(0.0) > known.score(0.0)


def test_an_answer_without_content_says_nothing_of_speed() -> None:
    pace = Pace()
    pace.succeed(None, 0.0)
    assert pace.first_s is None


def test_what_is_known_of_a_route_fades_so_that_it_is_tried_again() -> None:
    slow, quick = Pace(), Pace()
    slow.succeed(3.0, 0.0)
    quick.succeed(1.0, 120.0)
    assert slow.score(120.0) < quick.score(120.0)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 600), st.floats(0, 100)), max_size=30),
    st.integers(0, 50),
)
def test_a_score_is_never_below_nothing_and_more_calls_never_make_it_less(
    endings: list[tuple[bool, float, float]], in_flight: int
) -> None:
    pace, now_s = Pace(), 0.0
    for served, first_s, passed_s in endings:
        now_s += passed_s
        if served:
            pace.succeed(first_s, now_s)
        else:
            pace.fail(now_s)
    assert 0.0 <= pace.failing <= 1.0
    pace.in_flight = in_flight
    before = pace.score(now_s + 1.0)
    pace.in_flight += 1
    assert 0.0 <= before <= pace.score(now_s + 1.0)
