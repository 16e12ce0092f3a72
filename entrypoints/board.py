"""What is shown of a server to those who look at it from outside: whether it takes calls, and its numbers."""

from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version

import anyio
import attrs
import trio

from adapters.storage.writing.bounds import WriterStats
from adapters.telemetry.console.registry import Registry
from adapters.telemetry.prometheus import names
from adapters.telemetry.prometheus.metrics import Metrics
from adapters.telemetry.prometheus.series import Distribution, Reading, Series, Spec, copied
from entrypoints.event_loop import loop_clock
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.server import Server
from entrypoints.inside import Inside

NO_STATS = WriterStats(
    waiting=0, written=0, journaled=0, journal_bytes=0, lost=0, away=False, last_commit_s=0.0
)
"""An account in memory."""
LOOK_EVERY_S = 0.25
_KNOWN_FOR_S = 60.0


@attrs.define(eq=False)
class Board:
    """Reads the numbers of a server; in the event loop's thread.

    Attributes:
        draining: Whether the server goes away.
        metrics: Of calls.
        inside: The service, once it is open.
        stats: What became of the usage records.
        server: Once it listens.
        registry: Knows the calls, for the console; ``None``: there is no console.
        lines_dropped: How many lines the log has lost.
    """

    draining: Draining
    metrics: Metrics
    inside: Inside = attrs.field(factory=Inside)
    stats: Callable[[], WriterStats] = lambda: NO_STATS
    server: Server | None = None
    registry: Registry | None = None
    lines_dropped: Callable[[], int] = lambda: 0
    _lag_s: Series[Distribution] = attrs.field(factory=lambda: Series(names.LOOP_LAG))

    def show(self, server: Server) -> None:
        """Have `server` looked at."""
        self.server = server
        self.metrics.methods = server.dispatcher.methods

    def unready(self) -> str:
        """Return why calls are not taken; empty: they are."""
        if self.draining.begun:
            return "draining: calls finish, and no new ones are taken"
        return "" if self.draining.serving else "starting: no calls are taken yet"

    def readings(self) -> list[Reading]:
        """Return everything, as it is now."""
        return [
            *self.metrics.readings(),
            *self._account(),
            *self._service(),
            *self._front_door(),
            copied(self._lag_s),
            _one(names.LOG_LINES_DROPPED, self.lines_dropped()),
            Reading(names.BUILD, {(version_of_ours(),): 1}),
            Reading(names.TASKS, {(): trio.lowlevel.current_statistics().tasks_living}),
            Reading(names.READY, {(): int(not self.unready())}),
        ]

    async def watch_the_loop(self) -> None:
        """Take the event loop's pulse, until cancelled."""
        lag_s = self._lag_s.of()
        while True:
            due_s = anyio.current_time() + LOOK_EVERY_S
            await anyio.sleep_until(due_s)
            lag_s.add(max(0.0, anyio.current_time() - due_s))

    def _account(self) -> Iterable[Reading]:
        stats = self.stats()
        return (
            _one(names.RECORDS_WAITING, stats.waiting),
            _one(names.RECORDS_WRITTEN, stats.written),
            _one(names.RECORDS_JOURNALED, stats.journaled),
            _one(names.RECORDS_LOST, stats.lost),
            _one(names.JOURNAL_BYTES, stats.journal_bytes),
            _one(names.DATABASE_AWAY, stats.away),
            _one(names.COMMIT_DURATION, stats.last_commit_s),
        )

    def _service(self) -> Iterable[Reading]:
        drains, limiter = self.inside.drains, self.inside.limiter
        if drains is not None:
            yield _one(names.DRAINS_ACTIVE, drains.draining)
            yield _one(names.DRAINS_REFUSED, drains.refused)
        away = getattr(limiter, "away", None)
        if away is not None:
            yield _one(names.LIMITER_AWAY, bool(away))

    def _front_door(self) -> Iterable[Reading]:
        server = self.server
        if server is not None:
            budget = server.budget
            yield _one(names.CONNECTIONS, server.connections)
            yield Reading(names.BYTES_HELD, {("in",): budget.held_in, ("out",): budget.held_out})


@attrs.define(eq=False)
class KnownModels:
    """Which models are the service's own, by provider and name."""

    inside: Inside
    _known: frozenset[tuple[str, str]] = frozenset()
    _read_s: float | None = None
    _clock: Callable[[], float] = attrs.field(factory=loop_clock)

    def has(self, provider: str, model: str) -> bool:
        """Return whether this is one; what comes and goes is looked at once a minute."""
        if (provider, model) in self._known:
            return True
        now_s, service = self._clock(), self.inside.service
        if service is None or (self._read_s is not None and now_s < self._read_s + _KNOWN_FOR_S):
            return False
        self._read_s = now_s
        self._known = frozenset((each.provider, each.model) for each in service.models())
        return (provider, model) in self._known


def board_of(draining: Draining, told_apart: int, stats: Callable[[], WriterStats] | None) -> Board:
    """Return a board for a server that is about to be opened.

    Args:
        draining: Of the server.
        told_apart: How many callers have metrics of their own.
        stats: What became of the usage records; ``None``: they are kept in memory.
    """
    inside = Inside()
    metrics = Metrics(knows=KnownModels(inside).has, told_apart=told_apart)
    return Board(draining, metrics, inside, stats or (lambda: NO_STATS))


def _one(spec: Spec, number: float) -> Reading:
    return Reading(spec, {(): float(number)})


def version_of_ours() -> str:
    """Return the version of this program."""
    try:
        return version("llmservice")
    except PackageNotFoundError:
        return "unknown"
