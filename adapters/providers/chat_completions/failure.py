"""Error answers, as values: reason, whether to try again, and when.

The provider's word (code, then type) wins over the status where it is more exact; a status wins over a
word that says little; messages are never searched. Our credential's refusal is told without details:
providers put parts of keys and the names of accounts into them.

Source: https://platform.openai.com/docs/guides/error-codes
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from adapters.providers.chat_completions.dialect import Dialect
from adapters.wire.codec import ResponseHead
from adapters.wire.failures import bounded_wait_s, presentable, retry_after_s
from adapters.wire.lookup import integer_in, json_of, object_in, objects_in, text_in
from domain.model.errors import RETRYABLE, ChatError, ErrorReason, ModelUnknown, ProviderFailure
from domain.model.json_value import JsonObject

_WORDS: Mapping[str, ErrorReason] = {
    "insufficient_quota": ErrorReason.PROVIDER_BILLING,
    "credit_balance_exhausted": ErrorReason.PROVIDER_BILLING,
    "organization_spend_limit_exceeded": ErrorReason.PROVIDER_BILLING,
    "project_spend_limit_exceeded": ErrorReason.PROVIDER_BILLING,
    "organization_usage_limit_exceeded": ErrorReason.PROVIDER_BILLING,
    "billing_hard_limit_reached": ErrorReason.PROVIDER_BILLING,
    "billing_not_active": ErrorReason.PROVIDER_BILLING,
    "invalid_api_key": ErrorReason.PROVIDER_AUTH_FAILED,
    "authentication_error": ErrorReason.PROVIDER_AUTH_FAILED,
    "permission_error": ErrorReason.PROVIDER_AUTH_FAILED,
    "model_not_found": ErrorReason.CALLER_MODEL_UNKNOWN,
    "content_filter": ErrorReason.PROVIDER_CONTENT_BLOCKED,
    "content_policy_violation": ErrorReason.PROVIDER_CONTENT_BLOCKED,
    "moderation_blocked": ErrorReason.PROVIDER_CONTENT_BLOCKED,
    "context_length_exceeded": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "exceed_context_size_error": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "rate_limit_exceeded": ErrorReason.PROVIDER_RATE_LIMITED,
    "rate_limit_error": ErrorReason.PROVIDER_RATE_LIMITED,
    "slow_down": ErrorReason.PROVIDER_RATE_LIMITED,
    "server_is_overloaded": ErrorReason.PROVIDER_OVERLOADED,
    "service_unavailable_error": ErrorReason.PROVIDER_OVERLOADED,
    "overloaded_error": ErrorReason.PROVIDER_OVERLOADED,
}
_STATUSES: Mapping[int, ErrorReason] = {
    400: ErrorReason.PROVIDER_REJECTED_REQUEST,
    401: ErrorReason.PROVIDER_AUTH_FAILED,
    402: ErrorReason.PROVIDER_BILLING,
    403: ErrorReason.PROVIDER_AUTH_FAILED,
    408: ErrorReason.PROVIDER_SERVER_ERROR,
    409: ErrorReason.PROVIDER_SERVER_ERROR,
    413: ErrorReason.PROVIDER_REJECTED_REQUEST,
    422: ErrorReason.PROVIDER_REJECTED_REQUEST,
    429: ErrorReason.PROVIDER_RATE_LIMITED,
    503: ErrorReason.PROVIDER_OVERLOADED,
    529: ErrorReason.PROVIDER_OVERLOADED,
}
# By hundreds, for statuses that are not in the table.
_CLASSES: Mapping[int, ErrorReason] = {
    4: ErrorReason.PROVIDER_REJECTED_REQUEST,
    5: ErrorReason.PROVIDER_SERVER_ERROR,
}
# Used only where there is no status to go by: they stand on errors of every kind.
_VAGUE_WORDS: Mapping[str, ErrorReason] = {
    "invalid_request_error": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "BadRequestError": ErrorReason.PROVIDER_REJECTED_REQUEST,
}
# A 404 that is about the model, and not about an address that is not there.
_NO_MODEL = frozenset({"not_found_error", "NotFoundError", "NOT_FOUND", "404"})
_SHOULD_RETRY: Mapping[str, bool] = {"true": True, "false": False}
# Where the details are ours or our account's, and not for the caller.
_DISCREET: Mapping[ErrorReason, str] = {
    ErrorReason.PROVIDER_AUTH_FAILED: "the provider refused the service's credential",
}


@attrs.frozen
class _Said:
    """What an error body says; recorded shapes differ in everything but the idea.

    Attributes:
        words: Code and type, the more exact one first.
        status: A status inside the body; ``None``: none.
    """

    message: str = ""
    words: Sequence[str] = ()
    status: int | None = None
    retryable: bool | None = None
    retry_after_s: float | None = None


def failure_of_status(dialect: Dialect, head: ResponseHead, body: bytes) -> ChatError:
    """Return what an answer with an error status means."""
    value = json_of(body)
    said = _said(value) if isinstance(value, dict | list) else _Said(_plain(body))
    return _failure(dialect, head, said, head.status)


def failure_in_answer(dialect: Dialect, head: ResponseHead, value: Any) -> ChatError:
    """Return what `value`, an object that holds an error inside a good answer, means."""
    said = _said(value)
    request_id = text_in(value, dialect.request_id_field)
    return _failure(dialect, head, said, said.status, request_id)


def _failure(
    dialect: Dialect, head: ResponseHead, said: _Said, status: int | None, request_id: str = ""
) -> ChatError:
    reason = _reason(dialect, said, status)
    message = _DISCREET.get(reason) or presentable(
        said.message or f"the provider answered with status {status or head.status}"
    )
    request_id = head.headers.get(dialect.request_id_header) or request_id
    if reason is ErrorReason.CALLER_MODEL_UNKNOWN:
        return ModelUnknown(message, upstream_status=head.status, upstream_request_id=request_id)
    usual = reason in RETRYABLE if said.retryable is None else said.retryable
    retryable = _SHOULD_RETRY.get(head.headers.get("x-should-retry", ""), usual)
    wait_s = retry_after_s(head.headers)
    return ProviderFailure(
        message,
        reason,
        retryable=retryable,
        retry_after_s=(said.retry_after_s if wait_s is None else wait_s) if retryable else None,
        upstream_status=head.status,
        upstream_request_id=request_id,
    )


def _reason(dialect: Dialect, said: _Said, status: int | None) -> ErrorReason:
    for word in said.words:
        exact = dialect.failure_words.get(word) or _WORDS.get(word)
        if exact is not None:
            return exact
    if status is None:
        vague = (_VAGUE_WORDS.get(word) for word in said.words)
        return next((reason for reason in vague if reason), ErrorReason.PROVIDER_SERVER_ERROR)
    if status == 404 and not _NO_MODEL.isdisjoint(said.words):
        return ErrorReason.CALLER_MODEL_UNKNOWN
    return (
        dialect.failure_statuses.get(status)
        or _STATUSES.get(status)
        or _CLASSES.get(status // 100, ErrorReason.PROVIDER_PROTOCOL_ERROR)
    )


def _said(value: Any) -> _Said:
    # Some gateways wrap the object into a list.
    if isinstance(value, list):
        value = value[0] if value else None
    error = object_in(value, "error")
    # A string in place of the object, or no envelope at all: what else there is stands beside it.
    source = error or value
    code, status = text_in(source, "code"), integer_in(source, "code")
    words = (
        code or str(status or ""),
        *(text_in(source, key) for key in ("type", "error_type", "status")),
        text_in(source, "metadata", "error_type"),
    )
    numbers = (status, *(integer_in(source, key) for key in ("status_code", "http_status")))
    availability = object_in(source, "availability")
    wait_s, retryable = availability.get("retry_after"), availability.get("retryable")
    return _Said(
        message=_told(error)
        or text_in(value, "error")
        or text_in(value, "message")
        or text_in(value, "detail")
        or _listed(value)
        or _listed(object_in(value, "message")),
        words=tuple(word for word in words if word),
        status=next((number for number in numbers if number and 400 <= number < 600), None),
        retryable=retryable if isinstance(retryable, bool) else None,
        retry_after_s=bounded_wait_s(wait_s) if isinstance(wait_s, int | float) else None,
    )


def _told(error: JsonObject) -> str:
    """Return the message; OpenRouter has the answering provider's own words beside it."""
    message, raw = text_in(error, "message"), text_in(error, "metadata", "raw")
    return f"{message}: {raw}" if raw else message


def _listed(value: object) -> str:
    """Return the problems in the list that servers made with FastAPI give."""
    return "; ".join(
        f"{_location(each.get('loc'))}{text_in(each, 'msg')}"
        for each in objects_in(value, "detail")
    )


def _location(steps: object) -> str:
    return ".".join(str(step) for step in steps) + ": " if isinstance(steps, list) else ""


def _plain(body: bytes) -> str:
    """Return a body that is not JSON as a message; empty for a page made for browsers."""
    text = body.decode(errors="replace").strip()
    return "" if text.startswith("<") else text
