"""A key that was refused rests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model.errors import ErrorReason
from domain.policy.cooldown import CooldownRules, Rest, later, rest

RULES = CooldownRules(rate_limited_s=5.0, auth_s=60.0, billing_s=300.0, longest_s=1000.0)
LIMITED = ErrorReason.PROVIDER_RATE_LIMITED


@pytest.mark.parametrize(
    ("reason", "told_s", "found"),
    [
        (LIMITED, 7.0, Rest(107.0, LIMITED, told=True)),
        (LIMITED, None, Rest(105.0, LIMITED, told=False)),
        (LIMITED, 86_400.0, Rest(1100.0, LIMITED, told=True)),
        (LIMITED, 0.0, None),
        (
            ErrorReason.PROVIDER_AUTH_FAILED,
            None,
            Rest(160.0, ErrorReason.PROVIDER_AUTH_FAILED, told=False, whole_key=True),
        ),
        (
            ErrorReason.PROVIDER_BILLING,
            7.0,
            Rest(400.0, ErrorReason.PROVIDER_BILLING, told=False, whole_key=True),
        ),
        (ErrorReason.PROVIDER_OVERLOADED, None, None),
        (
            ErrorReason.PROVIDER_OVERLOADED,
            2.0,
            Rest(102.0, ErrorReason.PROVIDER_OVERLOADED, told=True),
        ),
        (ErrorReason.PROVIDER_SERVER_ERROR, 9.0, None),
        (ErrorReason.PROVIDER_REJECTED_REQUEST, None, None),
    ],
)
def test_a_refusal_makes_a_key_rest_as_long_as_was_said(
    reason: ErrorReason, told_s: float | None, found: Rest | None
) -> None:
    assert rest(RULES, reason, told_s, 100.0) == found


def test_a_guess_of_no_time_is_no_rest() -> None:
    assert rest(CooldownRules(rate_limited_s=0.0), LIMITED, None, 0.0) is None


def test_whoever_comes_back_when_told_is_not_turned_away_by_a_rounding() -> None:
    resting = Rest(10.0, LIMITED, told=True)
    assert resting.wait_s(4.0) == 6.0
    assert resting.wait_s(9.9999) == 0.0
    assert resting.wait_s(11.0) == 0.0


def test_what_was_told_comes_before_a_guess_and_the_later_before_the_earlier() -> None:
    told, guess = Rest(5.0, LIMITED, told=True), Rest(9.0, LIMITED, told=False)
    assert later(told, guess) is later(guess, told) is told
    assert later(Rest(3.0, LIMITED, told=True), told) is told
    assert later(None, guess) is later(guess, None) is guess
    assert later(None, None) is None


@given(
    st.sampled_from(ErrorReason),
    st.none() | st.floats(0, 1e9),
    st.floats(0, 1e6),
)
def test_no_rest_is_longer_than_the_longest(
    reason: ErrorReason, told_s: float | None, now_s: float
) -> None:
    found = rest(RULES, reason, told_s, now_s)
    if found is not None:
        assert 0.0 <= found.wait_s(now_s) <= RULES.longest_s + 1e-6
        assert found.told is (told_s is not None and not found.whole_key)
