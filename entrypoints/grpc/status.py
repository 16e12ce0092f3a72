"""Domain errors in gRPC's words: a status code, a message, and google.rpc details.

Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html, google/rpc/error_details.proto
"""

from collections.abc import Mapping, Sequence

import attrs
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus
from purerpc import StatusCode

from domain.model.errors import ChatError, ErrorReason, InvalidRequest
from domain.model.usage import Attempt
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.answers import attempt_pb, duration_pb, usage_pb
from entrypoints.grpc.transport.dispatch import CallStatus

DOMAIN = "llmservice"

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
    message = _KEPT_INSIDE.get(error.reason, error.message)
    status = RpcStatus(
        code=code.value, message=message, details=[_packed(each) for each in _details(failure)]
    )
    return CallStatus(code, message, status.SerializeToString())


def _details(failure: Failure) -> list[Message]:
    error = failure.error
    known = {"provider": failure.provider, "model": failure.model, "request_id": failure.request_id}
    details: list[Message] = [
        ErrorInfo(
            reason=error.reason.name,
            domain=DOMAIN,
            metadata={name: value for name, value in known.items() if value},
        )
    ]
    if error.retryable and error.retry_after_s is not None:
        details.append(RetryInfo(retry_delay=duration_pb(error.retry_after_s)))
    if isinstance(error, InvalidRequest):
        details.append(
            BadRequest(
                field_violations=[
                    BadRequest.FieldViolation(field=each.field, description=each.description)
                    for each in error.violations
                ]
            )
        )
    if failure.attempts:
        last = failure.attempts[-1]
        details.append(
            pb.FailureUsage(
                usage=usage_pb(last.usage), attempts=[attempt_pb(each) for each in failure.attempts]
            )
        )
    return details


def _packed(message: Message) -> PbAny:
    packed = PbAny()
    packed.Pack(message)
    return packed
