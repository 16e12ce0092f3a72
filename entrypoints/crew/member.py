"""One run of one worker, as its supervisor knows it: what it was asked, and what it said last.

Laws: a worker that does not answer holds nobody up for longer than the patience there is, and once it is
known not to answer, for hardly any; a bounded number of questions is open at once. An answer that comes late
is taken in all the same: it is newer than what was known.
"""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import attrs
import trio

from adapters.telemetry.console.history import Followed
from adapters.telemetry.console.history import unpacked as unpacked_slot
from adapters.telemetry.console.statistics import Slot
from adapters.telemetry.prometheus.packing import unpacked
from adapters.telemetry.prometheus.series import Reading
from entrypoints.crew.outbox import Outbox
from entrypoints.http.shown import Unknowable

PATIENCE_S = 2.0
IMPATIENCE_S = 0.1
"""With a worker that did not answer the last time."""
_MOST_ASKED = 32


@attrs.define(eq=False)
class _Question:
    what: str
    answered: trio.Event = attrs.field(factory=trio.Event)
    answer: Any = None
    is_lost: bool = False


@attrs.define(eq=False)
class Member:
    """A worker from its start to its end.

    Attributes:
        worker: Which of the workers, from 1.
        run: Tells it from all other starts of this supervisor's workers.
        process: Its number with the system.
        took: Is given the seconds that are over, each once, and by how much its clock is behind ours.
        silent: Whether it left the last question open.
        heard_s: When it was heard last, on our clock.
        unready: Why it takes no calls.
        demanding: Whether callers must be known; None: it has not said.
        readings: What it has counted.
        followed: What it said of its seconds.
        shift_s: By how much its clock is behind ours; None: it has not said.
        present: What the console shows of now; None: it has not said.
    """

    worker: int
    run: int
    process: int
    _outbox: Outbox
    took: Callable[[Sequence[Slot], float], None]
    silent: bool = False
    heard_s: float = attrs.field(factory=trio.current_time)
    unready: str = "starting: no calls are taken yet"
    demanding: bool | None = None
    readings: Sequence[Reading] = ()
    followed: Followed = attrs.field(factory=Followed)
    shift_s: float | None = None
    present: Mapping[str, Any] | None = None
    _gone: bool = False
    _asked: dict[int, _Question] = attrs.field(factory=dict)
    _numbers: "count[int]" = attrs.field(factory=count)

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self.demanding is not None and not self.silent

    @classmethod
    def at(
        cls,
        link: socket.socket,
        worker: int,
        run: int,
        process: int,
        took: Callable[[Sequence[Slot], float], None],
    ) -> "Member":
        """Return the worker at the other end of `link`, which does not block."""
        return cls(worker, run, process, Outbox(link), took)

    async def ask(self, what: str, **more: Any) -> Any:
        """Return the answer to `what`; see `entrypoints.crew.answers.Answers`.

        Raises:
            Unknowable: It does not answer.
        """
        if self._gone or len(self._asked) >= _MOST_ASKED:
            # Those are answered first, if it ever does.
            self.silent = True
            raise Unknowable(f"worker {self.worker} does not answer")
        number = next(self._numbers)
        question = self._asked[number] = _Question(what)
        self._outbox.put({"ask": number, "what": what, **more})
        with trio.move_on_after(IMPATIENCE_S if self.silent else PATIENCE_S):
            await question.answered.wait()
        if question.is_lost or not question.answered.is_set():
            self.silent = True
            raise Unknowable(f"worker {self.worker} does not answer")
        return question.answer

    async def refresh(self, *whats: str) -> None:
        """Ask for all of `whats`, and leave what is known as it is where no answer comes."""
        try:
            for what in whats:
                await self.ask(
                    what, **({"since": self.followed.since} if what == "seconds" else {})
                )
        except Unknowable:
            # `silent` says so.
            return

    def end(self) -> None:
        """Have nobody wait any more: it is gone."""
        self._gone = True
        for each in self._asked.values():
            each.is_lost = True
            each.answered.set()

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take in what it says."""
        self.heard_s, self.silent = trio.current_time(), False
        for what, answer in said.get("last", {}).items():
            self._learn(what, answer)
        question = self._asked.pop(said.get("answer", -1), None)
        if question is not None:
            question.answer = said["is"]
            self._learn(question.what, question.answer)
            question.answered.set()

    def _learn(self, what: str, answer: Any) -> None:
        if answer is None:
            return
        if what == "pulse":
            self.unready, self.demanding = answer["unready"], answer["demanding"]
        elif what == "readings":
            self.readings = unpacked(answer)
        elif what == "present":
            self.present = answer
        elif what == "seconds":
            self._count(answer)

    def _count(self, answer: Mapping[str, Any]) -> None:
        shift_s = self.shift_s
        if shift_s is None:
            # Both run at the same pace, so once is enough, and best is the same for all seconds.
            shift_s = self.shift_s = trio.current_time() - float(answer["now_s"])
        over = map(unpacked_slot, answer["over"])
        self.took(self.followed.over(over, unpacked_slot(answer["running"])), shift_s)


def lines(said: bytes) -> tuple[list[Mapping[str, Any]], bytes]:
    """Return the lines of `said` that are whole, read, and the rest."""
    *whole, rest = said.split(b"\n")
    return [json.loads(each) for each in whole], rest
