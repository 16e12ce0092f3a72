"""Several who watch, as one."""

from collections.abc import Sequence

import attrs

from domain.model.errors import ErrorReason
from domain.model.usage import Attempt
from domain.model.watch import AttemptWatch, LiveAttempt, Resort
from ports.telemetry import CallEnd, CallWatch, LiveCall, Telemetry


def together(several: Sequence[Telemetry]) -> Telemetry | None:
    """Return `several` as one, told in their order; None: nobody watches.

    Whoever keeps traces comes first: what it writes into `traceparent` the others read. Who does not watch a
    call is not told of it, and where only one does, nobody stands between.
    """
    each: list[Telemetry] = []
    for one in several:
        each += one.each if isinstance(one, _All) else [one]
    if len(each) < 2:
        return each[0] if each else None
    return _All(tuple(each))


@attrs.frozen
class _All:
    each: tuple[Telemetry, ...]

    def call(self, call: LiveCall, /) -> CallWatch | None:
        only: CallWatch | None = None
        several: tuple[CallWatch, ...] = ()
        # Most calls are in no trace that is kept, so that this is half as dear as a list.
        for each in self.each:
            watch = each.call(call)
            if watch is None:
                continue
            if only is None:
                only = watch
            else:
                several = (*(several or (only,)), watch)
        return _CallAll(several) if several else only

    def rejected(self, code: str, reason: str, /) -> None:
        for each in self.each:
            each.rejected(code, reason)


@attrs.frozen
class _CallAll:
    _each: tuple[CallWatch, ...]

    def attempt(self, live: LiveAttempt, /) -> AttemptWatch:
        watches: list[AttemptWatch] = []
        for each in self._each:
            watches.append(each.attempt(live))  # noqa: PERF401 - a comprehension is a function of its own
        return _AttemptAll(watches)

    def admitted(self, queued_s: float, /) -> None:
        for each in self._each:
            each.admitted(queued_s)

    def refused(self, reason: ErrorReason, /) -> None:
        for each in self._each:
            each.refused(reason)

    def resorted(self, resort: Resort, /) -> None:
        for each in self._each:
            each.resorted(resort)

    def ended(self, call: LiveCall, end: CallEnd, /) -> None:
        for each in self._each:
            each.ended(call, end)


@attrs.frozen
class _AttemptAll:
    _each: Sequence[AttemptWatch]

    def ended(self, live: LiveAttempt, attempt: Attempt | None, /) -> None:
        for each in self._each:
            each.ended(live, attempt)
