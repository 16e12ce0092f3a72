"""What a limit has left."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.policy.meters import (
    MINUTE_US,
    BudgetMeter,
    Moment,
    RateMeter,
    SlotMeter,
    StartMeter,
)
from domain.policy.periods import DAY, MONTH, Period
from tests.support.core_limits import settle, take

NOON = 1_790_000_000.0


def at(seconds: float, wall_s: float = NOON) -> Moment:
    return Moment(int(seconds * 1e6), wall_s + seconds)


def test_a_bucket_holds_a_minutes_worth_and_refills_evenly() -> None:
    meter = RateMeter()
    take(meter, 60, 60, at(0))
    settle(meter, 60, 60, 60, 0, at(0))
    assert meter.wait_us(60, 1, at(0)) == 1_000_000
    assert meter.wait_us(60, 30, at(0)) == 30_000_000
    assert meter.wait_us(60, 30, at(30)) == 0
    assert meter.wait_us(60, 31, at(30)) == 1_000_000


def test_what_is_reserved_does_not_drain_and_comes_back_whole() -> None:
    meter = RateMeter()
    take(meter, 60, 60, at(0))
    assert meter.wait_us(60, 1, at(3_600)) == math.inf
    settle(meter, 60, 60, 0, 0, at(3_600))
    assert meter.wait_us(60, 60, at(3_600)) == 0
    assert meter.at_rest(60, at(3_600))


def test_what_was_used_beyond_the_reservation_is_waited_for() -> None:
    meter = RateMeter()
    take(meter, 60, 10, at(0))
    settle(meter, 60, 10, 90, 0, at(0))
    assert meter.wait_us(60, 1, at(0)) == 31_000_000


def test_a_clock_that_stands_still_or_goes_back_drains_nothing() -> None:
    meter = RateMeter()
    take(meter, 60, 60, at(10))
    settle(meter, 60, 60, 60, 0, at(10))
    assert meter.wait_us(60, 1, at(9)) == 1_000_000
    assert meter.wait_us(60, 1, at(10)) == 1_000_000


@given(
    most=st.integers(1, 10**9),
    calls=st.lists(
        st.tuples(st.integers(0, 90 * 10**6), st.integers(0, 10**9), st.integers(0, 10**9)),
        max_size=30,
    ),
)
def test_no_stretch_of_time_sees_more_used_than_a_bucket_and_its_refill(
    most: int, calls: Sequence[tuple[int, int, int]]
) -> None:
    meter = RateMeter()
    now_us = 0
    settled: list[tuple[int, int]] = []
    for passed_us, asked, used in calls:
        now_us += passed_us
        amount = min(asked, most)
        now = Moment(now_us, 0.0)
        if meter.wait_us(most, amount, now) == 0:
            take(meter, most, amount, now)
            settle(meter, most, amount, min(used, amount), 0, now)
            settled.append((now_us, min(used, amount)))
    for first in range(len(settled)):
        for last in range(first, len(settled)):
            inside = sum(used for _, used in settled[first : last + 1])
            passed_us = settled[last][0] - settled[first][0]
            assert inside * MINUTE_US <= most * (MINUTE_US + passed_us)


@given(most=st.integers(1, 10**6), amount=st.integers(1, 10**6), debt=st.integers(0, 10**6))
def test_the_wait_that_is_told_is_enough_and_no_longer_than_needed(
    most: int, amount: int, debt: int
) -> None:
    amount, debt = min(amount, most), min(debt, most)
    meter = RateMeter()
    take(meter, most, debt, at(0))
    settle(meter, most, debt, debt, 0, at(0))
    wait_us = meter.wait_us(most, amount, at(0))
    assert meter.wait_us(most, amount, Moment(int(wait_us), 0.0)) == 0
    if wait_us:
        early = RateMeter()
        take(early, most, debt, at(0))
        settle(early, most, debt, debt, 0, at(0))
        assert early.wait_us(most, amount, Moment(int(wait_us) - 1, 0.0)) > 0


def test_those_who_keep_to_their_promises_do_not_meet() -> None:
    meter = RateMeter()
    take(meter, 60, 60, at(0))
    settle(meter, 60, 60, 60, 0, at(0))
    promises = [meter.promise_us(60, 20, at(0)) for _ in range(5)]
    assert promises == [20_000_000, 40_000_000, 60_000_000, 80_000_000, 100_000_000]
    for promise_us in promises:
        now = Moment(promise_us, 0.0)
        assert meter.wait_us(60, 20, now) == 0
        take(meter, 60, 20, now)
        settle(meter, 60, 20, 20, 0, now)


def test_a_promise_counts_what_calls_used_and_not_what_they_had_reserved() -> None:
    meter = RateMeter()
    take(meter, 60, 60, at(0))
    settle(meter, 60, 60, 10, 0, at(0))
    assert meter.promise_us(60, 60, at(0)) == 10_000_000


def test_promises_do_not_grow_without_end() -> None:
    meter = RateMeter()
    promises = [meter.promise_us(1, 1, at(0)) for _ in range(1_000)]
    assert promises[-1] <= 60 * MINUTE_US
    assert not meter.at_rest(1, at(1)), "who was promised something is remembered"


def test_a_call_that_began_counts_whatever_becomes_of_it() -> None:
    meter = StartMeter()
    take(meter, 2, 1, at(0))
    take(meter, 2, 1, at(0))
    settle(meter, 2, 1, 0, 0, at(1))
    assert meter.wait_us(2, 1, at(0)) == 30_000_000
    assert meter.promise_us(2, 1, at(0)) == 30_000_000
    assert not meter.hopeless(2, 1, at(0))
    assert meter.hopeless(0, 1, at(0))
    assert meter.wait_us(2, 1, at(30)) == 0
    assert meter.at_rest(2, at(120))


def test_places_come_back_when_others_leave() -> None:
    meter = SlotMeter()
    assert meter.hopeless(0, 1, at(0))
    take(meter, 1, 1, at(0))
    assert meter.wait_us(1, 1, at(1e6)) == math.inf
    assert not meter.at_rest(1, at(0))
    settle(meter, 1, 1, 0, 2_000_000, at(2))
    assert meter.wait_us(1, 1, at(2)) == 0
    assert meter.at_rest(1, at(2))


def test_how_long_places_were_held_says_when_to_try_again() -> None:
    meter = SlotMeter()
    assert meter.promise_us(2, 1, at(0)) == 500_000, "a second is assumed"
    take(meter, 2, 1, at(0))
    settle(meter, 2, 1, 1, 8_000_000, at(8))
    assert [meter.promise_us(2, 1, at(100)) for _ in range(4)] == [
        4_000_000,
        8_000_000,
        12_000_000,
        16_000_000,
    ]
    assert meter.promise_us(2, 1, at(200)) == 4_000_000


def test_a_budget_comes_back_with_the_next_day_and_not_before() -> None:
    meter = BudgetMeter(DAY)
    meter.seed(30, at(0))
    take(meter, 100, 60, at(0))
    assert meter.wait_us(100, 20, at(0)) == math.inf
    assert not meter.hopeless(100, 20, at(0))
    settle(meter, 100, 60, 60, 0, at(0))
    assert meter.hopeless(100, 20, at(0))
    assert meter.wait_us(100, 10, at(0)) == 0
    tomorrow = at(86_400)
    assert meter.wait_us(100, 100, tomorrow) == 0
    assert meter.at_rest(100, tomorrow)
    assert meter.promise_us(100, 1, tomorrow) == 1_000_000


def test_a_clock_that_goes_back_over_midnight_gives_no_budget_twice() -> None:
    meter = BudgetMeter(DAY)
    midnight_s = 1_795_305_600.0
    before, after = Moment(0, midnight_s - 1), Moment(0, midnight_s + 1)
    meter.seed(90, before)
    assert meter.wait_us(100, 100, after) == 0
    take(meter, 100, 80, after)
    settle(meter, 100, 80, 80, 0, after)
    assert meter.hopeless(100, 11, before)
    assert meter.wait_us(100, 10, before) == 0
    assert meter.hopeless(100, 21, after)
    assert meter.wait_us(100, 20, after) == 0


def test_a_clock_that_was_far_ahead_for_a_while_gives_no_budget_back() -> None:
    for period in (DAY, MONTH):
        meter = BudgetMeter(period)
        meter.seed(100, at(0))
        assert meter.wait_us(100, 100, at(0, NOON + 1e9)) == 0
        assert meter.hopeless(100, 1, at(0))


@pytest.mark.parametrize(
    ("period", "now", "again"),
    [
        (DAY, "2026-11-23T00:00:00", "2026-11-24T00:00:00"),
        (DAY, "2026-12-31T23:59:59.999999", "2027-01-01T00:00:00"),
        (MONTH, "2026-11-23T12:30:00.5", "2026-12-01T00:00:00"),
        (MONTH, "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        (MONTH, "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
        (MONTH, "2027-02-28T01:00:00", "2027-03-01T00:00:00"),
    ],
)
def test_who_has_spent_a_budget_is_promised_the_moment_it_comes_back(
    period: Period, now: str, again: str
) -> None:
    began, ends = (datetime.fromisoformat(each + "+00:00") for each in (now, again))
    at_s = began.timestamp()
    meter = BudgetMeter(period)
    meter.seed(95, Moment(0, at_s))
    promise_us = meter.promise_us(100, 6, Moment(0, at_s))
    assert promise_us == (ends - began) // timedelta(microseconds=1)
    assert meter.hopeless(100, 6, Moment(0, ends.timestamp() - 1e-6))
    assert meter.wait_us(100, 6, Moment(0, ends.timestamp())) == 0
    assert meter.promise_us(100, 5, Moment(0, at_s)) == 1_000_000


def test_who_was_given_no_budget_is_promised_nothing() -> None:
    assert BudgetMeter(DAY).promise_us(0, 0, at(0)) == 0


def test_who_has_nothing_left_gets_not_even_what_is_free() -> None:
    meter = BudgetMeter(MONTH)
    assert meter.hopeless(0, 0, at(0))
    meter.seed(100, at(0))
    assert meter.hopeless(100, 0, at(0))


def test_what_was_spent_in_a_month_stays_spent_to_its_last_second() -> None:
    meter = BudgetMeter(MONTH)
    settle(meter, 10, 0, 8, 0, at(0, wall_s=1_793_491_200))
    last = at(0, wall_s=1_793_491_200 + 30 * 86_400 - 0.001)
    assert meter.wait_us(10, 2, last) == 0
    assert meter.wait_us(10, 3, last) == math.inf
    assert meter.wait_us(10, 3, at(0, wall_s=1_793_491_200 + 30 * 86_400)) == 0


def test_what_is_in_flight_at_midnight_is_spent_on_the_new_day() -> None:
    meter = BudgetMeter(DAY)
    take(meter, 100, 60, at(0))
    tomorrow = at(86_400)
    settle(meter, 100, 60, 50, 0, tomorrow)
    assert meter.wait_us(100, 50, tomorrow) == 0
    assert meter.wait_us(100, 51, tomorrow) == math.inf


def test_periods_begin_at_midnight_utc() -> None:
    # 2026-11-22T19:00:00Z
    assert DAY.start_s(1_795_374_000.0) == 1_795_305_600
    assert MONTH.start_s(1_795_374_000.0) == 1_793_491_200


def test_what_is_taken_is_what_does_not_fit_again_yet() -> None:
    rate = RateMeter()
    take(rate, 60, 10, at(0))
    assert rate.taken(60, at(30)) == 10
    settle(rate, 60, 10, 20, 0, at(30))
    assert rate.taken(60, at(30)) == 20
    # One drains a second; a part of one is one.
    assert [rate.taken(60, at(seconds)) for seconds in (35, 35.5, 50, 90)] == [15, 15, 0, 0]
    starts, slots, budget = StartMeter(), SlotMeter(), BudgetMeter(DAY)
    take(starts, 60, 1, at(0))
    assert starts.taken(60, at(0)) == 1
    take(slots, 5, 2, at(0))
    assert slots.taken(5, at(0)) == 2
    take(budget, 100, 30, at(0))
    settle(budget, 100, 30, 10, 0, at(0))
    take(budget, 100, 5, at(0))
    assert budget.taken(100, at(0)) == 15
    assert budget.taken(100, at(86_400)) == 5
