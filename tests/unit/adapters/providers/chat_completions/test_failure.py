"""Errors of every kind: whose fault, whether to try again, and when."""

from typing import Any

import attrs
import orjson
import pytest

from adapters.providers.chat_completions.failure import failure_of_status
from adapters.wire.codec import ResponseHead
from adapters.wire.failures import MAX_MESSAGE
from domain.model.errors import ChatError, ErrorReason, ModelUnknown
from tests.support.http_calls import CODEC, call


def failure(status: int, body: Any = None, **headers: str) -> ChatError:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CODEC.failure(call(), ResponseHead(status, named), data)


def said(message: str = "m", **fields: Any) -> Any:
    return {"error": {"message": message, **fields}}


BILLING = "PROVIDER_BILLING"
REJECTED = "PROVIDER_REJECTED_REQUEST"


@pytest.mark.parametrize(
    ("status", "reason", "retryable"),
    [
        (400, REJECTED, False),
        (401, "PROVIDER_AUTH_FAILED", False),
        (402, BILLING, False),
        (403, "PROVIDER_AUTH_FAILED", False),
        (404, REJECTED, False),
        (405, REJECTED, False),
        (408, "PROVIDER_SERVER_ERROR", True),
        (409, "PROVIDER_SERVER_ERROR", True),
        (413, REJECTED, False),
        (418, REJECTED, False),
        (422, REJECTED, False),
        (429, "PROVIDER_RATE_LIMITED", True),
        (500, "PROVIDER_SERVER_ERROR", True),
        (502, "PROVIDER_SERVER_ERROR", True),
        (503, "PROVIDER_OVERLOADED", True),
        (504, "PROVIDER_SERVER_ERROR", True),
        (524, "PROVIDER_SERVER_ERROR", True),
        (529, "PROVIDER_OVERLOADED", True),
        (600, "PROVIDER_PROTOCOL_ERROR", True),
    ],
)
def test_a_status_is_a_fact(status: int, reason: str, retryable: bool) -> None:
    error = failure(status, b"")
    assert (error.reason.name, error.retryable) == (reason, retryable)
    assert error.upstream_status == status


@pytest.mark.parametrize(
    ("status", "fields", "reason"),
    [
        (429, {"code": "insufficient_quota"}, BILLING),
        (429, {"type": "insufficient_quota", "code": None}, BILLING),
        (429, {"code": "credit_balance_exhausted"}, BILLING),
        (429, {"code": "organization_spend_limit_exceeded"}, BILLING),
        (429, {"code": "project_spend_limit_exceeded"}, BILLING),
        (429, {"code": "organization_usage_limit_exceeded"}, BILLING),
        (429, {"code": "rate_limit_exceeded"}, "PROVIDER_RATE_LIMITED"),
        (429, {"code": "slow_down", "type": "rate_limit_error"}, "PROVIDER_RATE_LIMITED"),
        (400, {"code": "context_length_exceeded"}, REJECTED),
        (400, {"code": "content_filter"}, "PROVIDER_CONTENT_BLOCKED"),
        (400, {"code": "content_policy_violation"}, "PROVIDER_CONTENT_BLOCKED"),
        (400, {"type": "exceed_context_size_error", "code": 400}, REJECTED),
        (401, {"code": "invalid_api_key", "type": "invalid_request_error"}, "PROVIDER_AUTH_FAILED"),
        (503, {"type": "service_unavailable_error"}, "PROVIDER_OVERLOADED"),
        (500, {"code": "server_is_overloaded"}, "PROVIDER_OVERLOADED"),
        (500, {"type": "invalid_request_error"}, "PROVIDER_SERVER_ERROR"),
        (404, {"code": "model_not_found"}, "CALLER_MODEL_UNKNOWN"),
        (400, {"code": "model_not_found"}, "CALLER_MODEL_UNKNOWN"),
        (404, {"type": "NotFoundError", "code": 404}, "CALLER_MODEL_UNKNOWN"),
        (404, {"type": "not_found_error", "code": None}, "CALLER_MODEL_UNKNOWN"),
        (404, {"code": "404"}, "CALLER_MODEL_UNKNOWN"),
        (404, {"type": "invalid_request_error", "code": None}, REJECTED),
    ],
    ids=str,
)
def test_an_exact_word_wins_over_the_status(
    status: int, fields: dict[str, Any], reason: str
) -> None:
    assert failure(status, said(**fields)).reason.name == reason


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (said("m"), "m"),
        ({"error": "m"}, "m"),
        ({"message": "m", "object": "error"}, "m"),
        ({"detail": "m"}, "m"),
        ([said("m")], "m"),
        (b"upstream connect error", "upstream connect error"),
        (b"<html>long page</html>", "the provider answered with status 400"),
        (b'{"error":{"message"', '{"error":{"message"'),
        ([], "the provider answered with status 400"),
        ({"error": {"message": 7}}, "the provider answered with status 400"),
        (None, "null"),
    ],
    ids=repr,
)
def test_what_the_provider_says_is_found_in_every_shape(body: Any, message: str) -> None:
    assert failure(400, body).message == message


def test_a_long_message_is_cut() -> None:
    assert len(failure(400, said("x" * 10_000)).message) == MAX_MESSAGE


def test_the_refusal_of_our_credential_tells_no_details() -> None:
    for status in (401, 403):
        error = failure(status, said("Incorrect API key provided: sk-ab**yz, organization org-1"))
        assert "sk-" not in str(error)
        assert "org-" not in str(error)


def test_an_unknown_model_is_the_callers_and_was_asked_for() -> None:
    error = failure(404, said("no m", code="model_not_found"), x_request_id="req-1")
    assert isinstance(error, ModelUnknown)
    assert (error.upstream_status, error.upstream_request_id) == (404, "req-1")
    assert not error.before_upstream


def test_the_time_to_come_back_is_told_only_where_coming_back_can_help() -> None:
    assert failure(429, said(), retry_after="7").retry_after_s == 7.0
    assert failure(429, said(), retry_after_ms="70").retry_after_s == 0.07
    quota = failure(429, said(code="insufficient_quota"), retry_after="7")
    assert (quota.retryable, quota.retry_after_s) == (False, None)


def test_the_time_to_come_back_may_stand_in_the_body() -> None:
    body = {"error": {"message": "m", "availability": {"retry_after": 12.5}}}
    assert failure(503, body).retry_after_s == 12.5
    assert failure(503, body, retry_after="3").retry_after_s == 3.0


def test_the_providers_own_advice_wins_over_the_table() -> None:
    assert not failure(500, said(), x_should_retry="false").retryable
    advised = failure(400, said(), x_should_retry="true", retry_after="1")
    assert advised.reason is ErrorReason.PROVIDER_REJECTED_REQUEST
    assert (advised.retryable, advised.retry_after_s) == (True, 1.0)
    assert failure(500, said(), x_should_retry="perhaps").retryable


def test_a_dialect_may_know_words_and_statuses_of_its_own() -> None:
    dialect = attrs.evolve(
        CODEC.dialect,
        failure_words={"moderated": ErrorReason.PROVIDER_CONTENT_BLOCKED},
        failure_statuses={403: ErrorReason.PROVIDER_CONTENT_BLOCKED},
    )
    head = ResponseHead(403, {})
    assert failure_of_status(dialect, head, b"").reason.name == "PROVIDER_CONTENT_BLOCKED"
    head = ResponseHead(400, {})
    body = orjson.dumps(said(code="moderated"))
    assert failure_of_status(dialect, head, body).reason.name == "PROVIDER_CONTENT_BLOCKED"
