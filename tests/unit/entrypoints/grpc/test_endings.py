"""How calls end, for the caller and for the log."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from loguru import logger
from purerpc import RpcFailedError, StatusCode
from purerpc import Status as PureStatus

from domain.model.call import ChatCall, Ledger
from domain.model.errors import ErrorReason, ModelUnknown, ProviderFailure
from domain.model.usage import Attempt, AttemptOutcome, Usage
from entrypoints.grpc.call_line import level_of
from entrypoints.grpc.content import Content
from entrypoints.grpc.endings import endings
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.told import Told
from entrypoints.grpc.transport.dispatch import OK, CallStatus
from tests.support.core_call import server_call
from tests.support.core_model import question

if TYPE_CHECKING:
    from loguru import Message, Record

ENDINGS = endings()
BROKEN_OFF = ProviderFailure("it broke", ErrorReason.PROVIDER_STREAM_TRUNCATED)
FAILED = Attempt(
    index=0,
    provider="openai",
    model="gpt",
    outcome=AttemptOutcome.FAILED,
    usage=Usage(input_tokens=7, output_tokens=1),
    first_token_s=0.5,
    error_reason=ErrorReason.PROVIDER_STREAM_TRUNCATED,
)


@attrs.define
class Log:
    """What was logged: the lines as written, and their records."""

    lines: list[str] = attrs.field(factory=list)
    records: "list[Record]" = attrs.field(factory=list)

    def take(self, message: "Message") -> None:
        self.lines.append(str(message))
        self.records.append(message.record)

    @property
    def extra(self) -> dict[object, object]:
        """The fields of the only line."""
        (record,) = self.records
        return record["extra"]


@pytest.fixture
def log() -> Iterator[Log]:
    found = Log()
    number = logger.add(found.take, format="{message} {extra}", diagnose=False)
    yield found
    logger.remove(number)


def chat(*attempts: Attempt) -> ChatCall:
    return ChatCall(request=question(model="asked"), ledger=Ledger(list(attempts)))


def info_of(status: CallStatus) -> ErrorInfo:
    info = ErrorInfo()
    assert Status.FromString(status.details).details[0].Unpack(info)
    return info


# ------------------------------------------------------------------ for the caller


def test_a_bug_is_internal_and_tells_nothing_of_the_inside(log: Log) -> None:
    status = ENDINGS.failed(server_call(request_id="call-1"), ValueError("secret"))
    assert status.code is StatusCode.INTERNAL
    assert "secret" not in status.message
    assert b"secret" not in status.details
    assert info_of(status).reason == "SERVICE_INTERNAL"
    assert info_of(status).metadata["request_id"] == "call-1"


def test_a_bug_is_logged_with_its_traceback_and_the_request_id(log: Log) -> None:
    def buggy() -> None:
        raise ValueError("secret")

    try:
        buggy()
    except ValueError as error:
        ENDINGS.failed(server_call(request_id="call-1"), error)
    (line,), (record,) = log.lines, log.records
    assert record["level"].name == "ERROR"
    assert record["extra"]["request_id"] == "call-1"
    assert "Traceback" in line
    assert "in buggy" in line
    assert "ValueError: secret" in line


def test_a_known_failure_is_told_and_is_no_bug(log: Log) -> None:
    error = ProviderFailure("it broke", ErrorReason.PROVIDER_STREAM_TRUNCATED)
    call = server_call(request_id="call-1", context=chat(FAILED))
    status = ENDINGS.failed(call, error)
    assert (status.code, status.message) == (StatusCode.UNAVAILABLE, "it broke")
    assert dict(info_of(status).metadata) == {
        "request_id": "call-1",
        "provider": "openai",
        "model": "gpt",
    }
    usage = pb.FailureUsage()
    assert Status.FromString(status.details).details[1].Unpack(usage)
    assert usage.usage.input_tokens == 7
    assert log.lines == []


def test_a_call_that_was_never_tried_is_told_as_it_was_asked(log: Log) -> None:
    call = server_call(request_id="call-1", context=chat())
    status = ENDINGS.failed(call, ModelUnknown("no such model"))
    assert status.code is StatusCode.NOT_FOUND
    assert dict(info_of(status).metadata) == {"request_id": "call-1", "model": "asked"}
    assert len(Status.FromString(status.details).details) == 1


def test_a_status_that_was_raised_is_passed_on(log: Log) -> None:
    error = RpcFailedError(PureStatus(StatusCode.UNIMPLEMENTED, "no message"))
    status = ENDINGS.failed(server_call(), error)
    assert (status.code, status.message) == (StatusCode.UNIMPLEMENTED, "no message")
    assert info_of(status).reason == "CALLER_INVALID_REQUEST"
    assert log.lines == []


def test_a_passed_deadline_says_so_and_what_it_cost() -> None:
    late = attrs.evolve(
        FAILED, outcome=AttemptOutcome.DEADLINE, error_reason=ErrorReason.CALLER_DEADLINE
    )
    status = ENDINGS.deadline(server_call(context=chat(late)))
    assert status.code is StatusCode.DEADLINE_EXCEEDED
    assert info_of(status).reason == "CALLER_DEADLINE"
    assert len(Status.FromString(status.details).details) == 2


def test_a_call_that_is_cut_on_our_way_out_is_told_so_and_what_it_cost() -> None:
    drained = attrs.evolve(
        FAILED, outcome=AttemptOutcome.DRAINED, error_reason=ErrorReason.SERVICE_DRAINING
    )
    asked = chat(drained)
    call = server_call(context=asked)
    ENDINGS.cut(call)
    assert asked.ledger.drained
    status = ENDINGS.drained(call)
    assert status.code is StatusCode.UNAVAILABLE
    assert info_of(status).reason == "SERVICE_DRAINING"
    assert len(Status.FromString(status.details).details) == 2


# ------------------------------------------------------------------ for the log


def test_a_served_call_is_one_line_with_what_it_took(log: Log) -> None:
    served = attrs.evolve(FAILED, index=1, outcome=AttemptOutcome.SERVED, error_reason=None)
    ENDINGS.ended(server_call(request_id="call-1", context=chat(FAILED, served)), OK)
    said = dict(log.extra)
    total_s = said.pop("total_s")
    assert isinstance(total_s, float)
    assert 0 <= total_s < 60
    assert said == {
        "request_id": "call-1",
        "caller": "anonymous",
        "method": "llmservice.v1.LLMService/Invoke",
        "code": "OK",
        "outcome": "served",
        "reason": "",
        "peer": "peer:1",
        "provider": "openai",
        "model": "gpt",
        "input_tokens": 14,
        "output_tokens": 2,
        "cached_tokens": None,
        "cost_usd": None,
        "queued_s": 0.0,
        "first_token_s": 0.5,
        "attempts": 2,
        "tried": [
            "openai/gpt failed PROVIDER_STREAM_TRUNCATED 0s",
            "openai/gpt served 0s",
        ],
    }
    assert log.records[0]["level"].name == "INFO"


def test_a_failed_call_is_one_line_with_its_reason(log: Log) -> None:
    call = server_call(context=chat(FAILED))
    ENDINGS.ended(call, ENDINGS.failed(call, BROKEN_OFF))
    assert (log.extra["code"], log.extra["reason"]) == ("UNAVAILABLE", "PROVIDER_STREAM_TRUNCATED")


def test_a_call_that_failed_before_any_attempt_has_its_reason_too(log: Log) -> None:
    call = server_call(context=chat())
    ENDINGS.ended(call, ENDINGS.failed(call, ModelUnknown("no such model")))
    assert (log.extra["code"], log.extra["reason"]) == ("NOT_FOUND", "CALLER_MODEL_UNKNOWN")


def test_a_call_that_nobody_listens_to_any_more_was_cancelled(log: Log) -> None:
    ENDINGS.ended(server_call(context=chat()), None)
    assert (log.extra["code"], log.extra["attempts"]) == ("CANCELLED", 0)


def test_a_call_that_is_no_chat_is_a_line_too(log: Log) -> None:
    ENDINGS.ended(server_call(), OK)
    assert (log.extra["code"], log.extra["outcome"]) == ("OK", "served")
    assert "model" not in log.extra


def test_what_all_attempts_cost_is_summed_and_unknown_stays_unknown(log: Log) -> None:
    priced = attrs.evolve(
        FAILED, usage=Usage(input_tokens=5, cache_read_tokens=3, cost_nano_usd=1_500_000)
    )
    ENDINGS.ended(server_call(context=chat(priced, FAILED, priced)), OK)
    assert (log.extra["input_tokens"], log.extra["cached_tokens"]) == (17, 6)
    assert log.extra["cost_usd"] == 0.003


def test_of_very_many_attempts_the_latest_are_told(log: Log) -> None:
    ENDINGS.ended(server_call(context=chat(*[FAILED] * 40)), OK)
    tried = log.extra["tried"]
    assert isinstance(tried, list)
    assert (log.extra["attempts"], len(tried)) == (40, 16)


@pytest.mark.parametrize("reason", ErrorReason)
def test_a_line_is_as_bad_as_what_the_service_is_to_blame_for(reason: ErrorReason) -> None:
    expected = "WARNING" if reason.name.startswith(("PROVIDER_", "SERVICE_")) else "INFO"
    if reason is ErrorReason.SERVICE_INTERNAL:
        expected = "ERROR"
    if reason is ErrorReason.SERVICE_DRAINING:
        expected = "INFO"
    assert level_of(reason.name) == expected


def test_content_is_in_the_line_where_it_is_asked_for(log: Log) -> None:
    keeping = endings(Told(content=Content(str.upper, 100)))
    keeping.ended(server_call(context=ChatCall(request=question("very private"))), OK)
    assert log.extra["question"] == "USER: VERY PRIVATE"


def test_nothing_of_the_content_is_in_the_log(log: Log) -> None:
    ENDINGS.ended(server_call(context=ChatCall(request=question("very private"))), OK)
    assert "private" not in log.lines[0]
