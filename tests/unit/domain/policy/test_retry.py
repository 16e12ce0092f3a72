"""What a failure means for the rest of its call."""

import math

import pytest

from domain.model.errors import (
    ChatError,
    ErrorReason,
    LimitExceeded,
    ProviderFailure,
    QuotaViolation,
)
from domain.model.target import Target
from domain.policy.course import Course
from domain.policy.retry import REMEDIES, Remedy, RetryPolicy, remedy
from domain.policy.retry_budget import BudgetPolicy, RetryBudget

POLICY = RetryPolicy(base_s=1.0, max_s=4.0, max_wait_s=10.0)


def test_waits_grow_to_their_bound_and_are_never_none() -> None:
    assert [POLICY.wait_s(failed, None, 1.0) for failed in (1, 2, 3, 4, 10_000)] == [1, 2, 4, 4, 4]
    assert POLICY.wait_s(1, None, 0.0) == pytest.approx(0.1)


def test_a_providers_time_is_never_cut_short() -> None:
    assert POLICY.wait_s(9, 60.0, 0.0) == 60.0
    assert POLICY.wait_s(1, 0.0, 0.5) == 0.5


def test_only_what_is_named_in_the_table_is_tried_again() -> None:
    for reason in ErrorReason:
        error = ChatError("no", reason, retryable=True)
        assert remedy(error, begun=False, resend=True) is REMEDIES.get(reason, Remedy.NOTHING)


def test_what_will_not_go_away_is_not_tried_in_the_same_place() -> None:
    error = ProviderFailure("cert", ErrorReason.PROVIDER_CONNECTION_FAILED, retryable=False)
    assert remedy(error, begun=False, resend=False) is Remedy.ELSEWHERE


@pytest.mark.parametrize(
    ("subject", "helps"),
    [
        ("provider:a", Remedy.ELSEWHERE),
        ("model:a/*", Remedy.ELSEWHERE),
        ("caller:anna", Remedy.NOTHING),
        ("service", Remedy.NOTHING),
    ],
)
def test_a_limit_of_a_route_is_not_one_of_another(subject: str, helps: Remedy) -> None:
    error = LimitExceeded(
        ErrorReason.POLICY_RATE_LIMITED,
        QuotaViolation("provider:a", "x"),
        QuotaViolation(subject, "y"),
    )
    assert remedy(error, begun=False, resend=False) is helps


def test_an_accepted_request_is_sent_again_where_the_provider_said_that_it_failed() -> None:
    for status in (None, 200, 503):
        error = ProviderFailure("no", ErrorReason.PROVIDER_OVERLOADED, upstream_status=status)
        assert remedy(error, begun=True, resend=False) is Remedy.AGAIN
    broken = ProviderFailure("no", ErrorReason.PROVIDER_CONNECTION_FAILED, upstream_status=502)
    assert remedy(broken, begun=False, resend=False) is Remedy.AGAIN


def test_a_budget_has_a_share_of_the_calls_and_a_little_more() -> None:
    budget = RetryBudget.full(BudgetPolicy(ratio=0.25, min_per_s=0.5, burst=2.0))
    assert [budget.spend(100.0) for _ in range(3)] == [True, True, False]
    for _ in range(4):
        budget.earn()
    assert [budget.spend(100.0) for _ in range(2)] == [True, False]
    assert [budget.spend(102.0) for _ in range(2)] == [True, False]
    for _ in range(100):
        budget.earn()
    assert [budget.spend(102.0) for _ in range(3)] == [True, True, False]


def test_where_one_provider_has_no_budget_left_another_is_asked() -> None:
    policy = BudgetPolicy(ratio=0.0, min_per_s=0.0, burst=1.0)
    budgets = {"a": RetryBudget.full(policy), "b": RetryBudget.full(policy)}
    budgets["a"].spend(0.0)
    plan = (Target("a", "m"), Target("b", "m"))
    course = Course.of(POLICY, plan, most=9, budget_of=budgets.__getitem__, chance=0.0)
    error = ProviderFailure("no", ErrorReason.PROVIDER_OVERLOADED)
    course.failed(error, Remedy.AGAIN, 0.0, asked=True)
    assert (course.go(0.0, math.inf), course.at.target) == (0.0, plan[1])
    course.failed(error, Remedy.AGAIN, 0.0, asked=True)
    assert course.go(0.0, math.inf) == pytest.approx(0.1)
    assert course.at.target == plan[1]
    course.failed(error, Remedy.AGAIN, 0.1, asked=True)
    assert course.go(0.1, math.inf) is None


@pytest.mark.parametrize("left", [0, 1])
def test_a_route_that_is_gone_back_to_unasked_takes_nothing_of_the_budget_and_adds_nothing(
    left: int,
) -> None:
    budget = RetryBudget.full(BudgetPolicy(ratio=1.0, min_per_s=0.0, burst=2.0))
    for _ in range(2 - left):
        budget.spend(0.0)
    plan = (Target("a", "m"),)
    course = Course.of(POLICY, plan, most=9, budget_of=lambda _: budget, chance=1.0)
    error = ProviderFailure("it rests", ErrorReason.PROVIDER_OVERLOADED)
    course.failed(error, Remedy.AGAIN, 0.0, asked=0)
    assert course.go(0.0, math.inf) == 1.0
    assert [budget.spend(0.0) for _ in range(left + 1)] == [True] * left + [False]
