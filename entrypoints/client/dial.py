"""The way to a server: a stream, or the reason why there is none, in the operating system's words."""

import os

import anyio
import anyio.abc
from purerpc import StatusCode

from entrypoints.client.errors import CallFailed
from entrypoints.client.target import Target
from entrypoints.client.tls import OpenTls, TlsFailed


async def dial(target: Target, tls: OpenTls | None, connect_s: float) -> anyio.abc.ByteStream:
    """Return a stream to `target`; `connect_s` is the patience with it, in seconds.

    Raises:
        CallFailed: UNAVAILABLE: nothing that we could speak to accepts there.
    """
    try:
        with anyio.fail_after(connect_s):
            stream: anyio.abc.ByteStream = (
                await anyio.connect_unix(target.path)
                if target.path
                else await anyio.connect_tcp(target.host, target.port)
            )
            return stream if tls is None else await tls.over(stream, target.host)
    except TimeoutError:
        raise cannot_connect(target, f"no answer in {connect_s:g} s") from None
    except TlsFailed as error:
        raise cannot_connect(target, str(error)) from None
    except OSError as error:
        raise cannot_connect(target, _said(error)) from None


def cannot_connect(target: Target, why: str) -> CallFailed:
    """Return the failure of a call to a server that `why` keeps us from."""
    return CallFailed(StatusCode.UNAVAILABLE, f"cannot connect to {target}: {why}")


def _said(error: BaseException) -> str:
    """Return what the operating system said; those in between tell it only in the cause."""
    deepest = error
    while True:
        cause = deepest.__cause__
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if not isinstance(cause, OSError):
            break
        deepest = cause
    number = getattr(deepest, "errno", None)
    # Where a name was not resolved the number is not the system's.
    if number is not None and number > 0:
        return os.strerror(number)
    return getattr(deepest, "strerror", None) or str(deepest)
