"""The writer: whatever database and disk do, a record is in memory, in the journal or in the database."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.writing.bounds import WriterBounds
from adapters.storage.writing.hand import Hand
from adapters.storage.writing.journal import Journal, open_journal
from adapters.storage.writing.writer import Kept, Writer
from domain.model.errors import ErrorReason, ServiceFailure
from tests.support.account_records import ScriptedSink, record

BOUNDS = WriterBounds(window_s=0.2, batch_records=4, patience_s=0, backlog_records=10)


class Inline(Executor):
    """Does what it is given at once, or, while `hangs`, when it is told to go on."""

    def __init__(self) -> None:
        self.hangs = False
        self._left: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - as an executor does
                future.set_exception(error)

        if self.hangs:
            self._left.append(work)
        else:
            work()
        return future

    def go_on(self) -> None:
        """Do what hangs."""
        self.hangs = False
        left, self._left = self._left, []
        for work in left:
            work()


@attrs.define(eq=False)
class World:
    """A writer without a thread, on a clock of its own."""

    journal: Journal
    bounds: WriterBounds = BOUNDS
    now_s: float = 0.0
    sink: ScriptedSink = attrs.field(factory=ScriptedSink)
    executor: Inline = attrs.field(factory=Inline)
    told: list[str] = attrs.field(factory=list)
    kept: list[int] = attrs.field(factory=list)
    synced: int = 0
    count: int = 0
    writer: Writer = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        hand = Hand(self.sink, self.executor, self.bounds, self.told.append, self.clock)
        self.writer = Writer(
            hand,
            self.journal,
            self.bounds,
            self._settle_journal,
            self._release,
            self.told.append,
            self.clock,
        )

    def clock(self) -> float:
        return self.now_s

    def _settle_journal(self, journal: Journal) -> None:
        journal.sync()
        self.synced += 1

    def _release(self, kept: Sequence[Kept]) -> None:
        for each in kept:
            each()

    def put(self, count: int = 1) -> None:
        """Put records with the next numbers as names."""
        for _ in range(count):
            number = self.count
            self.count += 1
            self.writer.put(record(f"{number:04}"), partial(self.kept.append, number))

    def step(self, after_s: float = 1.0) -> None:
        """Let time pass, and the writer work: notice what waits, and then what is due."""
        self.writer.step()
        self.now_s += after_s
        self.writer.step()

    @property
    def names(self) -> list[str]:
        """All that were put."""
        return [f"{number:04}" for number in range(self.count)]


@contextmanager
def opened(
    path: Path, journal_bytes: int = 10**9, bounds: WriterBounds = BOUNDS
) -> Iterator[World]:
    with open_journal(path / "usage.journal", journal_bytes) as journal:
        yield World(journal, bounds)


@pytest.fixture
def it(tmp_path: Path) -> Iterator[World]:
    with opened(tmp_path) as world:
        yield world


def test_records_are_gathered_for_a_window_and_written_at_once(it: World) -> None:
    it.put(2)
    it.writer.step()
    it.now_s += 0.19
    it.put()
    it.writer.step()
    assert it.sink.transactions == []
    it.now_s += 0.02
    it.writer.step()
    assert it.sink.transactions == [3]
    assert it.kept == [0, 1, 2]


def test_a_full_batch_does_not_wait_for_the_windows_end(it: World) -> None:
    it.put(9)
    it.writer.step()
    it.writer.step()
    assert it.sink.transactions == [4, 4]
    it.writer.step()
    assert it.sink.transactions == [4, 4]


def test_what_the_database_does_not_take_goes_to_the_journal_and_comes_back_in_order(
    it: World,
) -> None:
    it.sink.away = "no route"
    for _ in range(3):
        it.put(3)
        it.step()
    assert it.kept == list(range(9))
    assert it.synced == 3
    assert it.writer.stats.journaled == 9
    assert it.writer.stats.away
    assert it.told == ["the usage database is away; records go to the journal: no route"]
    it.sink.away = ""
    for _ in range(8):
        it.step()
    assert list(it.sink.rows.values()) == it.names
    assert it.writer.stats.journal_bytes == 0
    assert it.told[1:] == ["the usage database is back"]


def test_it_does_not_knock_all_the_time(it: World) -> None:
    knocks: list[float] = []
    it.sink.before = lambda: knocks.append(it.now_s)
    it.sink.away = "no route"
    it.put()
    for _ in range(200):
        it.step(0.1)
    pauses = [after - before for before, after in pairwise(knocks)]
    assert pauses[-1] == pytest.approx(5.0, abs=0.2)
    assert [round(each) for each in pauses] == sorted(round(each) for each in pauses)
    assert len(knocks) < 12


def test_a_transaction_that_hangs_is_left_to_itself_and_its_records_are_there_once(
    it: World,
) -> None:
    it.executor.hangs = True
    it.put(2)
    it.step()
    assert it.kept == [0, 1]
    it.put(2)
    it.step()
    assert it.kept == [0, 1, 2, 3]
    it.executor.go_on()
    assert it.sink.requests == it.names[:2]
    for _ in range(3):
        it.step()
    assert it.sink.requests == it.names
    assert len(it.sink.rows) == 4


def test_a_record_that_the_database_refuses_costs_no_other(it: World) -> None:
    it.sink.refused = frozenset({"0001"})
    it.put(4)
    it.step()
    assert it.sink.requests == ["0000", "0002", "0003"]
    assert it.kept == [0, 1, 2, 3]
    assert it.writer.stats.lost == 1
    assert any("lost" in sentence for sentence in it.told)


def test_calls_are_refused_where_nothing_could_keep_their_records(tmp_path: Path) -> None:
    with opened(tmp_path, journal_bytes=1500) as it:
        it.sink.away = "no route"
        it.put(1)
        it.step()
        it.writer.ready()
        it.put(4)
        it.step()
        with pytest.raises(ServiceFailure) as caught:
            it.writer.ready()
        assert caught.value.reason is ErrorReason.SERVICE_OVERLOADED
        assert caught.value.retryable
        assert caught.value.retry_after_s == 1.0
        # Those that were on their way.
        it.put(3)
        it.step()
        assert it.writer.stats.waiting == 7
        it.sink.away = ""
        for _ in range(10):
            it.step()
        it.writer.ready()
        assert it.sink.requests == it.names
        assert it.kept == list(range(8))
        assert it.writer.stats.lost == 0
        assert "refused" in it.told[1]
        assert "calls are taken" in "".join(it.told[2:])


def test_calls_are_refused_where_too_many_records_wait_in_memory(it: World) -> None:
    it.put(10)
    with pytest.raises(ServiceFailure):
        it.writer.ready()
    it.writer.step()
    it.writer.ready()


def test_large_records_fill_the_memory_sooner(tmp_path: Path) -> None:
    bounds = attrs.evolve(BOUNDS, backlog_records=10_000, backlog_bytes=8_000)
    with opened(tmp_path, bounds=bounds) as it:
        it.put(6)
        it.writer.ready()
        it.put(1)
        with pytest.raises(ServiceFailure):
            it.writer.ready()


def test_the_end_keeps_what_is_left(it: World) -> None:
    it.put(9)
    it.writer.close()
    it.writer.run()
    assert it.sink.requests == it.names
    assert it.kept == list(range(9))


@pytest.mark.parametrize("hangs", [False, True])
def test_at_the_end_an_unwilling_databases_records_are_in_the_journal(
    it: World, hangs: bool
) -> None:
    it.executor.hangs = hangs
    it.sink.away = "" if hangs else "no route"
    it.put(9)
    it.writer.close()
    it.writer.run()
    assert it.writer.stats.lost == 0
    assert it.journal.unread_bytes > 0
    assert len(it.journal.read(100)[0]) == 9


def test_what_is_truly_lost_is_counted(tmp_path: Path) -> None:
    bounds = attrs.evolve(BOUNDS, close_s=0.0)
    with opened(tmp_path, journal_bytes=0, bounds=bounds) as it:
        it.sink.away = "no route"
        it.put(3)
        it.step()
        it.put(2)
        it.writer.close()
        it.writer.run()
        assert it.writer.stats.lost == 5
        assert "5 usage records" in it.told[-1]


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 7)),
        st.tuples(st.just("step"), st.floats(0, 2)),
        st.sampled_from([("away", 0), ("back", 0), ("hang", 0), ("go on", 0), ("restart", 0)]),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(EVENTS)
def test_no_record_is_lost_or_doubled_whatever_happens(events: list[tuple[str, float]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        sink, put = ScriptedSink(), 0
        rest: list[tuple[str, float]] | None = list(events)
        while rest is not None:
            with opened(Path(name)) as it:
                it.sink = sink
                it.count = put
                it.__attrs_post_init__()
                rest = _play(it, rest)
                put = it.count
                it.executor.go_on()
                it.writer.close()
                it.writer.run()
                assert it.writer.stats.lost == 0
        sink.away = ""
        with opened(Path(name)) as it:
            it.sink = sink
            it.__attrs_post_init__()
            for _ in range(put + 2):
                it.step(10.0)
        assert sorted(sink.rows.values()) == [f"{number:04}" for number in range(put)]


def _play(it: World, events: list[tuple[str, float]]) -> list[tuple[str, float]] | None:
    """Play up to a restart; return what is left, None: nothing."""
    for at, (what, how_much) in enumerate(events):
        match what:
            case "put":
                it.put(int(how_much))
            case "step":
                it.step(how_much)
            case "away":
                it.sink.away = "no route"
            case "back":
                it.sink.away = ""
            case "hang":
                it.executor.hangs = True
            case "go on":
                it.executor.go_on()
            case _:
                return events[at + 1 :]
    return None
