"""The vocabulary of failures."""

import pytest

from domain.model.errors import (
    RETRYABLE,
    AccessDenied,
    ChatError,
    DeadlineExceeded,
    ErrorReason,
    FieldViolation,
    InvalidRequest,
    LimitExceeded,
    ModelUnknown,
    NotConfigured,
    ProviderFailure,
    QuotaViolation,
    Unauthenticated,
)


@pytest.mark.parametrize("reason", ErrorReason)
def test_the_reason_says_whether_to_retry_unless_told_otherwise(reason: ErrorReason) -> None:
    assert ChatError("x", reason).retryable is (reason in RETRYABLE)
    assert ChatError("x", reason, retryable=True).retryable
    assert not ChatError("x", reason, retryable=False).retryable


def test_what_the_caller_must_change_is_not_retryable() -> None:
    assert not [each for each in RETRYABLE if each.name.startswith("CALLER_")]
    assert not RETRYABLE & {
        ErrorReason.PROVIDER_AUTH_FAILED,
        ErrorReason.PROVIDER_BILLING,
        ErrorReason.PROVIDER_NOT_CONFIGURED,
        ErrorReason.PROVIDER_REJECTED_REQUEST,
        ErrorReason.PROVIDER_CONTENT_BLOCKED,
        ErrorReason.POLICY_BUDGET_EXCEEDED,
        ErrorReason.SERVICE_INTERNAL,
    }


def test_every_reason_says_whose_fault_it_is() -> None:
    prefixes = {reason.name.partition("_")[0] for reason in ErrorReason}
    assert prefixes == {"CALLER", "POLICY", "PROVIDER", "SERVICE"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidRequest(FieldViolation("a", "b")), ErrorReason.CALLER_INVALID_REQUEST),
        (ModelUnknown("x"), ErrorReason.CALLER_MODEL_UNKNOWN),
        (DeadlineExceeded(), ErrorReason.CALLER_DEADLINE),
        (NotConfigured("x"), ErrorReason.PROVIDER_NOT_CONFIGURED),
    ],
)
def test_a_class_knows_its_reason(error: ChatError, reason: ErrorReason) -> None:
    assert error.reason is reason
    assert str(error) == error.message
    assert error.upstream_status is None


def test_an_invalid_request_says_every_violation_in_one_message() -> None:
    error = InvalidRequest(FieldViolation("model", "is missing"), FieldViolation("seed", "is odd"))
    assert error.message == "model: is missing; seed: is odd"


def test_an_unknown_model_says_what_the_provider_answered() -> None:
    error = ModelUnknown("x", upstream_status=404, upstream_request_id="req-1")
    assert (error.upstream_status, error.upstream_request_id) == (404, "req-1")


@pytest.mark.parametrize("reason", ErrorReason)
def test_only_refusals_of_ours_come_before_the_upstream(reason: ErrorReason) -> None:
    before = {
        ErrorReason.CALLER_INVALID_REQUEST,
        ErrorReason.CALLER_MODEL_UNKNOWN,
        ErrorReason.PROVIDER_NOT_CONFIGURED,
        ErrorReason.POLICY_UNAUTHENTICATED,
        ErrorReason.POLICY_ACCESS_DENIED,
        ErrorReason.POLICY_RATE_LIMITED,
        ErrorReason.POLICY_CONCURRENCY_LIMITED,
        ErrorReason.POLICY_BUDGET_EXCEEDED,
    }
    assert ProviderFailure("x", reason).before_upstream is (reason in before)
    assert not ProviderFailure("x", reason, upstream_status=400).before_upstream


def test_a_limit_that_was_reached_names_itself_and_when_to_try_again() -> None:
    error = LimitExceeded(
        ErrorReason.POLICY_RATE_LIMITED,
        QuotaViolation("caller:alice", "60 requests a minute"),
        QuotaViolation("provider:openai", "5 parallel calls"),
        retry_after_s=1.5,
    )
    assert str(error) == "caller:alice: 60 requests a minute; provider:openai: 5 parallel calls"
    assert (error.retryable, error.retry_after_s) == (True, 1.5)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unauthenticated("no token"), ErrorReason.POLICY_UNAUTHENTICATED),
        (AccessDenied("not allowed"), ErrorReason.POLICY_ACCESS_DENIED),
    ],
)
def test_whoever_may_not_call_is_told_so_and_need_not_try_again(
    error: ChatError, reason: ErrorReason
) -> None:
    assert (error.reason, error.retryable) == (reason, False)
