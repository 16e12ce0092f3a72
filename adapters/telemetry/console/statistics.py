"""What happened lately: by the second for five minutes, by the minute for an hour.

Laws: memory is bounded, whatever names callers make up; a call pays for one second's counts alone. A second
that is over is added to its minute when the next one begins. Seconds in which nothing happened take nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import attrs

from adapters.telemetry.console.sketch import bucket
from domain.model.usage import Attempt, AttemptOutcome

Whose: TypeAlias = tuple[str, str, str]
"""Provider, model and caller of attempts."""
OTHERS: Whose = ("other", "other", "other")
MOST_NAMES = 100
"""So many are told apart within one slot; the others are one."""
FINE_S, COARSE_S = 1, 60
FINE_KEPT_S, COARSE_KEPT_S = 300, 3_600


@attrs.define(eq=False)
class Used:
    """What attempts took; tokens and money as far as they are known.

    Attributes:
        priced: Of how many attempts the cost is known.
    """

    attempts: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    nano_usd: int = 0
    priced: int = 0

    def add(self, other: "Used") -> None:
        """Take `other` in."""
        self.attempts += other.attempts
        self.failed += other.failed
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.nano_usd += other.nano_usd
        self.priced += other.priced


@attrs.define(eq=False)
class Slot:
    """What happened in a stretch of time.

    Attributes:
        at: Which stretch, counted from the clock's zero.
        ends: Calls by why they failed; empty: served.
        latency: Served calls by the bucket of their duration.
        first: Streamed attempts by the bucket of their time to first token.
        used: By whom and at what.
    """

    at: int = 0
    ends: dict[str, int] = attrs.field(factory=dict)
    latency: dict[int, int] = attrs.field(factory=dict)
    first: dict[int, int] = attrs.field(factory=dict)
    used: dict[Whose, Used] = attrs.field(factory=dict)

    @property
    def calls(self) -> int:
        """How many ended."""
        return sum(self.ends.values())

    @property
    def failed(self) -> int:
        """How many of them were not served."""
        return self.calls - self.ends.get("", 0)

    def of(self, whose: Whose) -> Used:
        """Return what `whose` attempts are added to."""
        found = self.used.get(whose)
        if found is None:
            if len(self.used) >= MOST_NAMES:
                whose = OTHERS
            found = self.used.setdefault(whose, Used())
        return found

    def add(self, other: "Slot") -> None:
        """Take `other` in."""
        for reason, count in other.ends.items():
            self.ends[reason] = self.ends.get(reason, 0) + count
        for mine, theirs in ((self.latency, other.latency), (self.first, other.first)):
            for each, count in theirs.items():
                mine[each] = mine.get(each, 0) + count
        for whose, used in other.used.items():
            self.of(whose).add(used)


@attrs.define(eq=False)
class Statistics:
    """Counts calls and attempts; times are the event loop's, in seconds.

    Attributes:
        arrived: Of all answers that have ended, in quarters of a token.
    """

    arrived: int = 0
    _now: Slot = attrs.field(factory=lambda: Slot(-1))
    _fine: deque[Slot] = attrs.field(factory=deque)
    _coarse: deque[Slot] = attrs.field(factory=deque)

    def call(self, now_s: float, reason: str, duration_s: float) -> None:
        """Count a call that ended."""
        slot, second = self._now, int(now_s)
        if second > slot.at:
            # What comes a moment late is counted in the newest second.
            slot = self._next(second)
        slot.ends[reason] = slot.ends.get(reason, 0) + 1
        if not reason:
            which = bucket(duration_s)
            slot.latency[which] = slot.latency.get(which, 0) + 1

    def attempt(self, now_s: float, caller: str, attempt: Attempt, *, streamed: bool) -> None:
        """Count an attempt that ended."""
        slot, second = self._now, int(now_s)
        if second > slot.at:
            slot = self._next(second)
        whose, usage = (attempt.provider, attempt.model, caller), attempt.usage
        used = slot.used.get(whose) or slot.of(whose)
        used.attempts += 1
        used.failed += attempt.outcome is not AttemptOutcome.SERVED
        used.input_tokens += usage.input_tokens or 0
        used.output_tokens += usage.output_tokens or 0
        if usage.cost_nano_usd is not None:
            used.nano_usd += usage.cost_nano_usd
            used.priced += 1
        if streamed and attempt.first_token_s is not None:
            which = bucket(attempt.first_token_s)
            slot.first[which] = slot.first.get(which, 0) + 1

    def window(self, now_s: float, window_s: int, step_s: int) -> list[Slot]:
        """See `windowed`."""
        return windowed(self._seconds, self._minutes, now_s, window_s, step_s)

    def over_since(self, second: int) -> list[Slot]:
        """Return the seconds after this one that are over, oldest first; they do not change any more."""
        return [each for each in self._fine if each.at > second]

    @property
    def running(self) -> Slot:
        """The second that is not over."""
        return self._now

    def _seconds(self) -> Iterator[Slot]:
        yield from self._fine
        yield self._now

    def _minutes(self) -> Iterator[Slot]:
        yield from self._coarse
        # Not yet in its minute.
        running = Slot(self._now.at * FINE_S // COARSE_S)
        running.add(self._now)
        yield running

    def _next(self, second: int) -> Slot:
        over = self._now
        if over.at >= 0:
            self._fine.append(over)
            minute = over.at * FINE_S // COARSE_S
            if not self._coarse or self._coarse[-1].at != minute:
                self._coarse.append(Slot(minute))
            self._coarse[-1].add(over)
        _forget(self._fine, second - FINE_KEPT_S)
        _forget(self._coarse, second // COARSE_S - COARSE_KEPT_S // COARSE_S)
        self._now = Slot(second)
        return self._now


def windowed(
    seconds: Callable[[], Iterable[Slot]],
    minutes: Callable[[], Iterable[Slot]],
    now_s: float,
    window_s: int,
    step_s: int,
) -> list[Slot]:
    """Return the last `window_s`, oldest first, in steps of `step_s`; the last one is not over yet.

    Args:
        seconds: Gives what happened by the second.
        minutes: Gives it by the minute.
        now_s: The moment.
        window_s: Whole steps, not more than is kept.
        step_s: Whole minutes, where it goes further back than seconds are kept.
    """
    fine = window_s <= FINE_KEPT_S
    last = int(now_s) // step_s
    steps = [Slot(at) for at in range(last - window_s // step_s + 1, last + 1)]
    for slot in seconds() if fine else minutes():
        at = slot.at * (FINE_S if fine else COARSE_S) // step_s - steps[0].at
        if 0 <= at < len(steps):
            steps[at].add(slot)
    return steps


def total(slots: Iterable[Slot]) -> Slot:
    """Return all `slots` as one."""
    whole = Slot()
    for each in slots:
        whole.add(each)
    return whole


def _forget(slots: deque[Slot], until: int) -> None:
    while slots and slots[0].at <= until:
        slots.popleft()
