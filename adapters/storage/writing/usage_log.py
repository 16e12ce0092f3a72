"""The usage log that the service sees: a writer, and whether to wait for it."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import attrs

from adapters.storage.writing.bounds import WriterBounds, WriterStats
from adapters.storage.writing.hand import Hand
from adapters.storage.writing.journal import Journal, open_journal
from adapters.storage.writing.sink import Sink
from adapters.storage.writing.writer import Kept, Writer
from domain.model.usage import UsageRecord


@attrs.frozen
class BatchedUsageLog:
    """Takes a record over at once; a process that is killed loses what came in the last window.

    Attributes:
        waits: Not where a record is put in a line of its own.
    """

    _writer: Writer
    waits: bool = attrs.field(default=False, init=False)

    def ready(self) -> None:
        """See `ports.usage_log.UsageLog`."""
        self._writer.ready()

    async def append(self, record: UsageRecord, /) -> None:
        """See `ports.usage_log.UsageLog`."""
        self._writer.put(record, None)

    @property
    def stats(self) -> WriterStats:
        """What became of the records so far."""
        return self._writer.stats


@attrs.frozen
class StrictUsageLog:
    """Returns when a record is on the disk, in the database or the journal; many share one commit.

    Attributes:
        waits: Until the disk has it.
    """

    _writer: Writer
    waits: bool = attrs.field(default=True, init=False)

    def ready(self) -> None:
        """See `ports.usage_log.UsageLog`."""
        self._writer.ready()

    async def append(self, record: UsageRecord, /) -> None:
        """See `ports.usage_log.UsageLog`."""
        kept = anyio.Event()
        self._writer.put(record, kept.set)
        await kept.wait()

    @property
    def stats(self) -> WriterStats:
        """What became of the records so far."""
        return self._writer.stats


@asynccontextmanager
async def open_batched(
    sink: Sink, journal: Path, journal_bytes: int, bounds: WriterBounds, tell: Callable[[str], None]
) -> AsyncIterator[BatchedUsageLog]:
    """Keep records in `sink`, a window at a time, while the block runs.

    Args:
        sink: The database; whoever opened it closes it, after this.
        journal: Where to keep what it does not take; the folder is made if it is missing.
        journal_bytes: How large that may become.
        bounds: How records are gathered.
        tell: Told in a sentence, from another thread, what ceases or begins to work.

    Raises:
        JournalUnusable: The journal cannot be opened.

    Resource handling:
        Leaving the block keeps what is left, first in the database and then in the journal.
    """
    async with _running(sink, journal, journal_bytes, bounds, tell, _as_it_is) as writer:
        yield BatchedUsageLog(writer)


@asynccontextmanager
async def open_strict(
    sink: Sink, journal: Path, journal_bytes: int, bounds: WriterBounds, tell: Callable[[str], None]
) -> AsyncIterator[StrictUsageLog]:
    """As `open_batched`, without a window: `append` waits until the record is on the disk."""
    async with _running(sink, journal, journal_bytes, bounds, tell, Journal.sync) as writer:
        yield StrictUsageLog(writer)


def _as_it_is(_: Journal) -> None:
    """What the kernel has survives us."""


@asynccontextmanager
async def _running(
    sink: Sink,
    path: Path,
    journal_bytes: int,
    bounds: WriterBounds,
    tell: Callable[[str], None],
    settle_journal: Callable[[Journal], None],
) -> AsyncIterator[Writer]:
    token = anyio.lowlevel.current_token()

    def release(kept: Sequence[Kept]) -> None:
        anyio.from_thread.run_sync(_call, kept, token=token)

    with open_journal(path, journal_bytes) as journal, _one_thread(sink) as executor:
        hand = Hand(sink, executor, bounds, tell)
        writer = Writer(hand, journal, bounds, settle_journal, release, tell)
        # Not AnyIO's: those are for what ends, and are counted.
        thread = threading.Thread(target=writer.run, name="usage-writer", daemon=True)
        thread.start()
        try:
            yield writer
        finally:
            with anyio.CancelScope(shield=True):
                writer.close()
                await anyio.to_thread.run_sync(thread.join)


@contextmanager
def _one_thread(sink: Sink) -> Iterator[ThreadPoolExecutor]:
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="usage-database")
    try:
        yield executor
    finally:
        sink.interrupt()
        executor.shutdown()


def _call(kept: Sequence[Kept]) -> None:
    for each in kept:
        each()
