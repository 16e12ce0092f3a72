"""What error answers mean."""

import json
from typing import Any

import pytest

from adapters.wire.codec import ResponseHead
from domain.model.errors import ChatError, ErrorReason, ModelUnknown, ProviderFailure
from tests.contract.anthropic.reading import CODEC, call

R = ErrorReason


def failed(
    status: int, type_: str = "", message: str = "why", body: bytes | None = None, **headers: Any
) -> ChatError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = {"type": "error", "error": {"type": type_, "message": message}}
    return CODEC.failure(
        call(), ResponseHead(status, named), json.dumps(error).encode() if body is None else body
    )


@pytest.mark.parametrize(
    ("status", "type_", "reason", "retryable"),
    [
        (400, "invalid_request_error", R.PROVIDER_REJECTED_REQUEST, False),
        (401, "authentication_error", R.PROVIDER_AUTH_FAILED, False),
        (402, "billing_error", R.PROVIDER_BILLING, False),
        (403, "permission_error", R.PROVIDER_AUTH_FAILED, False),
        (404, "not_found_error", R.CALLER_MODEL_UNKNOWN, False),
        (409, "conflict_error", R.PROVIDER_SERVER_ERROR, True),
        (413, "request_too_large", R.PROVIDER_REJECTED_REQUEST, False),
        (429, "rate_limit_error", R.PROVIDER_RATE_LIMITED, True),
        (500, "api_error", R.PROVIDER_SERVER_ERROR, True),
        (504, "timeout_error", R.PROVIDER_SERVER_ERROR, True),
        (529, "overloaded_error", R.PROVIDER_OVERLOADED, True),
        # A vague word does not hide what the status says, nor the status an exact word.
        (401, "invalid_request_error", R.PROVIDER_AUTH_FAILED, False),
        (503, "api_error", R.PROVIDER_OVERLOADED, True),
        (400, "overloaded_error", R.PROVIDER_OVERLOADED, True),
        # No word, or one that nobody knows.
        (400, "", R.PROVIDER_REJECTED_REQUEST, False),
        (402, "", R.PROVIDER_BILLING, False),
        (404, "", R.CALLER_MODEL_UNKNOWN, False),
        (408, "", R.PROVIDER_SERVER_ERROR, True),
        (418, "new_error", R.PROVIDER_REJECTED_REQUEST, False),
        (422, "", R.PROVIDER_REJECTED_REQUEST, False),
        (401, "", R.PROVIDER_AUTH_FAILED, False),
        (403, "", R.PROVIDER_AUTH_FAILED, False),
        (409, "", R.PROVIDER_SERVER_ERROR, True),
        (429, "", R.PROVIDER_RATE_LIMITED, True),
        (529, "", R.PROVIDER_OVERLOADED, True),
        (503, "", R.PROVIDER_OVERLOADED, True),
        (502, "", R.PROVIDER_SERVER_ERROR, True),
        (302, "", R.PROVIDER_PROTOCOL_ERROR, True),
    ],
)
def test_status_and_type_make_the_reason(
    status: int, type_: str, reason: ErrorReason, retryable: bool
) -> None:
    error = failed(status, type_)
    assert (error.reason, error.retryable) == (reason, retryable)
    assert error.upstream_status == status


def test_an_unknown_model_is_the_callers() -> None:
    error = failed(404, "not_found_error", "model: claude-9", request_id="req_9")
    assert isinstance(error, ModelUnknown)
    assert (error.message, error.upstream_status) == ("model: claude-9", 404)
    assert error.upstream_request_id == "req_9"
    assert not error.before_upstream


def test_a_context_that_is_too_long_is_a_rejected_request() -> None:
    error = failed(
        400, "invalid_request_error", "prompt is too long: 203000 tokens > 200000 maximum"
    )
    assert (error.reason, error.retryable) == (R.PROVIDER_REJECTED_REQUEST, False)
    assert "prompt is too long" in error.message


@pytest.mark.parametrize(
    "message",
    [
        "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
        "You have reached your specified workspace API usage limits. You will regain access soon.",
        "Your credit balance is too low to access the Anthropic API.",
    ],
)
def test_an_empty_account_is_told_from_a_bad_request(message: str) -> None:
    assert failed(400, "invalid_request_error", message).reason is R.PROVIDER_BILLING


def test_an_enforced_spend_limit_is_never_retried() -> None:
    error = {
        "type": "rate_limit_error",
        "message": "m",
        "details": {"error_code": "enforced_spend_limit_reached"},
    }
    found = failed(
        429, body=json.dumps({"error": error}).encode(), x_should_retry="true", retry_after="5"
    )
    assert (found.reason, found.retryable, found.retry_after_s) == (R.PROVIDER_BILLING, False, None)


@pytest.mark.parametrize(
    ("status", "said", "retryable"), [(500, "false", False), (400, "true", True), (500, "?", True)]
)
def test_the_server_says_whether_to_try_again(status: int, said: str, retryable: bool) -> None:
    assert failed(status, x_should_retry=said).retryable is retryable


def test_a_refused_credential_is_told_without_details() -> None:
    error = failed(401, "authentication_error", "invalid x-api-key sk-ant-api03-secret")
    assert isinstance(error, ProviderFailure)
    assert error.message == "the provider refused the service's credential"
    assert "sk-ant" not in str(error)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the provider answered with status 413"),
        (b"<html><h1>413</h1></html>", "the provider answered with status 413"),
        (b"  request too large\n", "request too large"),
        (b'{"error": {"type": "request_too_large"}}', "request_too_large"),
        (b'{"message": "from a proxy"}', "from a proxy"),
        (b'{"error": "odd"}', "the provider answered with status 413"),
        (b"[1]", "[1]"),
        (b'{"error": {"type": "request_too_l', '{"error": {"type": "request_too_l'),
        (b"\xff", "\ufffd"),
    ],
)
def test_any_body_makes_a_message(body: bytes, message: str) -> None:
    error = failed(413, body=body)
    assert (error.reason, error.message) == (R.PROVIDER_REJECTED_REQUEST, message)


def test_a_message_is_bounded() -> None:
    assert len(failed(400, message="x" * 100_000).message) == 2_000


def test_the_request_is_named_by_the_header_or_else_by_the_body() -> None:
    body = b'{"error": {}, "request_id": "req_body"}'
    assert failed(500, body=body).upstream_request_id == "req_body"
    assert failed(500, body=body, request_id="req_head").upstream_request_id == "req_head"
    assert failed(500).upstream_request_id == ""


# ---------------------------------------------------------------- when to come back
RESET: dict[str, Any] = {
    "date": "Sun, 22 Nov 2026 12:00:00 GMT",
    "anthropic_ratelimit_requests_remaining": "5",
    "anthropic_ratelimit_requests_reset": "2026-11-22T13:00:00Z",
    "anthropic_ratelimit_input_tokens_remaining": "0",
    "anthropic_ratelimit_input_tokens_reset": "2026-11-22T12:00:20Z",
    "anthropic_ratelimit_output_tokens_remaining": "0",
    "anthropic_ratelimit_output_tokens_reset": "2026-11-22T12:00:07Z",
}


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "30", "retry_after_ms": "250"}, 0.25),
        ({**RESET}, 20.0),
        ({**RESET, "retry_after": "3"}, 3.0),
        ({**RESET, "anthropic_ratelimit_input_tokens_reset": "soon"}, 7.0),
        ({**RESET, "anthropic_ratelimit_input_tokens_reset": "2026-11-22T11:00:00Z"}, 7.0),
        ({**RESET, "anthropic_ratelimit_input_tokens_reset": "2026-11-22T12:00:20"}, 7.0),
        ({name: value for name, value in RESET.items() if name != "date"}, None),
        ({**RESET, "date": "today"}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, Any], wait_s: float | None) -> None:
    assert failed(429, "rate_limit_error", **headers).retry_after_s == wait_s


@pytest.mark.parametrize("limit", ["requests", "tokens", "input_tokens", "output_tokens"])
def test_every_limit_can_be_the_full_one(limit: str) -> None:
    headers: dict[str, Any] = {
        "date": "Sun, 22 Nov 2026 12:00:00 GMT",
        f"anthropic_ratelimit_{limit}_remaining": "0",
        f"anthropic_ratelimit_{limit}_reset": "2026-11-22T12:00:09.5Z",
    }
    assert failed(429, "rate_limit_error", **headers).retry_after_s == 9.5


def test_only_a_full_limit_is_waited_for() -> None:
    assert failed(500, "api_error", **RESET).retry_after_s is None
    assert failed(503, retry_after="2").retry_after_s == 2.0
    assert failed(400, retry_after="2").retry_after_s is None


def in_stream(error: Any) -> ChatError:
    with pytest.raises(ChatError) as caught:
        CODEC.whole(call(), ResponseHead(200, {}), json.dumps({"error": error}).encode())
    return caught.value


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        ("overloaded_error", R.PROVIDER_OVERLOADED),
        ("rate_limit_error", R.PROVIDER_RATE_LIMITED),
        ("api_error", R.PROVIDER_SERVER_ERROR),
        ("timeout_error", R.PROVIDER_SERVER_ERROR),
        ("invalid_request_error", R.PROVIDER_REJECTED_REQUEST),
        ("authentication_error", R.PROVIDER_AUTH_FAILED),
        ("permission_error", R.PROVIDER_AUTH_FAILED),
        ("billing_error", R.PROVIDER_BILLING),
        ("request_too_large", R.PROVIDER_REJECTED_REQUEST),
        ("not_found_error", R.CALLER_MODEL_UNKNOWN),
        ("new_error", R.PROVIDER_SERVER_ERROR),
    ],
)
def test_an_error_inside_a_good_answer_goes_by_its_word(type_: str, reason: ErrorReason) -> None:
    error = in_stream({"type": type_, "message": "m"})
    assert (error.reason, error.upstream_status) == (reason, 200)
