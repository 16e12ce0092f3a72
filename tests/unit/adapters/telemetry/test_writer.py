"""The writer of lines: nobody waits for it, and it says what it lost."""

import os
import threading
import time
from pathlib import Path

import attrs
import pytest

from adapters.telemetry.logs.writer import LineWriter, open_writer, to_descriptor

PATIENCE_S = 10.0


@attrs.define
class Out:
    """Where lines go; it stands still while `gate` is closed."""

    gate: threading.Event = attrs.field(factory=threading.Event)
    reached: threading.Event = attrs.field(factory=threading.Event)
    written: list[bytes] = attrs.field(factory=list)

    def write(self, data: bytes) -> None:
        self.reached.set()
        assert self.gate.wait(PATIENCE_S)
        self.written.append(data)

    def lines(self) -> list[bytes]:
        return b"".join(self.written).splitlines()


def writer_to(out: Out, max_bytes: int = 1_000) -> LineWriter:
    return LineWriter(out.write, lambda count: b"dropped %d\n" % count, max_bytes)


def test_who_logs_does_not_wait_for_who_writes() -> None:
    out = Out()
    writer = writer_to(out)
    with open_writer(writer, PATIENCE_S):
        writer.put(b"1\n")
        assert out.reached.wait(PATIENCE_S)
        # The write stands still, and this comes back all the same.
        for number in range(2, 100):
            writer.put(b"%d\n" % number)
        assert out.written == []
        out.gate.set()
    assert out.lines() == [b"%d" % number for number in range(1, 100)]
    assert writer.dropped == 0


def test_lines_that_come_while_one_is_written_go_out_together() -> None:
    out = Out()
    writer = writer_to(out)
    with open_writer(writer, PATIENCE_S):
        writer.put(b"1\n")
        assert out.reached.wait(PATIENCE_S)
        for number in range(2, 100):
            writer.put(b"%d\n" % number)
        out.gate.set()
    assert len(out.written) == 2


def test_what_finds_no_room_is_dropped_counted_and_told() -> None:
    out = Out()
    writer = writer_to(out, max_bytes=100)
    with open_writer(writer, PATIENCE_S):
        writer.put(b"x" * 59 + b"\n")
        assert out.reached.wait(PATIENCE_S)
        writer.put(b"y" * 39 + b"\n")
        writer.put(b"z\n")
        writer.put(b"z\n")
        assert writer.dropped == 2
        out.gate.set()
    assert out.lines() == [b"x" * 59, b"dropped 2", b"y" * 39]


def test_after_a_loss_there_is_room_again() -> None:
    out = Out()
    out.gate.set()
    writer = writer_to(out, max_bytes=10)
    writer.put(b"x" * 11)
    writer.put(b"123456789\n")
    writer.put(b"987654321\n")
    assert out.lines() == [b"dropped 1", b"123456789", b"987654321"]


def test_the_end_waits_for_the_last_lines() -> None:
    out = Out()
    out.gate.set()
    writer = writer_to(out, max_bytes=1_000_000)
    with open_writer(writer, PATIENCE_S):
        for number in range(1_000):
            writer.put(b"%d\n" % number)
    assert out.lines() == [b"%d" % number for number in range(1_000)]


def test_the_end_does_not_wait_for_ever() -> None:
    out = Out()
    writer = writer_to(out)
    begun = time.monotonic()
    with open_writer(writer, 0.05):
        writer.put(b"1\n")
    assert time.monotonic() - begun < PATIENCE_S / 2
    out.gate.set()


def test_what_comes_after_the_end_is_written_as_it_comes() -> None:
    out = Out()
    out.gate.set()
    writer = writer_to(out)
    with open_writer(writer, PATIENCE_S):
        pass
    writer.put(b"late\n")
    assert out.lines() == [b"late"]


def test_a_reader_that_is_gone_costs_lines_and_nothing_else() -> None:
    read, write = os.pipe()
    os.close(read)
    writer = LineWriter(to_descriptor(write), lambda count: b"")
    with open_writer(writer, PATIENCE_S):
        writer.put(b"1\n")
    writer.put(b"2\n")
    os.close(write)
    assert writer.dropped == 2


def test_a_line_is_written_whole_to_a_pipe_that_takes_it_in_pieces() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    line = b"x" * 300_000 + b"\n"
    thread = threading.Thread(target=to_descriptor(write), args=(line,))
    thread.start()
    got = b""
    while len(got) < len(line):
        got += os.read(read, 65_536)
    thread.join(PATIENCE_S)
    assert got == line
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("threads", [4])
def test_lines_of_many_threads_stay_whole(tmp_path: Path, threads: int) -> None:
    with (tmp_path / "log").open("wb") as file:
        writer = LineWriter(to_descriptor(file.fileno()), lambda count: b"")
        with open_writer(writer, PATIENCE_S):
            told = [
                threading.Thread(target=_put_many, args=(writer, b"%d" % mark * 50 + b"\n"))
                for mark in range(threads)
            ]
            for each in told:
                each.start()
            for each in told:
                each.join(PATIENCE_S)
    lines = (tmp_path / "log").read_bytes().splitlines()
    assert len(lines) == threads * 200
    assert all(len(set(line)) == 1 and len(line) == 50 for line in lines)


def _put_many(writer: LineWriter, line: bytes) -> None:
    for _ in range(200):
        writer.put(line)
