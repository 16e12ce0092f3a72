"""How calls end, for the caller and for the log: one line per call, a traceback for each bug."""

from functools import partial

from loguru import logger
from purerpc import RpcFailedError

from domain.model.call import ChatCall
from domain.model.errors import ChatError, DeadlineExceeded, ErrorReason, ServiceFailure
from entrypoints.grpc.call_line import fields_of, level_of
from entrypoints.grpc.identity import REQUEST_ID, request_id_in
from entrypoints.grpc.status import Failure, refused, status_of
from entrypoints.grpc.told import BY_LOGURU, Told
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import CallStatus, Endings
from entrypoints.grpc.transport.engine import Headers
from entrypoints.grpc.transport.headers import Rejection, write_metadata
from entrypoints.grpc.watching import ASKED, Watching


def endings(told: Told = BY_LOGURU, watching: Watching | None = None) -> Endings:
    """Return what the transport asks when a call ends.

    Args:
        told: What the log is told.
        watching: Is told of each end, too.
    """
    return Endings(
        failed=_failed,
        deadline=_deadline,
        cut=_cut,
        drained=_drained,
        stopped=_stopped,
        rejected=partial(_rejected, told, watching),
        ended=partial(_ended, told, watching),
    )


def _failed(call: ServerCall, error: Exception) -> CallStatus:
    if isinstance(error, RpcFailedError):
        return refused(error.status.status_code, error.status.status_message, call.request_id)
    if not isinstance(error, ChatError):
        logger.bind(request_id=call.request_id).opt(exception=error).error(
            "a call failed: this is a bug"
        )
        error = ServiceFailure("internal error", ErrorReason.SERVICE_INTERNAL)
    return _told(call, error)


def _deadline(call: ServerCall) -> CallStatus:
    return _told(call, DeadlineExceeded())


def _cut(call: ServerCall) -> None:
    # Before it is cancelled: the account shall not say that the caller did it.
    if isinstance(call.context, ChatCall):
        call.context.ledger.drained = True


def _drained(call: ServerCall) -> CallStatus:
    return _told(
        call,
        ServiceFailure("the server is going away; call again", ErrorReason.SERVICE_DRAINING),
    )


def _stopped(call: ServerCall) -> CallStatus:
    return _told(call, ServiceFailure("an operator ended the call", ErrorReason.CALLER_CANCELLED))


def _told(call: ServerCall, error: ChatError) -> CallStatus:
    asked = call.context
    if not isinstance(asked, ASKED):
        return status_of(Failure(error=error, request_id=call.request_id))
    attempts = tuple(asked.ledger.attempts)
    return status_of(
        Failure(
            error=error,
            request_id=call.request_id,
            provider=attempts[-1].provider if attempts else asked.request.provider,
            model=attempts[-1].model if attempts else asked.request.model,
            attempts=attempts,
        )
    )


def _rejected(
    told: Told, watching: Watching | None, rejection: Rejection, headers: Headers, peer: str
) -> tuple[CallStatus, Headers]:
    request_id = request_id_in(headers)
    status = refused(rejection.code, rejection.message, request_id)
    fields = {
        "request_id": request_id,
        "code": status.name,
        "outcome": "refused",
        "reason": status.reason,
        "peer": peer,
    }
    told.rejected("INFO", f"no call: {status.message}", fields)
    if watching is not None:
        watching.rejected(status)
    return status, write_metadata([(REQUEST_ID, request_id)])


def _ended(
    told: Told, watching: Watching | None, call: ServerCall, status: CallStatus | None
) -> None:
    fields = fields_of(call, status)
    if told.content is not None and isinstance(call.context, ChatCall):
        fields.update(told.content.fields(call.context))
    told.call(level_of(str(fields["reason"])), "call", fields)
    if watching is not None:
        watching.ended(call, status)
