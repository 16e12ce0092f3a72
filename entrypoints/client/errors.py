"""How a call failed, with all that the server told about it.

Source: google/rpc/error_details.proto; the contract's details are ErrorInfo, RetryInfo, BadRequest and
FailureUsage in a google.rpc.Status.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus

# Callers compare `CallFailed.code` with it, and need not know where it comes from.
from purerpc import StatusCode as StatusCode  # noqa: PLC0414

from entrypoints.grpc.pb.llm_service_pb2 import Attempt, FailureUsage, Usage
from entrypoints.grpc.transport.headers import EndedWith, Metadata

DOMAIN = "llmservice"


@attrs.frozen
class Violation:
    """One bad field of a request.

    Attributes:
        field: Its path, e.g. ``messages[0].role``.
    """

    field: str
    description: str


class CallFailed(Exception):
    """A call did not end with OK.

    Attributes:
        code: The gRPC status.
        message: For people.
        reason: A name of the contract's `ErrorReason`; empty where the server
            gave none, e.g. because it was never reached.
        retry_after_s: When to try again, in seconds from now; ``None`` where
            nothing says that a retry would help.
        violations: The bad fields of an invalid request.
        provider: What was asked to answer; empty if nothing was.
        model: See `provider`.
        request_id: What the server's operator can find the call by.
        usage: Tokens spent although the call failed; ``None`` if none were reported.
        attempts: What the server tried, oldest first.
        initial_metadata: Pairs as received, before the first message.
        trailing_metadata: Pairs as received, with the status.
        unprocessed: Whether the server surely did nothing for the call (HTTP/2's
            law): sending it again can do no harm, and was tried.
    """

    def __init__(
        self,
        code: StatusCode,
        message: str,
        *,
        reason: str = "",
        retry_after_s: float | None = None,
        violations: tuple[Violation, ...] = (),
        provider: str = "",
        model: str = "",
        request_id: str = "",
        usage: Usage | None = None,
        attempts: tuple[Attempt, ...] = (),
        initial_metadata: Metadata = (),
        trailing_metadata: Metadata = (),
        unprocessed: bool = False,
    ) -> None:
        """Keep what is known."""
        super().__init__(f"{reason or code.name}: {message}" if message else reason or code.name)
        self.code = code
        self.message = message
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.violations = violations
        self.provider = provider
        self.model = model
        self.request_id = request_id
        self.usage = usage
        self.attempts = attempts
        self.initial_metadata = initial_metadata
        self.trailing_metadata = trailing_metadata
        self.unprocessed = unprocessed


def deadline_passed() -> CallFailed:
    """Return the failure of a call whose own time is over."""
    return CallFailed(StatusCode.DEADLINE_EXCEEDED, "the deadline passed", reason="CALLER_DEADLINE")


def failure_of(ended: EndedWith, initial: Metadata) -> CallFailed:
    """Return what a status other than OK means. Details that cannot be read are left out."""
    known: dict[str, Any] = {}
    try:
        details = RpcStatus.FromString(ended.details).details
    except DecodeError:
        details = []
    for detail in details:
        rule = _RULES.get(detail.type_url.rpartition("/")[2])
        if rule is not None:
            known |= rule(detail)
    if not known.get("request_id"):
        known["request_id"] = request_id_in(initial)
    return CallFailed(
        ended.code,
        ended.message,
        **known,
        initial_metadata=initial,
        trailing_metadata=ended.metadata,
    )


def request_id_in(metadata: Metadata) -> str:
    """Return the call's id in `metadata`; empty if there is none."""
    return next((str(value) for name, value in metadata if name == "x-request-id"), "")


def _info(detail: PbAny) -> Mapping[str, Any]:
    info = ErrorInfo()
    if not _unpacked(detail, info) or info.domain != DOMAIN:
        return {}
    return {
        "reason": info.reason,
        "provider": info.metadata.get("provider", ""),
        "model": info.metadata.get("model", ""),
        "request_id": info.metadata.get("request_id", ""),
    }


def _retry(detail: PbAny) -> Mapping[str, Any]:
    retry = RetryInfo()
    if not _unpacked(detail, retry):
        return {}
    delay = retry.retry_delay
    return {"retry_after_s": max(delay.seconds + delay.nanos / 1e9, 0.0)}


def _bad_request(detail: PbAny) -> Mapping[str, Any]:
    bad = BadRequest()
    if not _unpacked(detail, bad):
        return {}
    return {
        "violations": tuple(
            Violation(each.field, each.description) for each in bad.field_violations
        )
    }


def _usage(detail: PbAny) -> Mapping[str, Any]:
    spent = FailureUsage()
    if not _unpacked(detail, spent):
        return {}
    return {
        "usage": spent.usage if spent.HasField("usage") else None,
        "attempts": tuple(spent.attempts),
    }


def _unpacked(detail: PbAny, into: Any) -> bool:
    try:
        return detail.Unpack(into)
    except DecodeError:
        return False


_RULES: Mapping[str, Callable[[PbAny], Mapping[str, Any]]] = {
    "google.rpc.ErrorInfo": _info,
    "google.rpc.RetryInfo": _retry,
    "google.rpc.BadRequest": _bad_request,
    "llmservice.v1.FailureUsage": _usage,
}
