"""How long one step at a socket may take; a step without a bound costs nothing extra."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

import anyio
import attrs
import httpx

_UNBOUNDED: AbstractContextManager[None] = nullcontext()


def timeouts_of(request: httpx.Request) -> Mapping[str, Any]:
    """Return the bounds that `request` carries: connect, read, write, pool, in seconds or None."""
    found: Mapping[str, Any] = request.extensions.get("timeout") or {}
    return found


def within(limit_s: float | None) -> AbstractContextManager[None]:
    """Return a block that raises TimeoutError after `limit_s`; None: never."""
    return _UNBOUNDED if limit_s is None else _Bounded(limit_s)


@attrs.define
class _Bounded(AbstractContextManager[None]):
    _limit_s: float
    _scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)

    def __enter__(self) -> None:
        self._scope.deadline = anyio.current_time() + self._limit_s
        self._scope.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scope.__exit__(kind, error, trace)
        if self._scope.cancelled_caught:
            raise TimeoutError(f"it took longer than {self._limit_s:g} s") from None
