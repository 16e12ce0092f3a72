"""How long one step at a socket may take; a step without a bound costs nothing extra."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import anyio
import httpx

_UNBOUNDED: AbstractContextManager[object] = nullcontext()


def timeouts_of(request: httpx.Request) -> Mapping[str, Any]:
    """Return the bounds that `request` carries: connect, read, write, pool, in seconds or None."""
    found: Mapping[str, Any] = request.extensions.get("timeout") or {}
    return found


def within(limit_s: float | None) -> AbstractContextManager[object]:
    """Return a scope that raises TimeoutError after `limit_s`; None: never."""
    return _UNBOUNDED if limit_s is None else anyio.fail_after(limit_s)
