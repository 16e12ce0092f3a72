"""How long one step at a socket may take; a step without a bound costs nothing extra."""

from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

import anyio
import attrs
import httpx

_UNBOUNDED: AbstractContextManager[None] = nullcontext()


@attrs.frozen(kw_only=True, eq=False)
class Timeouts:
    """How long each step may take, in seconds; None: without end."""

    connect: float | None = None
    pool: float | None = None
    read: float | None = None
    write: float | None = None


def timeouts_of(request: httpx.Request) -> Timeouts:
    """Return the bounds that `request` carries."""
    return Timeouts(**(request.extensions.get("timeout") or {}))


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
