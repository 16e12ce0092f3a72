"""The meters of a call, decided together."""

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.policy.limits import METERS, PARTS, LimitKind, Need
from domain.policy.metering import Metering, OneMeter
from domain.policy.meters import Moment
from domain.policy.periods import DAY

NOON_S = 1_790_000_000.0
FOUR = (
    LimitKind.REQUESTS_PER_MINUTE,
    LimitKind.TOKENS_PER_MINUTE,
    LimitKind.PARALLEL_CALLS,
    LimitKind.BUDGET_PER_DAY,
)
SMALL = Need(tokens=10, nano_usd=20)


def at(seconds: float) -> Moment:
    return Moment(int(seconds * 1e6), NOON_S + seconds)


def metering(**sizes: int) -> Metering:
    """Return a meter of each kind; those that are not given have room for everything."""
    return Metering.of((METERS[kind](), sizes.get(kind.name.lower(), 1_000_000)) for kind in FOUR)


@pytest.mark.parametrize(
    ("size", "again_s"),
    [
        ({"requests_per_minute": 2}, 60),
        ({"tokens_per_minute": 20}, 60),
        ({"parallel_calls": 2}, 4),
        ({"budget_per_day": 40}, 86_400),
    ],
)
def test_a_call_fits_if_all_of_its_limits_have_room(size: dict[str, int], again_s: float) -> None:
    meters = metering(**size)
    for _ in range(2):
        assert meters.fits(SMALL, at(1))
        meters.take(SMALL, at(1))
    assert not meters.fits(SMALL, at(1))
    for _ in range(2):
        meters.settle(SMALL, SMALL, 3_000_000, at(4))
    assert meters.fits(SMALL, at(4 + again_s))


def test_what_can_never_be_held_is_held_as_far_as_it_can() -> None:
    meters = metering(tokens_per_minute=5, budget_per_day=5)
    assert meters.fits(SMALL, at(0))
    meters.take(SMALL, at(0))
    assert not meters.fits(Need(tokens=1), at(0))
    meters.settle(SMALL, Need(), 0, at(0))
    assert meters.fits(SMALL, at(0))


def test_a_budget_that_is_spent_lets_nothing_in_not_even_what_is_free() -> None:
    meters = metering(budget_per_day=20)
    meters.take(SMALL, at(0))
    assert not meters.fits(Need(tokens=1), at(0))


def test_how_long_places_are_held_is_remembered_as_a_mean() -> None:
    meters = metering()
    ((slots, _),) = meters.slots
    for held_us, mean_us in (
        (0, 0),
        (8_000_000, 8_000_000),
        (0, 8_000_000),
        (16_000_000, 9_000_000),
    ):
        meters.take(SMALL, at(0))
        meters.settle(SMALL, SMALL, held_us, at(0))
        assert slots.mean_hold_us == mean_us


@attrs.frozen
class Step:
    """A call comes, or the oldest one ends."""

    passed_us: int
    ends: bool
    need: Need


NEEDS = st.builds(Need, st.integers(0, 60), st.integers(0, 60), st.just(1))
STEPS = st.builds(Step, st.integers(0, 30_000_000), st.booleans(), NEEDS)
LIMITS = st.lists(st.tuples(st.sampled_from(list(LimitKind)), st.integers(1, 100)), max_size=6)


@given(limits=LIMITS, steps=st.lists(STEPS, max_size=30))
def test_meters_decide_together_as_each_of_them_does(
    limits: Sequence[tuple[LimitKind, int]], steps: Sequence[Step]
) -> None:
    sized: list[tuple[OneMeter, int]] = [(METERS[kind](), most) for kind, most in limits]
    meters = Metering.of(sized)
    open_calls: list[tuple[Need, int]] = []
    now = at(0)
    # From an hour before midnight on.
    wall_s = DAY.next_s(NOON_S) - 60.0
    for step in steps:
        now = Moment(now.steady_us + step.passed_us, wall_s + now.steady_us / 1e6)
        if step.ends and open_calls:
            need, since_us = open_calls.pop(0)
            meters.settle(need, step.need, now.steady_us - since_us, now)
        waits = [
            meter.wait_us(most, min(most, step.need[PARTS[kind]]), now)
            for (meter, most), (kind, _) in zip(sized, limits, strict=True)
        ]
        assert meters.fits(step.need, now) is not any(waits)
        if not any(waits):
            meters.take(step.need, now)
            open_calls.append((step.need, now.steady_us))
    for need, since_us in open_calls:
        meters.settle(need, Need(), now.steady_us - since_us, now)
    assert all(meter.reserved == 0 for meter, _ in sized)
