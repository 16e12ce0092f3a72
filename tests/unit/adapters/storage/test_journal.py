"""The journal: what is put into it comes out again, whatever happened to the file."""

import os
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.writing.journal import (
    Journal,
    JournalFull,
    JournalUnusable,
    open_journal,
)

ROWS = [b'{"a":1}', b'{"b":"\xc3\xbc"}', b"{}"]
LARGE = 10**9


def everything(journal: Journal, most: int = 2) -> list[bytes]:
    """Read and forget all rows."""
    found: list[bytes] = []
    while not journal.empty:
        rows, end = journal.read(most)
        found += rows
        journal.advance(end)
    return found


def filled(path: Path, rows: Sequence[bytes] = ROWS) -> Path:
    with open_journal(path, LARGE) as journal:
        journal.append(rows)
    return path


def test_rows_come_back_in_their_order_and_an_empty_journal_takes_no_space(tmp_path: Path) -> None:
    path = tmp_path / "state" / "usage.journal"
    with open_journal(path, LARGE) as journal:
        assert journal.empty
        journal.append(ROWS[:2])
        journal.append(ROWS[2:])
        journal.sync()
        assert everything(journal) == ROWS
        assert path.stat().st_size == 0
        journal.append(ROWS)
        assert everything(journal, 100) == ROWS
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_was_not_forgotten_is_there_after_a_restart(tmp_path: Path) -> None:
    path = filled(tmp_path / "j")
    with open_journal(path, LARGE) as journal:
        rows, _ = journal.read(1)
        assert rows == ROWS[:1]
    with open_journal(path, LARGE) as journal:
        assert everything(journal) == ROWS


def test_a_row_longer_than_a_read_comes_back_whole(tmp_path: Path) -> None:
    rows = [b"x" * 3_000_000, b"y"]
    with open_journal(filled(tmp_path / "j", rows), LARGE) as journal:
        assert everything(journal) == rows


@given(st.integers(1, 60))
def test_a_torn_tail_costs_the_last_rows_alone(cut: int) -> None:
    path = Path(os.environ["XDG_STATE_HOME"]) / "torn"
    path.unlink(missing_ok=True)
    whole = filled(path).stat().st_size
    os.truncate(path, max(whole - cut, 0))
    with open_journal(path, LARGE) as journal:
        left = everything(journal)
        assert left == ROWS[: len(left)]
        lengths = [len(row) + 10 for row in ROWS]
        assert len(left) == sum(sum(lengths[: n + 1]) <= whole - cut for n in range(3))
        journal.append(ROWS)
        assert everything(journal) == ROWS


def test_a_damaged_line_is_passed_over_and_counted(tmp_path: Path) -> None:
    path = filled(tmp_path / "j")
    text = bytearray(path.read_bytes())
    text[12] ^= 1
    path.write_bytes(text)
    with open_journal(path, LARGE) as journal:
        assert everything(journal) == ROWS[1:]
        assert journal.damaged == 1


def test_a_full_journal_takes_all_of_the_rows_or_none(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j", 40) as journal:
        journal.append(ROWS[:1])
        with pytest.raises(JournalFull):
            journal.append(ROWS)
        assert everything(journal) == ROWS[:1]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with open_journal(path, LARGE) as journal:
        journal.append(ROWS[:1])
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal.size + 15, before[1]))
        try:
            with pytest.raises(OSError, match="large"):
                journal.append(ROWS[1:])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert path.stat().st_size == journal.size
        journal.append(ROWS[1:])
        assert everything(journal) == ROWS


def test_each_server_has_a_journal_of_its_own_and_takes_over_what_a_dead_one_left(
    tmp_path: Path,
) -> None:
    path = tmp_path / "usage.journal"
    with open_journal(path, LARGE) as first:
        with open_journal(path, LARGE) as second:
            first.append(ROWS[:1])
            second.append(ROWS[1:])
            assert everything(first) == ROWS[:1]
            # Gone without reading its own.
        assert (tmp_path / "usage-2.journal").stat().st_size > 0
    with open_journal(path, LARGE) as third:
        assert everything(third) == ROWS[1:]
    assert (tmp_path / "usage-2.journal").stat().st_size == 0


def test_a_journal_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalUnusable, match="file"), open_journal(tmp_path / "file/j", LARGE):
        pytest.fail("the block must not be entered")
