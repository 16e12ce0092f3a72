"""The hand that writes to the database: one transaction at a time, in a thread of its own.

It remembers when the database was away, and does not knock again before its pause is over.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from enum import Enum

import attrs

from adapters.storage.writing.bounds import WriterBounds
from adapters.storage.writing.rows import Row
from adapters.storage.writing.sink import RowRefused, Sink, SinkAway


class Answer(Enum):
    """What became of rows."""

    WRITTEN = "written"
    AWAY = "away"
    REFUSED = "refused"


@attrs.define(eq=False)
class Hand:
    """Writes, when it can.

    Attributes:
        away: Whether the last transaction failed, or still hangs.
        last_commit_s: How long the last one that succeeded took, in seconds.
    """

    _sink: Sink
    _executor: Executor
    _bounds: WriterBounds
    _tell: Callable[[str], None]
    _clock: Callable[[], float] = time.monotonic
    away: bool = False
    last_commit_s: float = 0.0
    _hanging: Future[None] | None = None
    _begun_s: float = 0.0
    _retry_at_s: float = 0.0
    _pause_s: float = 0.0

    @property
    def hangs(self) -> bool:
        """Whether a transaction is still going on."""
        return self._hanging is not None and not self._hanging.done()

    def wait_s(self) -> float:
        """Return when it is worth while to try, in seconds from now."""
        if self.hangs:
            return self._bounds.retry_first_s
        return max(0.0, self._retry_at_s - self._clock())

    def insert(self, rows: Sequence[Row]) -> Answer:
        """Write `rows` if that can be done now; what hangs may still be written later."""
        if self.hangs:
            return Answer.AWAY
        if self._hanging is not None:
            late, self._hanging = self._hanging, None
            self._answer(late)
        if self._clock() < self._retry_at_s:
            return Answer.AWAY
        self._begun_s = self._clock()
        transaction = self._executor.submit(self._sink.insert, rows)
        wait((transaction,), self._bounds.patience_s)
        if not transaction.done():
            self._hanging = transaction
            self._went(f"a transaction takes longer than {self._bounds.patience_s:g} s")
            return Answer.AWAY
        return self._answer(transaction)

    def _answer(self, transaction: Future[None]) -> Answer:
        try:
            transaction.result()
        except SinkAway as error:
            self._pause_s = min(
                max(self._pause_s * 2, self._bounds.retry_first_s), self._bounds.retry_most_s
            )
            self._retry_at_s = self._clock() + self._pause_s
            self._went(str(error))
            return Answer.AWAY
        except RowRefused:
            self._came()
            return Answer.REFUSED
        self._came()
        return Answer.WRITTEN

    def _went(self, why: str) -> None:
        if not self.away:
            self._tell(f"the usage database is away; records go to the journal: {why}")
        self.away = True

    def _came(self) -> None:
        if self.away:
            self._tell("the usage database is back")
        self.away = False
        self.last_commit_s = self._clock() - self._begun_s
        self._pause_s = self._retry_at_s = 0.0
