"""A local file for what the database cannot take now: appended to, read from its start.

One line a row: eight hexadecimal digits of CRC-32, a space, the row as JSON. A last line that was cut off
is cut away when the file is opened; a line that is damaged is passed over and counted. One process owns a
file at a time (flock); the next server finds the next name, and takes over what a dead one left behind.

It is empty again when all is read. Not for several threads at once.
"""

import fcntl
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs

_MOST_FILES = 64
_CRC_SIZE = 9
_READ_BYTES = 1024 * 1024
_MOST_ROWS = 1_000


class JournalUnusable(Exception):
    """The journal cannot be opened; the message says why."""


class JournalFull(Exception):
    """Nothing more fits into the journal."""


@attrs.define(eq=False)
class Journal:
    """An open journal.

    Attributes:
        max_bytes: How large it may become.
        size: How large it is, in bytes.
        damaged: Lines that were passed over.
    """

    _descriptor: int
    max_bytes: int
    size: int = 0
    damaged: int = 0
    _read_at: int = 0

    @property
    def empty(self) -> bool:
        """Whether everything was read."""
        return self._read_at >= self.size

    @property
    def unread_bytes(self) -> int:
        """How much is still to be read."""
        return self.size - self._read_at

    def append(self, rows: Sequence[bytes]) -> None:
        """Add all `rows`, or none; they survive this process, but not yet the machine.

        Raises:
            JournalFull: They do not fit.
            OSError: The disk is full, or broken.
        """
        text = b"".join(b"%08x %b\n" % (zlib.crc32(row), row) for row in rows)
        if self.size + len(text) > self.max_bytes:
            raise JournalFull
        try:
            _write_all(self._descriptor, text)
        except OSError:
            # Half a line would spoil the one after it.
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(text)

    def sync(self) -> None:
        """Have everything on the disk itself.

        Raises:
            OSError: The disk is broken.
        """
        os.fsync(self._descriptor)

    def read(self, most: int) -> tuple[Sequence[bytes], int]:
        """Return the next rows, `most` at a time, and where they end, for `advance`."""
        rows: list[bytes] = []
        end = self._read_at
        for line in self._lines(most):
            end += len(line)
            row = _row(line)
            if row is None:
                self.damaged += 1
            else:
                rows.append(row)
        return rows, end

    def _lines(self, most: int) -> Sequence[bytes]:
        wanted = _READ_BYTES
        while True:
            text = os.pread(self._descriptor, min(wanted, self.unread_bytes), self._read_at)
            whole = text[: text.rfind(b"\n") + 1]
            if whole or wanted >= self.unread_bytes:
                return whole.splitlines(keepends=True)[:most]
            # A line longer than that.
            wanted *= 2

    def advance(self, end: int) -> None:
        """Forget what was read up to `end`; an empty journal takes no space."""
        self._read_at = end
        if self.empty:
            os.ftruncate(self._descriptor, 0)
            self.size = self._read_at = 0


@contextmanager
def open_journal(path: Path, max_bytes: int) -> Iterator[Journal]:
    """Own the journal at `path` while the block runs, or one beside it if another server has that.

    Raises:
        JournalUnusable: The file cannot be made or read.
    """
    with ExitStack() as stack:
        try:
            journal = _opened(path, max_bytes, stack)
        except (OSError, JournalFull) as error:
            raise JournalUnusable(f"the journal {path}: {error}") from None
        yield journal


def _opened(path: Path, max_bytes: int, stack: ExitStack) -> Journal:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = next(
        (found for place in _places(path) if (found := _locked(place, stack)) is not None), None
    )
    if own is None:
        raise BlockingIOError(f"it and {_MOST_FILES - 1} beside it are all in use")
    journal = Journal(own, max_bytes, size=_without_torn_tail(own))
    for place in _places(path):
        if place.exists():
            _take_over(place, journal)
    return journal


def _places(path: Path) -> Iterator[Path]:
    yield path
    for number in range(2, _MOST_FILES + 1):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _locked(path: Path, stack: ExitStack) -> int | None:
    """Open and lock the file at `path` for as long as `stack` lives; None: somebody has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    stack.callback(os.close, descriptor)
    return descriptor


def _take_over(path: Path, journal: Journal) -> None:
    """Move what a server that is gone left at `path`; it stays there if there is no room."""
    with ExitStack() as stack:
        left = _locked(path, stack)
        if left is None:
            return
        size = _without_torn_tail(left)
        if not size or journal.size + size > journal.max_bytes:
            return
        other = Journal(left, size, size=size)
        while not other.empty:
            rows, end = other.read(_MOST_ROWS)
            journal.append(rows)
            if end >= size:
                # On the disk here before it is gone there.
                journal.sync()
            # The file itself stays: somebody may be about to lock it.
            other.advance(end)


def _without_torn_tail(descriptor: int) -> int:
    """Cut a last line away that is not whole; return the size that is left."""
    size = end = 0
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        for line in file:
            end += len(line)
            if line.endswith(b"\n"):
                size = end
    if size != end:
        os.ftruncate(descriptor, size)
    return size


def _row(line: bytes) -> bytes | None:
    row = line[_CRC_SIZE:-1]
    return row if line[:_CRC_SIZE] == b"%08x " % zlib.crc32(row) else None


def _write_all(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
