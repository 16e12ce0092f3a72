"""Every call has a request id: the caller's own if it is fit, else a new one. The reply carries it."""

import re
import secrets

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Next
from entrypoints.grpc.transport.engine import Headers

REQUEST_ID = "x-request-id"
_FIT = re.compile(r"[!-~]{1,128}")


async def identified(call: ServerCall, proceed: Next) -> None:
    """Name the call before anything else happens to it."""
    call.request_id = _fit(
        next((value for name, value in call.metadata if name == REQUEST_ID), None)
    )
    call.set_initial_metadata((REQUEST_ID, call.request_id))
    await proceed(call)


def request_id_in(headers: Headers) -> str:
    """Return the id of what is no call, so that its answer has one too."""
    offered = next((value for name, value in headers if name == REQUEST_ID.encode()), b"")
    return _fit(offered.decode("ascii", "replace"))


def _fit(offered: str | bytes | None) -> str:
    if isinstance(offered, str) and _FIT.fullmatch(offered):
        return offered
    return secrets.token_hex(16)
