"""Error answers, as values: reason, whether to try again, and when.

An exact detail wins over Google's status word, and that over the HTTP status; messages are never
searched. Our credential's refusal is told without details: they name our project.

Decisions: a quota that is counted by the day is used up (`PROVIDER_BILLING`, not retryable), whatever
short delay Google suggests beside it. A refused permission is about the caller's own file or cached
content where the request names one, since Google says the same of those that do not exist; else it is
about our key.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting, google/rpc/error_details.proto,
google/rpc/code.proto
"""

from collections.abc import Mapping
from typing import Any

import attrs

from adapters.wire.codec import ResponseHead
from adapters.wire.failures import bounded_wait_s, presentable, retry_after_s
from adapters.wire.lookup import integer_in, json_of, object_in, objects_in, text_in
from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Media, ToolResult
from domain.model.errors import RETRYABLE, ChatError, ErrorReason, ModelUnknown, ProviderFailure

# `reason` of a google.rpc.ErrorInfo.
_EXACT: Mapping[str, ErrorReason] = {
    "API_KEY_INVALID": ErrorReason.PROVIDER_AUTH_FAILED,
    "API_KEY_SERVICE_BLOCKED": ErrorReason.PROVIDER_AUTH_FAILED,
    "API_KEY_HTTP_REFERRER_BLOCKED": ErrorReason.PROVIDER_AUTH_FAILED,
    "API_KEY_IP_ADDRESS_BLOCKED": ErrorReason.PROVIDER_AUTH_FAILED,
    "CONSUMER_INVALID": ErrorReason.PROVIDER_AUTH_FAILED,
    "CONSUMER_SUSPENDED": ErrorReason.PROVIDER_AUTH_FAILED,
    "SERVICE_DISABLED": ErrorReason.PROVIDER_AUTH_FAILED,
    "BILLING_DISABLED": ErrorReason.PROVIDER_BILLING,
}
_WORDS: Mapping[str, ErrorReason] = {
    "INVALID_ARGUMENT": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "FAILED_PRECONDITION": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "OUT_OF_RANGE": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "UNIMPLEMENTED": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "UNAUTHENTICATED": ErrorReason.PROVIDER_AUTH_FAILED,
    "PERMISSION_DENIED": ErrorReason.PROVIDER_AUTH_FAILED,
    "NOT_FOUND": ErrorReason.CALLER_MODEL_UNKNOWN,
    "RESOURCE_EXHAUSTED": ErrorReason.PROVIDER_RATE_LIMITED,
    "ABORTED": ErrorReason.PROVIDER_SERVER_ERROR,
    "CANCELLED": ErrorReason.PROVIDER_SERVER_ERROR,
    "DATA_LOSS": ErrorReason.PROVIDER_SERVER_ERROR,
    "DEADLINE_EXCEEDED": ErrorReason.PROVIDER_SERVER_ERROR,
    "INTERNAL": ErrorReason.PROVIDER_SERVER_ERROR,
    "UNKNOWN": ErrorReason.PROVIDER_SERVER_ERROR,
    "UNAVAILABLE": ErrorReason.PROVIDER_OVERLOADED,
}
_STATUSES: Mapping[int, ErrorReason] = {
    401: ErrorReason.PROVIDER_AUTH_FAILED,
    402: ErrorReason.PROVIDER_BILLING,
    403: ErrorReason.PROVIDER_AUTH_FAILED,
    408: ErrorReason.PROVIDER_SERVER_ERROR,
    429: ErrorReason.PROVIDER_RATE_LIMITED,
    499: ErrorReason.PROVIDER_SERVER_ERROR,
    503: ErrorReason.PROVIDER_OVERLOADED,
}
# By hundreds, for statuses that are not in the table.
_CLASSES: Mapping[int, ErrorReason] = {
    4: ErrorReason.PROVIDER_REJECTED_REQUEST,
    5: ErrorReason.PROVIDER_SERVER_ERROR,
}
# Where the details are ours or our account's, and not for the caller.
_DISCREET: Mapping[ErrorReason, str] = {
    ErrorReason.PROVIDER_AUTH_FAILED: "the provider refused the service's credential",
}
_PER_DAY = "PerDay"


@attrs.frozen
class _Said:
    """What an error object says.

    Attributes:
        word: Google's name of the status.
        code: The status as the body has it; ``None``: it does not say.
        exact: From the details; ``None``: nothing that is in the tables.
        delay_s: How long to wait, in seconds; ``None``: it does not say.
    """

    message: str
    word: str
    code: int | None
    exact: ErrorReason | None
    delay_s: float | None
    request_id: str


def failure_of_status(call: ChatCall, name: str, head: ResponseHead, body: bytes) -> ChatError:
    """Return what an answer with an error status means; `name` is the provider's."""
    return failure_in(json_of(body), call, name, head, head.status)


def failure_in(
    value: Any, call: ChatCall, name: str, head: ResponseHead, status: int | None = None
) -> ChatError:
    """Return what `value`, a body or a chunk that holds an error, means.

    `status` is the whole answer's, where that is an error; inside a good one the error's own counts.
    """
    return failure_about(value, names_files(call.request, name), head, status)


def failure_about(
    value: Any, files: bool, head: ResponseHead, status: int | None = None
) -> ChatError:
    """Return what `value` means, as `failure_in`; `files` is whether the request names what Google keeps."""
    said = _said(value)
    reason = _reason(said, files, status)
    message = _DISCREET.get(reason) or presentable(
        said.message or f"the provider answered with status {said.code or status or head.status}"
    )
    if reason is ErrorReason.CALLER_MODEL_UNKNOWN:
        return ModelUnknown(
            message, upstream_status=head.status, upstream_request_id=said.request_id
        )
    retryable = reason in RETRYABLE
    asked_s = retry_after_s(head.headers)
    return ProviderFailure(
        message,
        reason,
        retry_after_s=(said.delay_s if asked_s is None else asked_s) if retryable else None,
        upstream_status=head.status,
        upstream_request_id=said.request_id,
    )


def names_files(request: ChatRequest, name: str) -> bool:
    """Return whether `request` names something that is kept at Google: a file or a cached content."""
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ToolResult) for inner in part.content]
    kept = any(isinstance(part, Media) and part.data is None for part in parts)
    return kept or "cachedContent" in request.provider_options.get(name, {})


def _reason(said: _Said, files: bool, status: int | None) -> ErrorReason:
    if said.exact is not None:
        return said.exact
    if files and said.word == "PERMISSION_DENIED":
        return ErrorReason.PROVIDER_REJECTED_REQUEST
    if said.word in _WORDS:
        return _WORDS[said.word]
    number = status or said.code or 500
    # Without Google's words it is the address that is wrong, and not the model.
    if number == 404 and said.message:
        return ErrorReason.CALLER_MODEL_UNKNOWN
    return _STATUSES.get(number) or _CLASSES.get(number // 100, ErrorReason.PROVIDER_PROTOCOL_ERROR)


def _said(value: Any) -> _Said:
    # In array mode the object is in a list.
    error = object_in(value[0] if isinstance(value, list) and value else value, "error")
    details = {_kind(each): each for each in objects_in(error, "details")}
    violations = objects_in(details.get("QuotaFailure"), "violations")
    exact = _EXACT.get(text_in(details.get("ErrorInfo"), "reason"))
    if any(_PER_DAY in text_in(each, "quotaId") for each in violations):
        exact = ErrorReason.PROVIDER_BILLING
    return _Said(
        message=text_in(error, "message"),
        word=text_in(error, "status"),
        code=integer_in(error, "code"),
        exact=exact,
        delay_s=_delay_s(text_in(details.get("RetryInfo"), "retryDelay")),
        request_id=text_in(details.get("RequestInfo"), "requestId"),
    )


def _kind(detail: Any) -> str:
    """Return the last word of the detail's type, ``type.googleapis.com/google.rpc.RetryInfo`` for example."""
    return text_in(detail, "@type").rpartition(".")[2]


def _delay_s(text: str) -> float | None:
    """Return a protobuf duration in JSON, ``34.4s`` for example, in seconds."""
    try:
        return bounded_wait_s(float(text.removesuffix("s")))
    except ValueError:
        return None
