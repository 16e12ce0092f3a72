"""No peer gets more than the burst, the rate, and what it has earned; none gets less."""

import math

from hypothesis import given
from hypothesis import strategies as st

from entrypoints.grpc.transport.allowance import UNLIMITED, Allowance, Rate

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 100)),
        st.tuples(st.just("spend"), st.floats(0.1, 10)),
        st.tuples(st.just("earn"), st.floats(0, 5)),
    ),
    max_size=60,
)


@given(st.floats(1, 100), st.floats(0, 50), STEPS)
def test_what_is_spent_was_there(
    burst: float, per_s: float, steps: list[tuple[str, float]]
) -> None:
    allowance, now_s = Allowance(Rate(burst, per_s)), 1000.0
    spent = earned = 0.0
    for what, amount in steps:
        if what == "wait":
            now_s += amount
        elif what == "earn":
            allowance.earn(amount)
            earned += amount
        elif allowance.spend(amount, now_s):
            spent += amount
        assert spent <= burst + (now_s - 1000.0) * per_s + earned + 1e-6


@given(st.integers(1, 500), st.integers(1, 100))
def test_the_burst_is_exact_and_comes_back_with_time(burst: int, per_s: int) -> None:
    allowance = Allowance(Rate(burst, per_s))
    assert all(allowance.spend(1, 0.0) for _ in range(burst))
    assert not allowance.spend(1, 0.0)
    assert allowance.spend(1, 1.5 / per_s)
    assert all(allowance.spend(1, 1e6) for _ in range(burst))
    assert not allowance.spend(1, 1e6)


def test_what_is_refused_costs_nothing() -> None:
    allowance = Allowance(Rate(2, 1))
    assert not allowance.spend(3, 0.0)
    assert allowance.spend(2, 0.0)


def test_what_was_earned_is_saved_up_to_a_bound() -> None:
    allowance = Allowance(Rate(10, 0))
    allowance.earn(math.inf)
    assert allowance.spend(400, 0.0)
    assert allowance.spend(10, 0.0)
    assert not allowance.spend(1, 0.0)


def test_time_that_runs_back_gives_nothing() -> None:
    allowance = Allowance(Rate(1, 1))
    assert allowance.spend(1, 10.0)
    assert not allowance.spend(1, 0.0)
    assert not allowance.spend(1, 10.0)


def test_without_a_limit_there_is_none() -> None:
    allowance = Allowance(UNLIMITED)
    assert all(allowance.spend(1e9, 0.0) for _ in range(100))
