"""Failures: the right reason, whether to try again and when, and nothing told that is not for the caller."""

import json
from typing import Any

import pytest

from adapters.wire.codec import ResponseHead
from adapters.wire.failures import MAX_MESSAGE
from domain.model.call import ChatCall
from domain.model.chat import Media
from domain.model.errors import ChatError, ErrorReason, ModelUnknown
from tests.unit.adapters.providers.gemini.asking import (
    CODEC,
    call,
    called,
    gave,
    model,
    tool,
    user,
)

RPC = "type.googleapis.com/google.rpc."


def failed(
    status: int,
    word: str = "",
    *details: dict[str, Any],
    message: str = "as it is",
    asked: ChatCall | None = None,
    **headers: str,
) -> ChatError:
    error = {"code": status, "message": message, "status": word, "details": list(details)}
    head = ResponseHead(status, {name.replace("_", "-"): each for name, each in headers.items()})
    return CODEC.failure(asked or call(), head, json.dumps({"error": error}).encode())


def detail(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"{RPC}{kind}", **fields}


@pytest.mark.parametrize(
    ("status", "word", "reason", "retryable"),
    [
        (400, "INVALID_ARGUMENT", "PROVIDER_REJECTED_REQUEST", False),
        (400, "FAILED_PRECONDITION", "PROVIDER_REJECTED_REQUEST", False),
        (400, "OUT_OF_RANGE", "PROVIDER_REJECTED_REQUEST", False),
        (401, "UNAUTHENTICATED", "PROVIDER_AUTH_FAILED", False),
        (402, "", "PROVIDER_BILLING", False),
        (403, "PERMISSION_DENIED", "PROVIDER_AUTH_FAILED", False),
        (404, "NOT_FOUND", "CALLER_MODEL_UNKNOWN", False),
        (404, "", "CALLER_MODEL_UNKNOWN", False),
        (408, "", "PROVIDER_SERVER_ERROR", True),
        (409, "ABORTED", "PROVIDER_SERVER_ERROR", True),
        (413, "", "PROVIDER_REJECTED_REQUEST", False),
        (429, "RESOURCE_EXHAUSTED", "PROVIDER_RATE_LIMITED", True),
        (429, "", "PROVIDER_RATE_LIMITED", True),
        (499, "CANCELLED", "PROVIDER_SERVER_ERROR", True),
        (500, "INTERNAL", "PROVIDER_SERVER_ERROR", True),
        (500, "UNKNOWN", "PROVIDER_SERVER_ERROR", True),
        (501, "UNIMPLEMENTED", "PROVIDER_REJECTED_REQUEST", False),
        (502, "", "PROVIDER_SERVER_ERROR", True),
        (503, "UNAVAILABLE", "PROVIDER_OVERLOADED", True),
        (503, "", "PROVIDER_OVERLOADED", True),
        (504, "DEADLINE_EXCEEDED", "PROVIDER_SERVER_ERROR", True),
        (418, "A_NEW_WORD", "PROVIDER_REJECTED_REQUEST", False),
        (302, "", "PROVIDER_PROTOCOL_ERROR", True),
    ],
)
def test_each_status_has_its_reason(status: int, word: str, reason: str, retryable: bool) -> None:
    error = failed(status, word)
    assert (error.reason.name, error.retryable) == (reason, retryable)
    assert (error.upstream_status, error.retry_after_s) == (status, None)


def test_an_unknown_model_is_the_callers_to_name_again() -> None:
    error = failed(404, "NOT_FOUND", detail("RequestInfo", requestId="r9"))
    assert isinstance(error, ModelUnknown)
    assert (error.upstream_status, error.upstream_request_id) == (404, "r9")
    assert not error.before_upstream


def test_an_address_that_is_not_there_is_no_unknown_model() -> None:
    error = CODEC.failure(call(), ResponseHead(404, {}), b"<html>Not Found</html>")
    assert error.reason is ErrorReason.PROVIDER_REJECTED_REQUEST
    assert error.message == "the provider answered with status 404"


@pytest.mark.parametrize(
    ("exact", "reason"),
    [
        ("API_KEY_INVALID", "PROVIDER_AUTH_FAILED"),
        ("SERVICE_DISABLED", "PROVIDER_AUTH_FAILED"),
        ("BILLING_DISABLED", "PROVIDER_BILLING"),
        ("SOMETHING_ELSE", "PROVIDER_REJECTED_REQUEST"),
    ],
)
def test_an_exact_detail_wins_over_the_status(exact: str, reason: str) -> None:
    error = failed(400, "INVALID_ARGUMENT", detail("ErrorInfo", reason=exact))
    assert error.reason.name == reason


def test_a_refused_key_is_told_without_details() -> None:
    error = failed(403, "PERMISSION_DENIED", message="project 12345 of key AIzaSy is suspended")
    assert error.message == "the provider refused the service's credential"


@pytest.mark.parametrize(
    "asked",
    [
        call(user("see", Media(file_id="files/gone"))),
        call(user("see", Media(uri="gs://bucket/gone"))),
        call(user("hi"), model(called()), tool(gave("c1", Media(file_id="gone")))),
        call(provider_options={"gemini": {"cachedContent": "cachedContents/gone"}}),
    ],
)
def test_a_refused_permission_may_be_about_what_the_caller_named(asked: ChatCall) -> None:
    error = failed(
        403,
        "PERMISSION_DENIED",
        message="CachedContent not found (or permission denied)",
        asked=asked,
    )
    assert error.reason is ErrorReason.PROVIDER_REJECTED_REQUEST
    assert error.message == "CachedContent not found (or permission denied)"


def test_bytes_in_the_request_name_nothing_at_google() -> None:
    asked = call(user("see", Media(mime_type="image/png", data=b"x")))
    error = failed(403, "PERMISSION_DENIED", asked=asked)
    assert error.reason is ErrorReason.PROVIDER_AUTH_FAILED


@pytest.mark.parametrize(
    ("delay", "wait_s"),
    [
        ("34.4s", 34.4),
        ("0s", 0.0),
        ("34.074824224s", 34.074824224),
        ("-5s", 0.0),
        ("999999999s", 86_400.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_the_body_says_when_to_come_back(delay: str, wait_s: float | None) -> None:
    error = failed(429, "RESOURCE_EXHAUSTED", detail("RetryInfo", retryDelay=delay))
    assert error.retry_after_s == wait_s


def test_a_header_wins_over_the_body() -> None:
    info = detail("RetryInfo", retryDelay="30s")
    assert failed(503, "UNAVAILABLE", info, retry_after="7").retry_after_s == 7.0
    assert failed(503, "UNAVAILABLE", info, retry_after_ms="250").retry_after_s == 0.25


def test_a_quota_of_the_day_is_used_up_and_no_short_delay_helps() -> None:
    quota = detail("QuotaFailure", violations=[{"quotaId": "RequestsPerDayPerProject"}])
    error = failed(429, "RESOURCE_EXHAUSTED", quota, detail("RetryInfo", retryDelay="3s"))
    assert error.reason is ErrorReason.PROVIDER_BILLING
    assert (error.retryable, error.retry_after_s) == (False, None)


def test_a_quota_of_the_minute_comes_back() -> None:
    quota = detail("QuotaFailure", violations=[{"quotaId": "RequestsPerMinutePerProject"}, {}, 7])
    error = failed(429, "RESOURCE_EXHAUSTED", quota, detail("RetryInfo", retryDelay="3s"))
    assert error.reason is ErrorReason.PROVIDER_RATE_LIMITED
    assert (error.retryable, error.retry_after_s) == (True, 3.0)


def test_no_delay_is_told_where_trying_again_is_useless() -> None:
    assert failed(400, "INVALID_ARGUMENT", retry_after="5").retry_after_s is None


def test_a_long_message_is_cut() -> None:
    assert len(failed(400, "INVALID_ARGUMENT", message="x" * 9_999).message) == MAX_MESSAGE


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b"[1]", b'{"error": "plain"}', b'{"error": {"code": "x"}}']
)
def test_an_odd_body_still_has_the_status(body: bytes) -> None:
    error = CODEC.failure(call(), ResponseHead(503, {}), body)
    assert error.reason is ErrorReason.PROVIDER_OVERLOADED
    assert error.message == "the provider answered with status 503"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": 503}, ErrorReason.PROVIDER_OVERLOADED),
        ({"message": "?"}, ErrorReason.PROVIDER_SERVER_ERROR),
        ("plain", ErrorReason.PROVIDER_SERVER_ERROR),
    ],
)
def test_an_error_inside_a_good_answer_counts_by_its_own_words(
    error: Any, reason: ErrorReason
) -> None:
    body = json.dumps({"error": error}).encode()
    with pytest.raises(ChatError) as caught:
        CODEC.whole(call(), ResponseHead(200, {}), body)
    assert caught.value.reason is reason
    assert caught.value.upstream_status == 200
