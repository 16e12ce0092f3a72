"""How calls end, for the caller and for the log: one line per call, a traceback for each bug."""

from functools import partial

from loguru import logger
from purerpc import RpcFailedError, StatusCode

from domain.model.call import ChatCall
from domain.model.embedding import EmbeddingCall
from domain.model.errors import ChatError, DeadlineExceeded, ErrorReason, ServiceFailure
from entrypoints.grpc.identity import REQUEST_ID, request_id_in
from entrypoints.grpc.status import Failure, refused, status_of
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import CallStatus, Endings
from entrypoints.grpc.transport.engine import Headers
from entrypoints.grpc.transport.headers import Rejection, write_metadata
from entrypoints.grpc.watching import Watching

_CALLS = (ChatCall, EmbeddingCall)


def endings(watching: Watching | None = None) -> Endings:
    """Return what the transport asks when a call ends; who is `watching` is told of each end."""
    return Endings(
        failed=_failed,
        deadline=_deadline,
        cut=_cut,
        drained=_drained,
        stopped=_stopped,
        rejected=_rejected if watching is None else partial(_seen_rejected, watching),
        ended=_ended if watching is None else partial(_seen_ended, watching),
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
    if not isinstance(asked, _CALLS):
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


def _rejected(rejection: Rejection, headers: Headers, peer: str) -> tuple[CallStatus, Headers]:
    request_id = request_id_in(headers)
    status = refused(rejection.code, rejection.message, request_id)
    logger.bind(request_id=request_id, code=status.code.name, peer=peer, reason=status.reason).info(
        "no call: {}", status.message
    )
    return status, write_metadata([(REQUEST_ID, request_id)])


def _ended(call: ServerCall, status: CallStatus | None) -> None:
    asked = call.context
    attempts = asked.ledger.attempts if isinstance(asked, _CALLS) else []
    last = attempts[-1] if attempts else None
    code = StatusCode.CANCELLED if status is None else status.code
    logger.bind(
        request_id=call.request_id,
        method=f"{call.head.service}/{call.head.method}",
        code=code.name,
        peer=call.peer,
        caller=call.caller.name,
        provider=last.provider if last else "",
        model=last.model if last else "",
        reason=status.reason if status else "CALLER_CANCELLED",
        attempts=len(attempts),
        cache=(isinstance(asked, ChatCall) and asked.ledger.cache_status) or "",
        first_token_s=last.first_token_s if last else None,
        input_tokens=last.usage.input_tokens if last else None,
        output_tokens=last.usage.output_tokens if last else None,
    ).info("call")


def _seen_rejected(
    watching: Watching, rejection: Rejection, headers: Headers, peer: str
) -> tuple[CallStatus, Headers]:
    status, metadata = _rejected(rejection, headers, peer)
    watching.rejected(status)
    return status, metadata


def _seen_ended(watching: Watching, call: ServerCall, status: CallStatus | None) -> None:
    _ended(call, status)
    watching.ended(call, status)
