"""Every call has a request id: the caller's own if it is fit, else a new one. The reply carries it."""

import os
import random
import re

from domain.model.errors import FieldViolation, InvalidRequest
from domain.policy.resuming import RESUME_FROM
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.engine import Headers
from entrypoints.grpc.transport.headers import Metadata

REQUEST_ID = "x-request-id"
_FIELD = REQUEST_ID.encode()
_NUMBER = re.compile(r"[0-9]{1,18}")
_FIT = re.compile(r"[!-~]{1,128}")


def identified(call: ServerCall) -> None:
    """Name the call before anything else happens to it."""
    offered: str | bytes | None = None
    for name, value in call.head.metadata:
        if name == REQUEST_ID:
            offered = value
            break
    call.request_id = request_id = _fit(offered)
    # What is fit is fit to be sent.
    call.initial.append((_FIELD, request_id.encode()))


def request_id_in(headers: Headers) -> str:
    """Return the id of what is no call, so that its answer has one too."""
    offered = next((value for name, value in headers if name == _FIELD), b"")
    return _fit(offered.decode("ascii", "replace"))


def resume_from(metadata: Metadata) -> int | None:
    """Return the `sequence` of the last message that the caller has of an earlier try; None: it is the first.

    Raises:
        InvalidRequest: It is no number.
    """
    told = next((value for name, value in metadata if name == RESUME_FROM), None)
    if told is None:
        return None
    if not isinstance(told, str) or not _NUMBER.fullmatch(told):
        what = "must be the `sequence` of the last message that you have"
        raise InvalidRequest(FieldViolation(RESUME_FROM, what))
    return int(told)


def _fit(offered: str | bytes | None) -> str:
    if isinstance(offered, str) and _FIT.fullmatch(offered):
        return offered
    return f"{_CHANCE.getrandbits(128):032x}"


# Drawn from the system once in a process: an id is no secret, and asking each time costs a call 6 us.
_CHANCE = random.Random()  # noqa: S311
os.register_at_fork(after_in_child=_CHANCE.seed)
