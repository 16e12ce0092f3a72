"""Domain errors in gRPC's words."""

from collections.abc import Mapping

import attrs
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from purerpc import StatusCode

from domain.model.errors import (
    ChatError,
    ErrorReason,
    FieldViolation,
    InvalidRequest,
    LimitExceeded,
    ProviderFailure,
    QuotaViolation,
)
from domain.model.usage import Attempt, AttemptOutcome, Usage
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.status import CODES, Failure, status_of
from entrypoints.grpc.translate.answers import attempt_pb
from entrypoints.grpc.transport.headers import status_trailers

# The table of the outward contract, written down again.
CONTRACT: Mapping[str, str] = {
    "CALLER_INVALID_REQUEST": "INVALID_ARGUMENT",
    "CALLER_MODEL_UNKNOWN": "NOT_FOUND",
    "CALLER_CANCELLED": "CANCELLED",
    "CALLER_DEADLINE": "DEADLINE_EXCEEDED",
    "CALLER_IDEMPOTENCY_CONFLICT": "ALREADY_EXISTS",
    "POLICY_UNAUTHENTICATED": "UNAUTHENTICATED",
    "POLICY_ACCESS_DENIED": "PERMISSION_DENIED",
    "POLICY_RATE_LIMITED": "RESOURCE_EXHAUSTED",
    "POLICY_CONCURRENCY_LIMITED": "RESOURCE_EXHAUSTED",
    "POLICY_BUDGET_EXCEEDED": "RESOURCE_EXHAUSTED",
    "PROVIDER_NOT_CONFIGURED": "FAILED_PRECONDITION",
    "PROVIDER_AUTH_FAILED": "INTERNAL",
    "PROVIDER_BILLING": "FAILED_PRECONDITION",
    "PROVIDER_RATE_LIMITED": "RESOURCE_EXHAUSTED",
    "PROVIDER_OVERLOADED": "UNAVAILABLE",
    "PROVIDER_SERVER_ERROR": "UNAVAILABLE",
    "PROVIDER_CONNECTION_FAILED": "UNAVAILABLE",
    "PROVIDER_TIMEOUT_FIRST_TOKEN": "UNAVAILABLE",
    "PROVIDER_TIMEOUT_IDLE": "UNAVAILABLE",
    "PROVIDER_STREAM_TRUNCATED": "UNAVAILABLE",
    "PROVIDER_PROTOCOL_ERROR": "UNAVAILABLE",
    "PROVIDER_CONTENT_BLOCKED": "FAILED_PRECONDITION",
    "PROVIDER_REJECTED_REQUEST": "INVALID_ARGUMENT",
    "SERVICE_OVERLOADED": "UNAVAILABLE",
    "SERVICE_DRAINING": "UNAVAILABLE",
    "SERVICE_INTERNAL": "INTERNAL",
}
OUR_FAULT = (ErrorReason.SERVICE_INTERNAL, ErrorReason.PROVIDER_AUTH_FAILED)
ATTEMPT = Attempt(
    index=0,
    provider="openai",
    model="gpt",
    outcome=AttemptOutcome.FAILED,
    usage=Usage(input_tokens=7),
    error_reason=ErrorReason.PROVIDER_OVERLOADED,
)


@attrs.frozen
class Told:
    """A status as a client reads it."""

    status: Status
    details: tuple[Message, ...]

    def one(self, kind: type[Message]) -> Message | None:
        found = [each for each in self.details if isinstance(each, kind)]
        assert len(found) <= 1
        return found[0] if found else None


def told(failure: Failure) -> Told:
    """Return what `failure` says in the end; the trailers must agree with it."""
    sent = status_of(failure)
    status = Status.FromString(sent.details)
    assert (status.code, status.message) == (sent.code.value, sent.message)
    return Told(status, tuple(_unpacked(each) for each in status.details))


def _unpacked(packed: object) -> Message:
    for kind in (ErrorInfo, RetryInfo, BadRequest, QuotaFailure, pb.FailureUsage):
        message: Message = kind()
        if packed.Unpack(message):  # type: ignore[attr-defined]
            return message
    raise AssertionError(f"unknown detail {packed}")


@pytest.mark.parametrize("reason", ErrorReason)
def test_every_reason_has_the_code_of_the_contract(reason: ErrorReason) -> None:
    code = StatusCode[CONTRACT[reason.name]]
    assert CODES[reason] is code
    assert status_of(Failure(error=ChatError("x", reason))).code is code


def test_the_vocabulary_is_the_contracts_and_no_larger() -> None:
    assert {reason.name for reason in ErrorReason} == set(CONTRACT)
    assert set(CODES) == set(ErrorReason)


def test_names_and_numbers_of_the_vocabulary_are_the_wires() -> None:
    ours = {reason.name: reason.value for reason in ErrorReason}
    wire = dict(pb.ErrorReason.items())
    assert wire.pop("ERROR_REASON_UNSPECIFIED") == 0
    assert ours == wire


@pytest.mark.parametrize("reason", ErrorReason)
def test_every_failure_says_its_reason_and_whom_it_is_about(reason: ErrorReason) -> None:
    failure = Failure(
        error=ChatError("x", reason), request_id="call-1", provider="openai", model="gpt"
    )
    assert told(failure).one(ErrorInfo) == ErrorInfo(
        reason=reason.name,
        domain="llmservice",
        metadata={"request_id": "call-1", "provider": "openai", "model": "gpt"},
    )


def test_what_is_not_known_is_not_said() -> None:
    (info,) = told(Failure(error=ChatError("x", ErrorReason.SERVICE_DRAINING))).details
    assert info == ErrorInfo(reason="SERVICE_DRAINING", domain="llmservice")


@pytest.mark.parametrize(
    ("retryable", "retry_after_s", "delay"),
    [
        (True, 1.5, Duration(seconds=1, nanos=500_000_000)),
        (True, 0.0, Duration()),
        (True, float("inf"), Duration(seconds=315_576_000_000)),
        (True, None, None),
        (False, 1.5, None),
        (False, None, None),
    ],
)
def test_a_retry_is_suggested_only_where_it_can_help_and_the_time_is_known(
    retryable: bool, retry_after_s: float | None, delay: Duration | None
) -> None:
    error = ProviderFailure(
        "slow down",
        ErrorReason.PROVIDER_RATE_LIMITED,
        retryable=retryable,
        retry_after_s=retry_after_s,
    )
    found = told(Failure(error=error)).one(RetryInfo)
    assert found == (None if delay is None else RetryInfo(retry_delay=delay))


def test_a_budget_that_is_spent_says_when_it_comes_back() -> None:
    error = LimitExceeded(
        ErrorReason.POLICY_BUDGET_EXCEEDED,
        QuotaViolation("caller:a", "the budget is spent"),
        retryable=False,
        retry_after_s=3_600.0,
    )
    expected = RetryInfo(retry_delay=Duration(seconds=3_600))
    assert told(Failure(error=error)).one(RetryInfo) == expected


def test_an_invalid_request_names_every_field() -> None:
    error = InvalidRequest(FieldViolation("model", "is missing"), FieldViolation("stop[1]", "é"))
    answer = told(Failure(error=error))
    assert answer.one(BadRequest) == BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field="model", description="is missing"),
            BadRequest.FieldViolation(field="stop[1]", description="é"),
        ]
    )
    assert answer.status.message == "model: is missing; stop[1]: é"


def test_an_error_that_is_no_invalid_request_names_no_fields() -> None:
    error = ProviderFailure("no", ErrorReason.PROVIDER_REJECTED_REQUEST)
    assert told(Failure(error=error)).one(BadRequest) is None


def test_what_was_spent_in_vain_is_told() -> None:
    last = attrs.evolve(ATTEMPT, index=1, usage=Usage(input_tokens=9))
    failure = Failure(
        error=ProviderFailure("x", ErrorReason.PROVIDER_OVERLOADED), attempts=(ATTEMPT, last)
    )
    usage = told(failure).one(pb.FailureUsage)
    assert usage == pb.FailureUsage(
        usage=pb.Usage(input_tokens=16), attempts=[attempt_pb(ATTEMPT), attempt_pb(last)]
    )


def test_nothing_is_told_of_what_was_never_tried() -> None:
    assert (
        told(Failure(error=ChatError("x", ErrorReason.CALLER_MODEL_UNKNOWN))).one(pb.FailureUsage)
        is None
    )


LONG = "é" * 10_000


@pytest.mark.parametrize(
    "failure",
    [
        Failure(error=ProviderFailure(LONG, ErrorReason.PROVIDER_REJECTED_REQUEST)),
        Failure(
            error=InvalidRequest(*(FieldViolation(f"messages[{n}]", "bad") for n in range(1000)))
        ),
        Failure(error=InvalidRequest(*(FieldViolation(LONG, LONG) for _ in range(100)))),
        Failure(
            error=ProviderFailure(LONG, ErrorReason.PROVIDER_OVERLOADED, retry_after_s=1.0),
            request_id="x" * 128,
            provider=LONG,
            model=LONG,
            attempts=tuple(
                attrs.evolve(ATTEMPT, index=n, model="é" * 128, upstream_request_id="x" * 128)
                for n in range(100)
            ),
        ),
        Failure(
            error=InvalidRequest(*(FieldViolation("é" * 99, "é" * 99) for _ in range(99))),
            request_id="x" * 128,
            provider=LONG,
            model=LONG,
            attempts=(attrs.evolve(ATTEMPT, usage=Usage(raw={"x": LONG})),) * 50,
        ),
    ],
    ids=["long message", "many fields", "long fields", "many attempts", "everything"],
)
def test_whatever_is_wrong_the_trailers_are_short_enough_for_every_client(
    failure: Failure,
) -> None:
    sent = status_of(failure)
    trailers = status_trailers(sent.code, sent.message, sent.details)
    # As HTTP/2 counts: 32 bytes beside each name and value.
    assert sum(len(name) + len(value) + 32 for name, value in trailers) < 8 * 1024 - 512
    assert told(failure).one(ErrorInfo) is not None


def test_of_too_many_bad_fields_the_first_are_named() -> None:
    error = InvalidRequest(*(FieldViolation(f"messages[{n}]", "is bad") for n in range(1000)))
    found = told(Failure(error=error)).one(BadRequest)
    assert isinstance(found, BadRequest)
    fields = [each.field for each in found.field_violations]
    assert len(fields) > 50
    assert fields == [f"messages[{n}]" for n in range(len(fields))]


def test_of_too_many_attempts_the_last_are_told() -> None:
    attempts = tuple(attrs.evolve(ATTEMPT, index=n) for n in range(300))
    error = ProviderFailure("x", ErrorReason.PROVIDER_OVERLOADED)
    found = told(Failure(error=error, attempts=attempts)).one(pb.FailureUsage)
    assert isinstance(found, pb.FailureUsage)
    indices = [each.index for each in found.attempts]
    assert len(indices) > 40
    assert indices == list(range(300 - len(indices), 300))
    assert found.usage.input_tokens == 2100
    info = told(Failure(error=error, attempts=attempts)).one(ErrorInfo)
    assert isinstance(info, ErrorInfo)
    assert info.metadata["attempts_left_out"] == str(300 - len(indices))


def test_as_many_attempts_as_a_call_makes_are_told_with_names_of_any_usual_length() -> None:
    long = attrs.evolve(
        ATTEMPT,
        provider="a-provider-of-ours",
        model="meta-llama/llama-3.3-70b-instruct-2026",
        credential_alias="team-a-key-1",
        upstream_request_id="req_" + "x" * 32,
        upstream_status=529,
        total_s=12.345678,
    )
    attempts = tuple(attrs.evolve(long, index=n) for n in range(15))
    answer = told(
        Failure(
            error=ProviderFailure("x" * 300, ErrorReason.PROVIDER_OVERLOADED), attempts=attempts
        )
    )
    found, info = answer.one(pb.FailureUsage), answer.one(ErrorInfo)
    assert isinstance(found, pb.FailureUsage)
    assert isinstance(info, ErrorInfo)
    assert len(found.attempts) == 15
    assert "attempts_left_out" not in info.metadata


def test_a_message_that_is_cut_says_so_and_is_still_text() -> None:
    error = ProviderFailure("é" * 1000, ErrorReason.PROVIDER_REJECTED_REQUEST)
    message = told(Failure(error=error)).status.message
    assert message == "é" * ((512 - 3) // 2) + "…"


def test_what_is_no_unicode_does_not_break_the_end_of_a_call() -> None:
    error = ProviderFailure("half \ud83d", ErrorReason.PROVIDER_REJECTED_REQUEST)
    assert told(Failure(error=error, model="\ud83d")).status.message == "half ?"


@pytest.mark.parametrize("reason", OUR_FAULT)
def test_what_is_our_own_fault_leaks_nothing(reason: ErrorReason) -> None:
    error = ProviderFailure("key sk-secret was refused", reason, upstream_request_id="secret-id")
    sent = status_of(Failure(error=error, request_id="call-1", attempts=(ATTEMPT,)))
    assert sent.message
    assert "secret" not in sent.message
    assert b"secret" not in sent.details


@pytest.mark.parametrize("reason", [each for each in ErrorReason if each not in OUR_FAULT])
def test_any_other_failure_says_what_happened(reason: ErrorReason) -> None:
    assert status_of(Failure(error=ChatError("what happened", reason))).message == "what happened"
