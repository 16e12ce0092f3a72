"""Domain errors in gRPC's words: a status code, a message, and google.rpc details.

Law: whatever is wrong, the trailers stay below 8 KiB. Clients refuse longer ones, and then see a failure of
the connection instead of ours.

Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html, google/rpc/error_details.proto
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TypeVar

import attrs
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus
from purerpc import StatusCode

from domain.model.errors import ChatError, ErrorReason, InvalidRequest, LimitExceeded
from domain.model.usage import Attempt, total
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.answers import attempt_pb, counts_pb, duration_pb
from entrypoints.grpc.transport.dispatch import CallStatus

DOMAIN = "llmservice"
M = TypeVar("M", bound=Message)

CODES: Mapping[ErrorReason, StatusCode] = {
    ErrorReason.CALLER_INVALID_REQUEST: StatusCode.INVALID_ARGUMENT,
    ErrorReason.CALLER_MODEL_UNKNOWN: StatusCode.NOT_FOUND,
    ErrorReason.CALLER_CANCELLED: StatusCode.CANCELLED,
    ErrorReason.CALLER_DEADLINE: StatusCode.DEADLINE_EXCEEDED,
    ErrorReason.CALLER_IDEMPOTENCY_CONFLICT: StatusCode.ALREADY_EXISTS,
    ErrorReason.POLICY_UNAUTHENTICATED: StatusCode.UNAUTHENTICATED,
    ErrorReason.POLICY_ACCESS_DENIED: StatusCode.PERMISSION_DENIED,
    ErrorReason.POLICY_RATE_LIMITED: StatusCode.RESOURCE_EXHAUSTED,
    ErrorReason.POLICY_CONCURRENCY_LIMITED: StatusCode.RESOURCE_EXHAUSTED,
    ErrorReason.POLICY_BUDGET_EXCEEDED: StatusCode.RESOURCE_EXHAUSTED,
    ErrorReason.PROVIDER_NOT_CONFIGURED: StatusCode.FAILED_PRECONDITION,
    # Our key is bad, not the caller's: UNAUTHENTICATED would blame the caller.
    ErrorReason.PROVIDER_AUTH_FAILED: StatusCode.INTERNAL,
    ErrorReason.PROVIDER_BILLING: StatusCode.FAILED_PRECONDITION,
    ErrorReason.PROVIDER_RATE_LIMITED: StatusCode.RESOURCE_EXHAUSTED,
    ErrorReason.PROVIDER_OVERLOADED: StatusCode.UNAVAILABLE,
    ErrorReason.PROVIDER_SERVER_ERROR: StatusCode.UNAVAILABLE,
    ErrorReason.PROVIDER_CONNECTION_FAILED: StatusCode.UNAVAILABLE,
    ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN: StatusCode.UNAVAILABLE,
    ErrorReason.PROVIDER_TIMEOUT_IDLE: StatusCode.UNAVAILABLE,
    ErrorReason.PROVIDER_STREAM_TRUNCATED: StatusCode.UNAVAILABLE,
    ErrorReason.PROVIDER_PROTOCOL_ERROR: StatusCode.UNAVAILABLE,
    ErrorReason.PROVIDER_CONTENT_BLOCKED: StatusCode.FAILED_PRECONDITION,
    ErrorReason.PROVIDER_REJECTED_REQUEST: StatusCode.INVALID_ARGUMENT,
    ErrorReason.SERVICE_OVERLOADED: StatusCode.UNAVAILABLE,
    ErrorReason.SERVICE_DRAINING: StatusCode.UNAVAILABLE,
    ErrorReason.SERVICE_INTERNAL: StatusCode.INTERNAL,
}

# What these failures say in detail is for us, not for the caller.
_KEPT_INSIDE: Mapping[ErrorReason, str] = {
    ErrorReason.SERVICE_INTERNAL: "internal error",
    ErrorReason.PROVIDER_AUTH_FAILED: "the provider refused the service's credentials",
}

# The message is sent twice: percent-encoded, which may triple it, and in the details, which base64 makes
# a third longer.
_MAX_MESSAGE_BYTES = 512
_MAX_NAME_BYTES = 256
_MAX_VIOLATIONS_BYTES = 1536
# Of all details together; beside them there is the message, once more.
_MAX_DETAILS_BYTES = 4096
_OF_THE_USAGE_BYTES = 256


@attrs.frozen(kw_only=True)
class Failure:
    """A failed call, ready to be told.

    Attributes:
        request_id: So that the caller can ask about it.
        provider: Empty where none was chosen.
        attempts: What was tried, oldest first.
    """

    error: ChatError
    request_id: str = ""
    provider: str = ""
    model: str = ""
    attempts: Sequence[Attempt] = ()


def status_of(failure: Failure) -> CallStatus:
    """Return how `failure` is told to the caller."""
    error = failure.error
    code = CODES[error.reason]
    message = _cut(_KEPT_INSIDE.get(error.reason, error.message), _MAX_MESSAGE_BYTES)
    status = RpcStatus(
        code=code.value, message=message, details=[_packed(each) for each in _details(failure)]
    )
    return CallStatus(code, message, status.SerializeToString(), error.reason.name)


def refused(code: StatusCode, message: str, request_id: str) -> CallStatus:
    """Return how a request is told off that no handler has seen: its caller broke the protocol.

    The code is the one that gRPC has for it, the reason that the caller is at fault: what is malformed,
    too long or compressed unreadably, and a method or service that is not there.
    """
    info = ErrorInfo(
        reason=ErrorReason.CALLER_INVALID_REQUEST.name,
        domain=DOMAIN,
        metadata={"request_id": request_id},
    )
    message = _cut(message, _MAX_MESSAGE_BYTES)
    status = RpcStatus(code=code.value, message=message, details=[_packed(info)])
    return CallStatus(code, message, status.SerializeToString(), info.reason)


def _details(failure: Failure) -> list[Message]:
    error = failure.error
    known = {"provider": failure.provider, "model": failure.model, "request_id": failure.request_id}
    details: list[Message] = [
        ErrorInfo(
            reason=error.reason.name,
            domain=DOMAIN,
            metadata={name: _cut(value, _MAX_NAME_BYTES) for name, value in known.items() if value},
        )
    ]
    # A budget is no reason to try again now, and yet one knows when it comes back.
    worth = error.retryable or isinstance(error, LimitExceeded)
    if worth and error.retry_after_s is not None:
        details.append(RetryInfo(retry_delay=duration_pb(error.retry_after_s)))
    if isinstance(error, InvalidRequest):
        violations = [
            BadRequest.FieldViolation(
                field=_cut(each.field, _MAX_NAME_BYTES),
                description=_cut(each.description, _MAX_NAME_BYTES),
            )
            for each in error.violations
        ]
        details.append(BadRequest(field_violations=_fitting(violations, _MAX_VIOLATIONS_BYTES)))
    if isinstance(error, LimitExceeded):
        exceeded = [
            QuotaFailure.Violation(
                subject=_cut(each.subject, _MAX_NAME_BYTES),
                description=_cut(each.description, _MAX_NAME_BYTES),
            )
            for each in error.violations
        ]
        details.append(QuotaFailure(violations=_fitting(exceeded, _MAX_VIOLATIONS_BYTES)))
    if failure.attempts:
        details.append(_spent(failure.attempts, details))
    return details


def _spent(attempts: Sequence[Attempt], details: Sequence[Message]) -> pb.FailureUsage:
    """Return all that was tried and what it came to; what does not fit beside `details` is counted there."""
    left = _MAX_DETAILS_BYTES - _OF_THE_USAGE_BYTES - sum(each.ByteSize() for each in details)
    latest = _fitting((attempt_pb(each) for each in reversed(attempts)), left)
    untold = len(attempts) - len(latest)
    info = details[0]
    if untold and isinstance(info, ErrorInfo):
        info.metadata["attempts_left_out"] = str(untold)
    return pb.FailureUsage(
        usage=counts_pb(total(each.usage for each in attempts)), attempts=reversed(latest)
    )


def _fitting(messages: Iterable[M], most: int) -> list[M]:
    """Return the first `messages`, up to `most` bytes as part of another."""
    told = list(messages)
    sizes = accumulate(message.ByteSize() + 3 for message in told)
    return [message for message, size in zip(told, sizes, strict=True) if size <= most]


def _cut(text: str, most: int) -> str:
    """Return `text` in at most `most` bytes; what is no UTF-8 is replaced."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= most:
        return encoded.decode()
    return encoded[: most - 3].decode(errors="ignore") + "…"


def _packed(message: Message) -> PbAny:
    packed = PbAny()
    packed.Pack(message)
    return packed
