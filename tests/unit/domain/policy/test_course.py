"""The way of one call through its routes."""

import math

import pytest

from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.target import Target
from domain.model.usage import Attempt, AttemptOutcome
from domain.policy.course import Course
from domain.policy.retry import Remedy, RetryPolicy
from domain.policy.retry_budget import BudgetPolicy, RetryBudget

A, B = Target("a", "m"), Target("b", "m", ("KEY#1",))
OVERLOADED = ProviderFailure("no", ErrorReason.PROVIDER_OVERLOADED)


def course(*plan: Target, burst: float = 10.0) -> tuple[Course, RetryBudget]:
    budget = RetryBudget.full(BudgetPolicy(ratio=1.0, min_per_s=0.0, burst=burst))
    found = Course.of(RetryPolicy(base_s=1.0), plan, most=5, budget_of=lambda _: budget, chance=0.5)
    return found, budget


def attempt(target: Target, key: str = "") -> Attempt:
    return Attempt(
        index=0,
        provider=target.provider,
        model=target.model,
        credential_alias=key,
        outcome=AttemptOutcome.FAILED,
    )


def test_a_route_that_was_passed_over_is_gone_back_to_and_earns_nothing_again() -> None:
    way, budget = course(A, burst=1.0)
    assert budget.spend(0.0)
    way.failed(OVERLOADED, Remedy.AGAIN, 0.0, asked=0)
    assert way.go(0.0, math.inf) == pytest.approx(0.55)
    assert not budget.spend(0.0)


def test_what_raced_beside_in_vain_waits_like_what_was_tried() -> None:
    way, _ = course(A, B)
    way.failed(OVERLOADED, Remedy.AGAIN, 0.0, asked=2)
    way.beside([attempt(A), attempt(B, "KEY#1")], Remedy.AGAIN, 0.0)
    assert [each.failed for each in way.routes] == [1, 1]
    assert way.go(0.0, math.inf) == pytest.approx(0.55)


def test_what_raced_beside_by_another_key_was_not_this_route() -> None:
    way, _ = course(A, B)
    way.failed(OVERLOADED, Remedy.AGAIN, 0.0, asked=2)
    way.beside([attempt(A), attempt(B, "KEY#2")], Remedy.AGAIN, 0.0)
    assert way.go(0.0, math.inf) == 0
    assert way.at.target == B


def test_what_raced_beside_and_cannot_help_is_not_gone_to() -> None:
    way, _ = course(A, B)
    way.failed(OVERLOADED, Remedy.ELSEWHERE, 0.0, asked=2)
    way.beside([attempt(A), attempt(B, "KEY#1")], Remedy.ELSEWHERE, 0.0)
    assert way.go(0.0, math.inf) is None
