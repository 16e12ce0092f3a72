from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus
from hypothesis import given
from hypothesis import strategies as st
from purerpc import StatusCode

from domain.model.errors import ChatError, ErrorReason, FieldViolation, InvalidRequest
from entrypoints.client.errors import Violation, failure_of
from entrypoints.grpc.status import Failure, status_of
from entrypoints.grpc.transport.headers import EndedWith


def test_what_the_server_tells_is_what_the_client_knows() -> None:
    error = ChatError("slow down", ErrorReason.PROVIDER_RATE_LIMITED, retry_after_s=1.5)
    told = status_of(Failure(error=error, request_id="r1", provider="p", model="m"))
    failure = failure_of(EndedWith(told.code, told.message, told.details), ())
    assert failure.code is StatusCode.RESOURCE_EXHAUSTED
    assert (failure.reason, failure.message) == ("PROVIDER_RATE_LIMITED", "slow down")
    assert failure.retry_after_s == 1.5
    assert (failure.provider, failure.model, failure.request_id) == ("p", "m", "r1")
    assert failure.usage is None
    assert str(failure) == "PROVIDER_RATE_LIMITED: slow down"


def test_bad_fields_are_named() -> None:
    told = status_of(Failure(error=InvalidRequest(FieldViolation("model", "is empty"))))
    failure = failure_of(EndedWith(told.code, told.message, told.details), ())
    assert failure.violations == (Violation("model", "is empty"),)


def test_other_peoples_error_info_is_not_ours() -> None:
    status = RpcStatus(details=[_packed(ErrorInfo(reason="QUOTA", domain="example.com"))])
    failure = failure_of(EndedWith(StatusCode.UNKNOWN, "", status.SerializeToString()), ())
    assert failure.reason == ""


def test_the_request_id_is_known_without_details() -> None:
    failure = failure_of(EndedWith(StatusCode.UNKNOWN, ""), (("x-request-id", "abc"),))
    assert failure.request_id == "abc"


def _packed(message: ErrorInfo | RetryInfo | BadRequest) -> PbAny:
    packed = PbAny()
    packed.Pack(message)
    return packed


_KINDS = st.sampled_from(
    [
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
        "google.rpc.BadRequest",
        "llmservice.v1.FailureUsage",
        "x",
    ]
)


@given(details=st.binary(max_size=64))
def test_details_that_make_no_sense_do_no_harm(details: bytes) -> None:
    assert failure_of(EndedWith(StatusCode.INTERNAL, "m", details), ()).message == "m"


@given(kind=_KINDS, value=st.binary(max_size=32))
def test_a_detail_that_makes_no_sense_is_left_out(kind: str, value: bytes) -> None:
    status = RpcStatus(
        details=[
            PbAny(type_url=f"type.googleapis.com/{kind}", value=value),
            _packed(RetryInfo(retry_delay=Duration(seconds=2))),
        ]
    )
    failure = failure_of(EndedWith(StatusCode.INTERNAL, "m", status.SerializeToString()), ())
    assert failure.retry_after_s == 2.0
