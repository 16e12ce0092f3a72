"""A route that fails is left alone, and tried again with care."""

from hypothesis import given
from hypothesis import strategies as st

from domain.model.errors import ErrorReason
from domain.policy.breaker import PROBED_S, Breaker, BreakerRules, BreakerState

RULES = BreakerRules(window_s=10.0, min_calls=4, failure_share=0.5, open_s=5.0, longest_open_s=15.0)
FAILED = ErrorReason.PROVIDER_SERVER_ERROR


def call(breaker: Breaker, now_s: float, failure: ErrorReason | None = None) -> None:
    breaker.end(breaker.begin(), now_s, failure)


def opened(now_s: float = 0.0, rules: BreakerRules = RULES) -> Breaker:
    breaker = Breaker(rules)
    for _ in range(rules.min_calls):
        call(breaker, now_s, FAILED)
    return breaker


def test_few_failures_leave_it_closed_and_enough_open_it() -> None:
    breaker = Breaker(RULES)
    for _ in range(3):
        call(breaker, 1.0, FAILED)
        assert breaker.wait_s(1.0) == 0.0
    call(breaker, 1.0, FAILED)
    assert (breaker.state, breaker.wait_s(1.0)) == (BreakerState.OPEN, 5.0)
    assert breaker.reason is FAILED


def test_a_share_of_failures_below_the_rule_leaves_it_closed() -> None:
    breaker = Breaker(RULES)
    for _ in range(30):
        call(breaker, 1.0)
        call(breaker, 1.0)
        call(breaker, 1.0, FAILED)
    assert breaker.state is BreakerState.CLOSED


def test_what_is_older_than_the_window_does_not_count() -> None:
    breaker = Breaker(RULES)
    for now_s in (0.0, 1.0, 2.0):
        call(breaker, now_s, FAILED)
    call(breaker, 40.0, FAILED)
    assert breaker.state is BreakerState.CLOSED


def test_the_window_slides_and_what_it_leaves_counts_in_part() -> None:
    breaker = Breaker(RULES)
    call(breaker, 0.0)
    for now_s in (9.0, 9.5):
        call(breaker, now_s, FAILED)
    call(breaker, 11.0, FAILED)
    assert breaker.wait_s(11.0) == 0.0
    call(breaker, 11.0, FAILED)
    assert breaker.state is BreakerState.OPEN


def test_one_probe_goes_through_when_its_time_has_come_and_closes_it() -> None:
    breaker = opened()
    assert breaker.wait_s(4.0) == 1.0
    assert breaker.wait_s(5.0) == 0.0
    probe = breaker.begin()
    assert breaker.wait_s(5.0) == PROBED_S
    breaker.end(probe, 6.0, None)
    assert (breaker.state, breaker.wait_s(6.0)) == (BreakerState.CLOSED, 0.0)


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_the_longest() -> None:
    breaker, now_s, waits = opened(), 0.0, []
    for _ in range(4):
        waits.append(breaker.wait_s(now_s))
        now_s = breaker.until_s
        assert breaker.wait_s(now_s) == 0.0
        call(breaker, now_s, FAILED)
    assert waits == [5.0, 10.0, 15.0, 15.0]
    now_s = breaker.until_s
    assert breaker.wait_s(now_s) == 0.0
    call(breaker, now_s)
    assert breaker.state is BreakerState.CLOSED
    for _ in range(4):
        call(breaker, now_s, FAILED)
    assert breaker.wait_s(now_s) == 5.0


def test_a_probe_that_says_nothing_gives_its_place_back() -> None:
    breaker = opened()
    assert breaker.wait_s(5.0) == 0.0
    breaker.forget(breaker.begin())
    assert (breaker.state, breaker.wait_s(5.0)) == (BreakerState.HALF_OPEN, 0.0)


def test_so_many_probes_as_the_rules_say_must_succeed() -> None:
    breaker = opened(rules=BreakerRules(min_calls=1, open_s=5.0, probes=2))
    assert breaker.wait_s(5.0) == 0.0
    first, second = breaker.begin(), breaker.begin()
    assert breaker.wait_s(5.0) == PROBED_S
    breaker.end(first, 5.0, None)
    assert breaker.wait_s(5.0) == PROBED_S
    breaker.end(second, 5.0, None)
    assert breaker.state is BreakerState.CLOSED


def test_what_began_before_it_opened_neither_closes_it_nor_opens_it_again() -> None:
    breaker = Breaker(RULES)
    old = [breaker.begin() for _ in range(6)]
    for each in old[:4]:
        breaker.end(each, 0.0, FAILED)
    breaker.end(old[4], 5.0, None)
    assert breaker.wait_s(5.0) == 0.0
    breaker.forget(old[5])
    breaker.end(old[5], 5.0, FAILED)
    assert breaker.state is BreakerState.HALF_OPEN


endings = st.sampled_from([None, FAILED, "forget"])


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.floats(0, 8), st.booleans(), endings), max_size=60),
)
def test_no_more_than_its_probes_are_ever_out_and_every_wait_ends(
    probes: int, steps: list[tuple[float, bool, ErrorReason | str | None]]
) -> None:
    breaker = Breaker(
        BreakerRules(window_s=5.0, min_calls=2, open_s=3.0, longest_open_s=7.0, probes=probes)
    )
    now_s, out = 0.0, list[tuple[int, bool]]()
    for passed_s, begins, ending in steps:
        now_s += passed_s
        wait_s = breaker.wait_s(now_s)
        assert 0.0 <= wait_s <= 7.0
        if begins and not wait_s:
            probing = breaker.state is BreakerState.HALF_OPEN
            out.append((breaker.begin(), probing))
            assert sum(each for _, each in out) <= probes or not probing
        elif out:
            begun, _ = out.pop(0)
            if ending == "forget":
                breaker.forget(begun)
            else:
                breaker.end(begun, now_s, None if ending is None else FAILED)
    for begun, _ in out:
        breaker.forget(begun)
    assert breaker.wait_s(now_s + 7.0) == 0.0
