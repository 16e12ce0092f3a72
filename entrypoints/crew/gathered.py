"""Several workers, shown by their supervisor as the one server that they are.

Laws: it looks at each worker once a second in a few words, and every few seconds at what it has counted, so
that little is lost with one that dies; who looks on has everyone asked anew. It never waits long for one that
does not answer: what that said last is shown, and that it is silent. One that is stuck is killed, for it
takes connections as long as it is there. Nothing that was counted is forgotten.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
import trio
from loguru import logger

from adapters.telemetry.console.history import History
from adapters.telemetry.console.statistics import Slot
from adapters.telemetry.prometheus import names
from adapters.telemetry.prometheus.processes import MEMORY, of_process, of_the_collector
from adapters.telemetry.prometheus.series import Reading, Spec
from adapters.telemetry.prometheus.summing import Sums
from entrypoints.crew.member import Member
from entrypoints.crew.merged import merged, workers
from entrypoints.http.console.past import past
from entrypoints.http.console.snapshot import heading, moment
from entrypoints.http.console.view import View
from entrypoints.http.shown import Stopped, Unknowable

PULSE_S = 1.0
_COUNTED_EVERY = 5
"""Pulses."""
LONG_S = 60.0
"""Who is not heard for so long is stuck: a worker is killed then, and a server does not live."""


@attrs.define(eq=False)
class Gathered:
    """The workers of one server; see `entrypoints.http.shown.Shown`.

    Attributes:
        count: How many there are to be.
        has_console: Whether their calls are watched for people.
        stopping: Whether the server goes away.
    """

    count: int
    has_console: bool = True
    stopping: bool = False
    _members: dict[int, Member] = attrs.field(factory=dict)
    _processes: dict[int, Sequence[Reading]] = attrs.field(factory=dict)
    _starts: dict[int, int] = attrs.field(factory=dict)
    _sums: Sums = attrs.field(factory=Sums)
    _history: History = attrs.field(factory=History)
    _heard_s: float = attrs.field(factory=trio.current_time)

    @property
    def runs(self) -> int:
        """How many starts of workers there were."""
        return sum(self._starts.values())

    @property
    def members(self) -> Sequence[Member]:
        """Those that run."""
        return tuple(self._members.values())

    def took(self, slots: Sequence[Slot], shift_s: float) -> None:
        """Take in seconds that are over of a worker."""
        self._history.take(slots, shift_s, trio.current_time())

    def joined(self, member: Member) -> None:
        """Know a worker from now on."""
        self._members[member.worker] = member
        self._starts[member.worker] = self._starts.get(member.worker, 0) + 1

    def left(self, member: Member) -> None:
        """Keep what a worker has counted that is gone."""
        member.end()
        del self._members[member.worker]
        self._heard_s = max(self._heard_s, member.heard_s)
        self._sums.departed([*member.readings, *self._processes.pop(member.run, ())])
        if member.shift_s is not None:
            self.took([member.followed.running], member.shift_s)

    def demanding(self) -> bool:
        """Return whether callers must be known; as long as nobody has said so they must."""
        said = [each.demanding for each in self.members if each.demanding is not None]
        return any(said) if said else True

    def unlive(self) -> str:
        """Return why the server should be started again; empty: it lives."""
        heard_s = max((each.heard_s for each in self.members), default=self._heard_s)
        silence_s = trio.current_time() - max(heard_s, self._heard_s)
        return f"no worker has been heard for {silence_s:.0f} s" if silence_s > LONG_S else ""

    def unready(self) -> str:
        """Return why calls are not taken; empty: one worker takes them, which is enough."""
        if self.stopping:
            return "draining: calls finish, and no new ones are taken"
        whys = [
            f"worker {each.worker} does not answer" if each.silent else each.unready
            for each in self.members
        ]
        return "" if "" in whys else next(iter(whys), "no worker runs; it is started again")

    async def watch(self) -> None:
        """Look after the workers, until cancelled."""
        beats = 0
        while True:
            whats = ["pulse"]
            if beats % _COUNTED_EVERY == 0:
                whats += ["readings", "seconds"]
                self._look_at_processes()
            await self.refresh(*whats)
            self._end_the_stuck()
            beats += 1
            await trio.sleep(PULSE_S)

    async def refresh(self, *whats: str) -> None:
        """Ask all workers for `whats`, at once; those that do not answer in time are as they were."""
        async with trio.open_nursery() as nursery:
            for each in self.members:
                nursery.start_soon(partial(each.refresh, *whats))

    async def readings(self) -> Sequence[Reading]:
        """Return everything that was counted, by those that are gone too."""
        await self.refresh("pulse", "readings")
        self._look_at_processes()
        own = [*of_process(os.getpid()), *of_the_collector()]
        everyone = [[*each.readings, *self._processes.get(each.run, ())] for each in self.members]
        found = [each for each in self._sums.of([*everyone, own]) if each.spec != names.READY]
        ready = Reading(names.READY, {(): int(not self.unready())})
        return [*found, ready, *self._of_workers()]

    @property
    def is_one_process(self) -> bool:
        """Return that it is not."""
        return False

    async def snapshot(self, view: View, /) -> Mapping[str, Any]:
        """Return what the console shows."""
        await self.refresh("pulse", "present", "seconds")
        now, members = moment(), self.members
        running = [
            (each.followed.running, each.shift_s) for each in members if each.shift_s is not None
        ]
        return {
            **heading(self.unready(), now.wall_s, view),
            **past(self._history.beside(running), now.now_s, view),
            **merged(members),
            "workers": workers(self._members, self.count, now.now_s),
        }

    async def stop(self, call: str, /) -> Stopped | None:
        """End a call, ``RUN-NUMBER``, at the worker that has it.

        Raises:
            Unknowable: That one does not answer.
        """
        run, _, number = call.partition("-")
        for each in self.members:
            if number and each.run == int(run):
                found = await each.ask("stop", number=int(number))
                return None if found is None else Stopped(**found)
        return None

    async def caller(self, digest: bytes) -> Mapping[str, Any] | None:
        """Return what a worker knows of whose token has this digest; None: nobody has.

        Raises:
            Unknowable: No worker answers.
        """
        # Those that have answered lately first.
        for each in sorted(self.members, key=lambda each: each.silent):
            if each.demanding is None:
                # It does not know them yet.
                continue
            try:
                found: Mapping[str, Any] | None = await each.ask("caller", digest=digest.hex())
            except Unknowable:
                # The others know the same.
                continue
            return found
        raise Unknowable("no worker answers, and the callers are known to them alone")

    def _end_the_stuck(self) -> None:
        for each in self.members:
            silence_s = trio.current_time() - each.heard_s
            if silence_s > LONG_S:
                logger.bind(worker=each.worker).error(
                    "a worker has not answered for {:.0f} s; it is killed", silence_s
                )
                _kill(each.process)

    def _look_at_processes(self) -> None:
        for each in self.members:
            found = of_process(each.process)
            if found:
                self._processes[each.run] = found

    def _of_workers(self) -> Sequence[Reading]:
        members = {str(each.worker): each for each in self.members}
        numbers = [str(number) for number in range(1, self.count + 1)]
        return (
            _by(
                names.WORKER_UP, {each: each in members and members[each].is_up for each in numbers}
            ),
            _by(names.WORKER_STARTS, {each: self._starts.get(int(each), 0) for each in numbers}),
            _by(
                names.WORKER_STREAMS,
                {each: _sum(names.STREAMS_ACTIVE, of.readings) for each, of in members.items()},
            ),
            _by(
                names.WORKER_MEMORY,
                {
                    each: _sum(MEMORY, self._processes.get(of.run, ()))
                    for each, of in members.items()
                },
            ),
        )


def _kill(process: int) -> None:
    # Below 1 is not one process, but many.
    assert process > 0
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _by(spec: Spec, numbers: Mapping[str, float]) -> Reading:
    return Reading(spec, {(worker,): float(number) for worker, number in numbers.items()})


def _sum(spec: Spec, readings: Sequence[Reading]) -> float:
    found = [
        each for reading in readings if reading.spec == spec for each in reading.numbers.values()
    ]
    return sum(each for each in found if isinstance(each, int | float))
