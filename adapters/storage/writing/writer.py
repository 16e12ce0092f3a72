"""The one writer: gathers records and keeps them, in the database or else in the journal.

`run` is a thread, which owns the order of things: it takes what waits, takes it apart and decides where it
goes. `put` and `ready` are the event loop's, and cost it next to nothing.

Laws: a record stays in memory until a transaction is committed or the journal has it. What went both ways
is there once, because a row knows its identity. What waits is bounded: beyond that new calls are refused,
and the records of those that are on their way are kept all the same.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import attrs

from adapters.storage.writing.bounds import WriterBounds, WriterStats
from adapters.storage.writing.hand import Answer, Hand
from adapters.storage.writing.journal import Journal, JournalFull
from adapters.storage.writing.rows import Row, line_of, row_in, rows_of
from domain.model.errors import ErrorReason, ServiceFailure
from domain.model.usage import UsageRecord

Kept = Callable[[], None]
"""Called when a record is as safe as it gets."""

_RETRY_AFTER_S = 1.0
_LOOK_AGAIN_S = 0.1
_ROWS_MEASURED = 8
_ROW_BYTES = 1024
"""What a row is taken to be as long as none was seen."""


@attrs.define(eq=False)
class Writer:
    """Keeps records.

    Args:
        hand: Writes to the database.
        journal: Takes what the database does not.
        settle_journal: Makes what went to the journal as safe as it has to be.
        release: Calls what it is given, in the event loop's thread.
        tell: Told in a sentence when the journal ceases or begins to work.
        clock: Seconds, from anywhere.
    """

    _hand: Hand
    _journal: Journal
    _bounds: WriterBounds
    _settle_journal: Callable[[Journal], None]
    _release: Callable[[Sequence[Kept]], None]
    _tell: Callable[[str], None]
    _clock: Callable[[], float] = time.monotonic
    _waiting: deque[tuple[UsageRecord, Kept | None]] = attrs.field(factory=deque)
    _unsafe: Sequence[Row] = ()
    _unsafe_kept: Sequence[Kept] = ()
    _wake: threading.Event = attrs.field(factory=threading.Event)
    _asleep: bool = False
    _since_s: float | None = None
    _close_at_s: float | None = None
    _room: int = 0
    _blocked: bool = False
    _written: int = 0
    _journaled: int = 0
    _lost: int = 0

    def __attrs_post_init__(self) -> None:
        self._make_room(_ROW_BYTES)

    # -------------------------------------------------------------- the event loop's side

    def ready(self) -> None:
        """Refuse a call whose record could not be kept.

        Raises:
            ServiceFailure: Too much waits, or neither database nor journal work.
        """
        if self._blocked or len(self._waiting) >= self._room:
            raise ServiceFailure(
                "the account of this call could not be kept now, so it is not begun",
                ErrorReason.SERVICE_OVERLOADED,
                retry_after_s=_RETRY_AFTER_S,
            )

    def put(self, record: UsageRecord, kept: Kept | None) -> None:
        """Take `record` over; `kept` is called once it is safe."""
        self._waiting.append((record, kept))
        if self._asleep or len(self._waiting) == self._bounds.batch_records:
            self._asleep = False
            self._wake.set()

    def close(self) -> None:
        """Have `run` keep what is left and end; nothing may be put after this."""
        self._close_at_s = self._clock() + self._bounds.close_s
        self._wake.set()

    @property
    def stats(self) -> WriterStats:
        """What became of the records so far; from any thread."""
        return WriterStats(
            waiting=len(self._waiting) + len(self._unsafe),
            written=self._written,
            journaled=self._journaled,
            journal_bytes=self._journal.unread_bytes,
            lost=self._lost,
            away=self._hand.away,
            last_commit_s=self._hand.last_commit_s,
        )

    # -------------------------------------------------------------- the writer's thread

    def run(self) -> None:
        """Keep records until closed."""
        try:
            while not self._over():
                self.step()
                pause_s = self._pause_s()
                if pause_s is None or pause_s > 0:
                    self._sleep(pause_s)
            self._give_up()
        finally:
            # Nobody is here any more to take a record.
            self._blocked = True

    def step(self) -> None:
        """Keep what is due, and bring back some of what is in the journal."""
        if self._unsafe:
            self._keep(self._unsafe, self._unsafe_kept)
        elif self._due():
            taken = [self._waiting.popleft() for _ in range(self._batch())]
            self._since_s = self._clock() if self._waiting else None
            rows = rows_of([record for record, _ in taken])
            some = [len(line_of(row)) for row in rows[:: 1 + len(rows) // _ROWS_MEASURED]]
            self._make_room(sum(some) // len(some))
            self._keep(rows, [kept for _, kept in taken if kept is not None])
        if not self._journal.empty:
            self._replay()

    def _due(self) -> bool:
        if not self._waiting:
            return False
        if self._since_s is None:
            self._since_s = self._clock()
        return (
            self._close_at_s is not None
            or len(self._waiting) >= self._bounds.batch_records
            or self._clock() >= self._since_s + self._bounds.window_s
        )

    def _batch(self) -> int:
        return min(len(self._waiting), self._bounds.batch_records)

    def _keep(self, rows: Sequence[Row], kept: Sequence[Kept]) -> None:
        left = self._insert(rows)
        if left and not self._journal_takes(left):
            self._unsafe, self._unsafe_kept = left, kept
            return
        self._unsafe = self._unsafe_kept = ()
        self._unblock()
        if kept:
            self._release(kept)

    def _insert(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Write `rows` to the database; return those that it did not take."""
        answer = self._hand.insert(rows)
        if answer is Answer.WRITTEN:
            self._written += len(rows)
            return ()
        if answer is Answer.AWAY:
            return rows
        if len(rows) == 1:
            self._lost += 1
            self._tell("the usage database refuses a record for good; it is lost")
            return ()
        # One is bad; the others must not suffer for it.
        half = len(rows) // 2
        return [*self._insert(rows[:half]), *self._insert(rows[half:])]

    def _journal_takes(self, rows: Sequence[Row]) -> bool:
        try:
            self._journal.append([line_of(row) for row in rows])
            self._settle_journal(self._journal)
        except JournalFull:
            self._block("the journal is full")
            return False
        except OSError as error:
            self._block(f"the journal cannot be written: {error.strerror}")
            return False
        self._journaled += len(rows)
        return True

    def _replay(self) -> None:
        if self._hand.wait_s() > 0:
            return
        lines, end = self._journal.read(self._bounds.batch_records)
        left = self._insert([row_in(line) for line in lines]) if lines else ()
        if not left:
            self._journal.advance(end)

    def _block(self, why: str) -> None:
        if not self._blocked:
            self._tell(f"new calls are refused, their records could not be kept: {why}")
        self._blocked = True

    def _unblock(self) -> None:
        if self._blocked:
            self._tell("records can be kept again, calls are taken")
        self._blocked = False

    def _make_room(self, row_bytes: int) -> None:
        # What waits is not taken apart yet: it is taken to be as long as some of the last ones were.
        self._room = min(
            self._bounds.backlog_records, self._bounds.backlog_bytes // max(row_bytes, 1)
        )

    # -------------------------------------------------------------- its sleep and its end

    def _pause_s(self) -> float | None:
        """Return for how long there is nothing to do; None: until something comes."""
        pauses: list[float] = []
        if self._unsafe:
            pauses.append(_LOOK_AGAIN_S)
        elif self._since_s is not None:
            pauses.append(max(0.0, self._since_s + self._bounds.window_s - self._clock()))
        if not self._journal.empty:
            pauses.append(self._hand.wait_s())
        if self._close_at_s is not None:
            pauses.append(_LOOK_AGAIN_S if self._unsafe else 0.0)
        return min(pauses, default=None)

    def _sleep(self, pause_s: float | None) -> None:
        self._wake.clear()
        # Whoever puts the first record wakes; the ones after it wait for the window's end.
        self._asleep = self._since_s is None and not self._unsafe
        enough = 1 if self._asleep else self._bounds.batch_records
        if self._unsafe or (len(self._waiting) < enough and self._close_at_s is None):
            self._wake.wait(pause_s)
        self._asleep = False

    def _over(self) -> bool:
        if self._close_at_s is None:
            return False
        if self._clock() >= self._close_at_s:
            return True
        return not (self._waiting or self._unsafe) and (self._journal.empty or self._hand.away)

    def _give_up(self) -> None:
        left = [*self._unsafe, *rows_of([record for record, _ in self._waiting])]
        if left and not self._journal_takes(left):
            self._lost += len(left)
            self._tell(f"{len(left)} usage records could not be kept anywhere, and are lost")
        self._release([*self._unsafe_kept, *(kept for _, kept in self._waiting if kept)])
        self._unsafe = self._unsafe_kept = ()
        self._waiting.clear()
