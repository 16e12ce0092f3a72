"""Lines go out in a thread of their own: no event loop ever waits for a terminal, a pipe or a disk.

Laws: to hand a line over never waits and never raises; what is held is bounded; what finds no room, or
cannot be written, is dropped whole, counted, and told in a line as soon as one can be written; lines keep
their order.
"""

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

PACE_S = 0.02
"""How long lines are gathered while they keep coming: a busy server writes 50 times a second, not 5,000."""


@attrs.define(eq=False)
class LineWriter:
    """Takes lines in; see `open_writer`, which has them written.

    Attributes:
        write: Puts bytes out, however long it takes.
        notice: Gives the line that says how many were dropped.
        max_bytes: Most that is held, in bytes.
        dropped: Lines that were lost since the start.
    """

    write: Callable[[bytes], None]
    notice: Callable[[int], bytes]
    max_bytes: int = 4_194_304
    dropped: int = 0
    _told: int = 0
    _lines: list[bytes] = attrs.field(factory=list)
    _held: int = 0
    _idle: bool = False
    _threaded: bool = False
    _lock: threading.Lock = attrs.field(factory=threading.Lock)
    _wake: threading.Event = attrs.field(factory=threading.Event)
    _ending: threading.Event = attrs.field(factory=threading.Event)

    def put(self, line: bytes) -> None:
        """Have `line` written soon; where no thread runs, now."""
        with self._lock:
            if self._held + len(line) > self.max_bytes:
                self.dropped += 1
                return
            self._lines.append(line)
            self._held += len(line)
            woken, self._idle = self._idle, False
        if woken:
            self._wake.set()
        elif not self._threaded:
            self._flush()

    def run(self) -> None:
        """Write until `end`, and then what is left; for a thread of its own."""
        while True:
            while self._flush():
                self._ending.wait(PACE_S)
            if self._ending.is_set():
                return
            self._wake.wait()
            self._wake.clear()

    def begin(self) -> None:
        """Know that a thread is about to write."""
        self._threaded = True

    def end(self) -> None:
        """Have the thread end once everything is written."""
        self._ending.set()
        self._wake.set()

    def ended(self) -> None:
        """Know that no thread writes any more."""
        self._threaded = False
        self._flush()

    def _flush(self) -> bool:
        """Write what is there; return whether there was anything."""
        with self._lock:
            lines, self._lines = self._lines, []
            missing, self._told = self.dropped - self._told, self.dropped
            if not lines and not missing:
                # Not while it is to end: nobody would wait to be woken.
                self._idle = not self._ending.is_set()
                return False
        said = b"".join(lines)
        try:
            self.write(self.notice(missing) + said if missing else said)
        except OSError:
            # Who read is gone, or the disk is full. There is nobody to tell but who counts.
            with self._lock:
                self.dropped += len(lines)
                self._told = self.dropped
        with self._lock:
            self._held -= len(said)
        return True


@contextmanager
def open_writer(writer: LineWriter, flush_s: float) -> Iterator[LineWriter]:
    """Have a thread write while the block runs; leaving it waits for what is left, at most `flush_s`.

    A thread that hangs in its last write is left behind: it does not keep the program alive.
    """
    thread = threading.Thread(target=writer.run, name="log", daemon=True)
    writer.begin()
    thread.start()
    try:
        yield writer
    finally:
        writer.end()
        thread.join(flush_s)
        if not thread.is_alive():
            writer.ended()


def to_descriptor(descriptor: int) -> Callable[[bytes], None]:
    """Return what writes bytes to `descriptor`, whole, also where it does not block by itself."""

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:
                select.select([], [descriptor], [])

    return write
