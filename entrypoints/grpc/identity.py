"""Every call has a request id: the caller's own if it is fit, else a new one. The reply carries it."""

import re
import secrets

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Next

REQUEST_ID = "x-request-id"
_FIT = re.compile(r"[!-~]{1,128}")


async def identified(call: ServerCall, proceed: Next) -> None:
    """Name the call before anything else happens to it."""
    offered = next((value for name, value in call.metadata if name == REQUEST_ID), None)
    fit = isinstance(offered, str) and _FIT.fullmatch(offered)
    call.request_id = offered if isinstance(offered, str) and fit else secrets.token_hex(16)
    call.set_initial_metadata((REQUEST_ID, call.request_id))
    await proceed(call)
