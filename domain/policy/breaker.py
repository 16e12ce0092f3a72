"""When a route that fails is left alone: a breaker, closed, open and half-open.

Laws: only what the provider is to blame for counts; what was begun before a change of state changes nothing
after it; a half-open breaker lets no more than its probes through; whoever is let through says how it ended.
"""

from enum import StrEnum

import attrs

from domain.model.errors import ErrorReason

TRIPPING = frozenset(
    {
        ErrorReason.PROVIDER_OVERLOADED,
        ErrorReason.PROVIDER_SERVER_ERROR,
        ErrorReason.PROVIDER_CONNECTION_FAILED,
        ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN,
        ErrorReason.PROVIDER_TIMEOUT_IDLE,
        ErrorReason.PROVIDER_STREAM_TRUNCATED,
        ErrorReason.PROVIDER_PROTOCOL_ERROR,
    }
)
"""What says that a route does not work; what is wrong with a key is for `cooldown`."""
PROBED_S = 1.0
"""When to ask again while the probes are out; how long they take is not known."""


class BreakerState(StrEnum):
    """Closed: calls pass. Open: none does. Half-open: a few do, to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@attrs.frozen(kw_only=True)
class BreakerRules:
    """When a breaker opens and closes.

    Attributes:
        window_s: What is older does not count.
        min_calls: With fewer in the window it stays closed, however they ended.
        failure_share: Share of failures in the window at which it opens.
        open_s: How long it is open at first; twice as long each time a probe fails.
        longest_open_s: At most.
        probes: Calls let through at once when half-open; so many must succeed for it to close.
    """

    window_s: float = 30.0
    min_calls: int = 10
    failure_share: float = 0.5
    open_s: float = 10.0
    longest_open_s: float = 120.0
    probes: int = 1


@attrs.define(eq=False)
class Breaker:
    """One route's breaker. Times are on one clock that never goes back.

    The window slides in two halves: what the older one holds counts as far as it still overlaps.

    Attributes:
        state: As of the latest question.
        until_s: If open: from when on it is half-open.
        reason: Why it opened last, or what failed last.
    """

    rules: BreakerRules
    state: BreakerState = BreakerState.CLOSED
    until_s: float = 0.0
    reason: ErrorReason | None = None
    _epoch: int = 0
    _opened: int = 0
    _probing: int = 0
    _succeeded: int = 0
    _since_s: float = 0.0
    _calls: int = 0
    _failures: int = 0
    _calls_before: int = 0
    _failures_before: int = 0

    def wait_s(self, now_s: float) -> float:
        """Return after how many seconds a call may pass; 0: now."""
        if self.state is BreakerState.CLOSED:
            return 0.0
        if self.state is BreakerState.OPEN:
            if now_s < self.until_s:
                return self.until_s - now_s
            self._enter(BreakerState.HALF_OPEN)
        return 0.0 if self._probing + self._succeeded < self.rules.probes else PROBED_S

    def begin(self) -> int:
        """Take note of a call that passes, which must `end` with the number that this returns."""
        if self.state is BreakerState.HALF_OPEN:
            self._probing += 1
        return self._epoch

    def end(self, begun: int, now_s: float, failure: ErrorReason | None) -> None:
        """Take note of how a call ended.

        Args:
            begun: What `begin` returned.
            now_s: The moment.
            failure: One of `TRIPPING`; None: the route works.
        """
        if begun != self._epoch:
            return
        if self.state is BreakerState.HALF_OPEN:
            self._probing -= 1
            self._probed(now_s, failure)
            return
        if now_s - self._since_s >= self.rules.window_s:
            self._slide(now_s)
        self._calls += 1
        if failure is not None:
            self._failures += 1
            self.reason = failure
            if self._broken(now_s):
                self._open(now_s)

    def forget(self, begun: int) -> None:
        """Take note that a call ended in a way that says nothing about the route."""
        if begun == self._epoch and self.state is BreakerState.HALF_OPEN:
            self._probing -= 1

    def _probed(self, now_s: float, failure: ErrorReason | None) -> None:
        if failure is not None:
            self.reason = failure
            self._open(now_s)
            return
        self._succeeded += 1
        if self._succeeded >= self.rules.probes:
            self._opened = 0
            self._enter(BreakerState.CLOSED)

    def _open(self, now_s: float) -> None:
        # Bounded, so that it never grows beyond what a float holds.
        longer = 2.0 ** min(self._opened, 32)
        self._opened += 1
        self.until_s = now_s + min(self.rules.open_s * longer, self.rules.longest_open_s)
        self._enter(BreakerState.OPEN)

    def _enter(self, state: BreakerState) -> None:
        self.state = state
        self._epoch += 1
        self._probing = self._succeeded = 0
        self._calls = self._failures = self._calls_before = self._failures_before = 0

    def _slide(self, now_s: float) -> None:
        stale = now_s - self._since_s >= 2 * self.rules.window_s
        self._calls_before = 0 if stale else self._calls
        self._failures_before = 0 if stale else self._failures
        self._calls = self._failures = 0
        self._since_s = now_s if stale else self._since_s + self.rules.window_s

    def _broken(self, now_s: float) -> bool:
        overlap = 1.0 - (now_s - self._since_s) / self.rules.window_s
        calls = self._calls + overlap * self._calls_before
        failures = self._failures + overlap * self._failures_before
        return calls >= self.rules.min_calls and failures >= self.rules.failure_share * calls
