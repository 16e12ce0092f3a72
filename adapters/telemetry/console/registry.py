"""The calls in flight, and the last ones that ended: what a person sees who looks on.

Laws: it is told when a call begins, when a provider is asked, and when either ends; of an answer on its way
it is told nothing: how far that is stands in the attempt, and is read by whoever looks. Memory is bounded,
and nothing of the content of a call is kept: neither what was asked nor what was answered.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count, islice

import attrs

from adapters.telemetry.console.pace import Pace
from adapters.telemetry.console.statistics import Statistics
from domain.model.errors import ErrorReason
from domain.model.usage import Attempt
from domain.model.watch import LiveAttempt, Resort
from ports.telemetry import CallEnd, LiveCall

LAST_KEPT = 200


@attrs.define(eq=False)
class Finished:
    """A call that ended.

    Attributes:
        number: Of this process; request ids are the client's, and need not differ.
        provider: As asked for; so is `model`. Empty: no model was asked.
        began_s: On the event loop's clock.
        stopped: Whether an operator ended it.
        cache: Where the answer came from, if not from a provider; empty: that was not asked for.
        attempts: Oldest first; one of an answer that is read on comes later.
    """

    number: int
    request_id: str
    caller: str
    method: str
    provider: str
    model: str
    began_s: float
    end: CallEnd
    stopped: bool
    cache: str
    attempts: Sequence[Attempt]


@attrs.define(eq=False)
class Flight:
    """A call in flight, and who watches it.

    Both `call` and `live` lead back to it: it lets go of them when it lands, so that all that a call was is
    free then, and not when the collector comes by.

    Attributes:
        number: Of this process.
        call: The call itself; ``None``: it is over.
        live: The attempt that runs or ran last; ``None``: no provider has been asked.
        running: Whether it runs.
        tries: How many attempts have begun.
    """

    number: int
    call: LiveCall | None
    _registry: "Registry"
    live: LiveAttempt | None = None
    running: bool = False
    tries: int = 0

    def attempt(self, live: LiveAttempt, /) -> "_Tried":
        """See `domain.model.watch.ServedWatch`; so are the following."""
        if self.call is not None:
            self.live = live
        self.running = True
        self.tries += 1
        return _Tried(self, self._registry.statistics)

    def admitted(self, queued_s: float, /) -> None:
        """Do nothing: it stands in the call's ledger."""

    def refused(self, reason: ErrorReason, /) -> None:
        """Do nothing: it stands in the call's end."""

    def resorted(self, resort: Resort, /) -> None:
        """Do nothing: the attempts tell."""

    def ended(self, call: LiveCall, end: CallEnd, /) -> None:
        """See `ports.telemetry.CallWatch`."""
        registry = self._registry
        registry.aloft.pop(self.number, None)
        self.call = self.live = None
        asked = call.asked
        if asked is None and not end.reason:
            # A look at the health, a list of models.
            return
        registry.statistics.call(call.started_s + end.duration_s, end.reason, end.duration_s)
        provider = model = cache = ""
        attempts: Sequence[Attempt] = ()
        stopped = False
        if asked is not None:
            request, ledger = asked.request, asked.ledger
            provider, model, attempts = request.provider, request.model, ledger.attempts
            stopped = ledger.stopped
            cache = "" if ledger.cache_status is None else ledger.cache_status.value
        registry.last.append(
            Finished(
                self.number,
                call.request_id,
                call.caller.name,
                call.method,
                provider,
                model,
                call.started_s,
                end,
                stopped,
                cache,
                attempts,
            )
        )


@attrs.define(eq=False)
class _Tried:
    """Watches one attempt."""

    _flight: Flight
    _statistics: Statistics

    def ended(self, live: LiveAttempt, attempt: Attempt | None, /) -> None:
        flight, statistics = self._flight, self._statistics
        if flight.live is live:
            flight.running = False
        statistics.arrived += live.arrived
        if attempt is not None:
            now_s = live.start_s + attempt.total_s
            statistics.attempt(now_s, live.caller, attempt, streamed=live.streamed)


@attrs.define(eq=False)
class Registry:
    """Watches all calls of a process.

    Attributes:
        statistics: Of those that ended.
        last: The latest calls that ended, oldest first: those that asked a model, and those that failed.
        pace: How fast answers come.
        aloft: The calls in flight by their numbers, oldest first.
    """

    statistics: Statistics = attrs.field(factory=Statistics)
    last: deque[Finished] = attrs.field(factory=lambda: deque(maxlen=LAST_KEPT))
    pace: Pace = attrs.field(factory=Pace)
    aloft: dict[int, Flight] = attrs.field(init=False, factory=dict)
    _numbers: Iterator[int] = attrs.field(init=False, factory=lambda: count(1))

    def call(self, call: LiveCall, /) -> Flight:
        """See `ports.telemetry.Telemetry`."""
        number = next(self._numbers)
        flight = self.aloft[number] = Flight(number, call, self)
        return flight

    def rejected(self, code: str, reason: str, /) -> None:
        """Do nothing: it was no call."""

    @property
    def in_flight(self) -> int:
        """How many calls are."""
        return len(self.aloft)

    @property
    def arrived(self) -> int:
        """How much has come of all answers so far, in quarters of a token."""
        on_the_way = sum(
            each.live.arrived
            for each in self.aloft.values()
            if each.running and each.live is not None
        )
        return self.statistics.arrived + on_the_way

    def flights(self, most: int) -> list[Flight]:
        """Return the calls in flight that have been for longest, at most so many, oldest first."""
        return list(islice(self.aloft.values(), most))

    def stop(self, number: int) -> LiveCall | None:
        """End a call as an operator, and return it; None: it is not in flight."""
        flight = self.aloft.get(number)
        call = None if flight is None else flight.call
        if call is not None:
            call.stop()
        return call
