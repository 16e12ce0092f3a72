"""Error answers, as values: reason, whether to try again, and when.

Laws: a word that is exact wins over the status; a status wins over a word that stands on errors of every
kind; the message counts only where Anthropic documents its wording as the one sign of an empty account. Our
credential's refusal is told without details.

Source: https://platform.claude.com/docs/en/api/errors, .../api/rate-limits
"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from adapters.wire.codec import ResponseHead
from adapters.wire.failures import bounded_wait_s, presentable, retry_after_s
from adapters.wire.lookup import json_of, object_in, text_in
from domain.model.errors import RETRYABLE, ChatError, ErrorReason, ModelUnknown, ProviderFailure
from domain.model.json_value import JsonObject

REQUEST_ID = "request-id"
"""The header with Anthropic's name for the request."""

_WORDS: Mapping[str, ErrorReason] = {
    "enforced_spend_limit_reached": ErrorReason.PROVIDER_BILLING,
    "billing_error": ErrorReason.PROVIDER_BILLING,
    "authentication_error": ErrorReason.PROVIDER_AUTH_FAILED,
    "permission_error": ErrorReason.PROVIDER_AUTH_FAILED,
    "not_found_error": ErrorReason.CALLER_MODEL_UNKNOWN,
    "request_too_large": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "rate_limit_error": ErrorReason.PROVIDER_RATE_LIMITED,
    "overloaded_error": ErrorReason.PROVIDER_OVERLOADED,
    "timeout_error": ErrorReason.PROVIDER_SERVER_ERROR,
    "conflict_error": ErrorReason.PROVIDER_SERVER_ERROR,
}
# Used only where there is no status to go by: they stand on errors of every kind.
_VAGUE_WORDS: Mapping[str, ErrorReason] = {
    "invalid_request_error": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "api_error": ErrorReason.PROVIDER_SERVER_ERROR,
}
_STATUSES: Mapping[int, ErrorReason] = {
    401: ErrorReason.PROVIDER_AUTH_FAILED,
    402: ErrorReason.PROVIDER_BILLING,
    403: ErrorReason.PROVIDER_AUTH_FAILED,
    404: ErrorReason.CALLER_MODEL_UNKNOWN,
    408: ErrorReason.PROVIDER_SERVER_ERROR,
    409: ErrorReason.PROVIDER_SERVER_ERROR,
    429: ErrorReason.PROVIDER_RATE_LIMITED,
    503: ErrorReason.PROVIDER_OVERLOADED,
    529: ErrorReason.PROVIDER_OVERLOADED,
}
# By hundreds, for statuses that are not in the table.
_CLASSES: Mapping[int, ErrorReason] = {
    4: ErrorReason.PROVIDER_REJECTED_REQUEST,
    5: ErrorReason.PROVIDER_SERVER_ERROR,
}
# An account without money, or at its own limit, is a 400 of the vaguest type.
_BILLING_OPENINGS = (
    "You have reached your specified API usage limits",
    "You have reached your specified workspace API usage limits",
    "Your credit balance is too low",
)
_SHOULD_RETRY: Mapping[str, bool] = {"true": True, "false": False}
_DISCREET: Mapping[ErrorReason, str] = {
    ErrorReason.PROVIDER_AUTH_FAILED: "the provider refused the service's credential",
}
_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")


def failure_of_status(head: ResponseHead, body: bytes) -> ChatError:
    """Return what an answer with an error status means."""
    value = json_of(body)
    if isinstance(value, dict):
        return _failure(head, value, head.status)
    text = body.decode(errors="replace").strip()
    # What is made for browsers comes from a proxy on the way and says nothing to a caller.
    plain = {} if text.startswith("<") else {"error": {"message": text}}
    return _failure(head, plain, head.status)


def failure_in_answer(head: ResponseHead, value: JsonObject) -> ChatError:
    """Return what `value`, an error inside an answer that had begun well, means."""
    return _failure(head, value, None)


def _failure(head: ResponseHead, value: JsonObject, status: int | None) -> ChatError:
    error = object_in(value, "error")
    words = (text_in(error, "details", "error_code"), text_in(error, "type"))
    said = text_in(error, "message") or text_in(value, "message")
    reason = _reason(words, said, status)
    message = _DISCREET.get(reason) or presentable(
        said or next(filter(None, words), f"the provider answered with status {head.status}")
    )
    request_id = head.headers.get(REQUEST_ID) or text_in(value, "request_id")
    if reason is ErrorReason.CALLER_MODEL_UNKNOWN:
        return ModelUnknown(message, upstream_status=head.status, upstream_request_id=request_id)
    retryable = reason in RETRYABLE
    if reason is not ErrorReason.PROVIDER_BILLING:
        retryable = _SHOULD_RETRY.get(head.headers.get("x-should-retry", ""), retryable)
    return ProviderFailure(
        message,
        reason,
        retryable=retryable,
        retry_after_s=_wait_s(head, reason) if retryable else None,
        upstream_status=head.status,
        upstream_request_id=request_id,
    )


def _reason(words: tuple[str, ...], said: str, status: int | None) -> ErrorReason:
    for word in words:
        exact = _WORDS.get(word)
        if exact is not None:
            return exact
    if said.startswith(_BILLING_OPENINGS):
        return ErrorReason.PROVIDER_BILLING
    if status is None:
        return _VAGUE_WORDS.get(words[-1], ErrorReason.PROVIDER_SERVER_ERROR)
    return _STATUSES.get(status) or _CLASSES.get(status // 100, ErrorReason.PROVIDER_PROTOCOL_ERROR)


def _wait_s(head: ResponseHead, reason: ErrorReason) -> float | None:
    """Return how long to wait, in seconds; None: nobody says."""
    asked_s = retry_after_s(head.headers)
    if asked_s is not None or reason is not ErrorReason.PROVIDER_RATE_LIMITED:
        return asked_s
    resets_s = [
        reset_s
        for limit in _LIMITS
        if head.headers.get(f"anthropic-ratelimit-{limit}-remaining") == "0"
        and (reset_s := _reset_s(head, limit)) is not None
    ]
    return max(resets_s, default=None)


def _reset_s(head: ResponseHead, limit: str) -> float | None:
    """Return when `limit` is full again, in seconds from the answer's own time."""
    try:
        at = datetime.fromisoformat(head.headers[f"anthropic-ratelimit-{limit}-reset"])
        now = parsedate_to_datetime(head.headers["date"])
        return bounded_wait_s((at - now).total_seconds())
    # No such header, no date in it, or one without a time zone.
    except (KeyError, ValueError, TypeError):
        return None
