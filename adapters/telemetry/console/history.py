"""What happened lately at several workers, put together by their supervisor.

Laws: a worker's second is taken once, when it is over, and stays when the worker is gone. All clocks are the
supervisor's. Memory is bounded by time alone, as each second is by the names in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from adapters.telemetry.console.statistics import (
    COARSE_KEPT_S,
    COARSE_S,
    FINE_KEPT_S,
    Slot,
    Used,
    windowed,
)


@attrs.define(eq=False)
class History:
    """The seconds and minutes of all workers."""

    _fine: dict[int, Slot] = attrs.field(factory=dict)
    _coarse: dict[int, Slot] = attrs.field(factory=dict)

    def take(self, slots: Iterable[Slot], shift_s: float, now_s: float) -> None:
        """Take seconds in that are over, of a worker whose clock is `shift_s` behind ours."""
        for slot in slots:
            second = _ours(slot, shift_s)
            self._fine.setdefault(second, Slot(second)).add(slot)
            minute = second // COARSE_S
            self._coarse.setdefault(minute, Slot(minute)).add(slot)
        _forget(self._fine, int(now_s) - FINE_KEPT_S)
        _forget(self._coarse, int(now_s - COARSE_KEPT_S) // COARSE_S)

    def beside(self, running: Iterable[tuple[Slot, float]]) -> "Beside":
        """Return it with what is not over yet, each with its worker's shift."""
        return Beside(
            self._fine, self._coarse, [(_ours(slot, shift_s), slot) for slot, shift_s in running]
        )


@attrs.frozen(eq=False)
class Beside:
    """A history with the seconds that are not over yet."""

    _fine: Mapping[int, Slot]
    _coarse: Mapping[int, Slot]
    _running: Iterable[tuple[int, Slot]]

    def window(self, now_s: float, window_s: int, step_s: int) -> list[Slot]:
        """See `adapters.telemetry.console.statistics.windowed`."""
        return windowed(self._seconds, self._minutes, now_s, window_s, step_s)

    def _seconds(self) -> Iterator[Slot]:
        yield from self._fine.values()
        yield from self._moved(1)

    def _minutes(self) -> Iterator[Slot]:
        yield from self._coarse.values()
        yield from self._moved(COARSE_S)

    def _moved(self, by: int) -> Iterator[Slot]:
        for second, slot in self._running:
            moved = Slot(second // by)
            moved.add(slot)
            yield moved


@attrs.define(eq=False)
class Followed:
    """What one worker has said of its seconds; it is to be asked far more often than seconds are kept.

    Attributes:
        since: The latest second that is over.
        running: The one that was not over when it was asked last.
    """

    since: int = -1
    running: Slot = attrs.field(factory=lambda: Slot(-1))

    def over(self, over: Iterable[Slot], running: Slot) -> list[Slot]:
        """Return the seconds that are over, each only once, whoever asked for them."""
        found = [each for each in over if each.at > self.since]
        before = self.running
        if before.at > self.since and before.at < min([running.at, *(each.at for each in found)]):
            # Nothing happened there for so long that it is not kept any more.
            found.insert(0, before)
        if found:
            self.since = found[-1].at
        if running.at >= before.at:
            self.running = running
        return found


def _ours(slot: Slot, shift_s: float) -> int:
    # By its middle: where clocks differ by a fraction, no second falls together with the next one.
    return int(slot.at + 0.5 + shift_s)


def _forget(slots: dict[int, Slot], until: int) -> None:
    for at in [each for each in slots if each <= until]:
        del slots[at]


def packed(slot: Slot) -> list[Any]:
    """Return a second in plain values, as JSON has them."""
    used = [[*whose, *attrs.astuple(each)] for whose, each in slot.used.items()]
    return [slot.at, slot.ends, list(slot.latency.items()), list(slot.first.items()), used]


def unpacked(plain: list[Any]) -> Slot:
    """Return what `packed` made `plain` of."""
    at, ends, latency, first, used = plain
    return Slot(
        at,
        ends,
        dict(latency),
        dict(first),
        {(provider, model, caller): Used(*numbers) for provider, model, caller, *numbers in used},
    )
