"""A supervisor's questions: answered, late, never; and what is known all the same."""

import json
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from adapters.telemetry.prometheus import names
from adapters.telemetry.prometheus.packing import packed
from adapters.telemetry.prometheus.series import Reading
from domain.model.errors import Unauthenticated
from entrypoints.crew.callers import admission
from entrypoints.crew.gathered import LONG_S, Gathered
from entrypoints.crew.member import IMPATIENCE_S, PATIENCE_S, Member, lines
from entrypoints.crew.outbox import Outbox
from entrypoints.http.console.view import View
from entrypoints.http.shown import Unknowable

NOBODY = 2**22 + 1
"""No process has such a number."""
WELL = {"unready": "", "demanding": False}


@attrs.define(eq=False)
class Peer:
    """The worker's end, by hand."""

    member: Member
    theirs: socket.socket
    answers: dict[str, Any] = attrs.field(factory=lambda: {"pulse": WELL})
    asked: list[dict[str, Any]] = attrs.field(factory=list)

    def take(self) -> None:
        """Read what was asked."""
        try:
            said = self.theirs.recv(1 << 20)
        except BlockingIOError:
            return
        whole, rest = lines(said)
        assert rest == b""
        self.asked += [dict(each) for each in whole]

    def answer(self) -> None:
        """Answer all that was asked so far, and is known."""
        self.take()
        for each in [each for each in self.asked if each["what"] in self.answers]:
            self.asked.remove(each)
            self.member.hear({"answer": each["ask"], "is": self.answers[each["what"]]})

    async def serve(self) -> None:
        """Answer for ever."""
        while True:
            await trio.lowlevel.wait_readable(self.theirs)
            self.answer()


@contextmanager
def peer(
    gathered: Gathered | None = None, worker: int = 1, process: int = NOBODY
) -> Iterator[Peer]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        whole = gathered or Gathered(1)
        member = Member.at(ours, worker, whole.runs + 1, process, whole.took)
        yield Peer(member, theirs)


async def test_an_answer_is_what_the_worker_says(autojump_clock: MockClock) -> None:
    with peer() as one:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.serve)
            assert await one.member.ask("pulse") == WELL
            nursery.cancel_scope.cancel()
        assert (one.member.unready, one.member.demanding, one.member.is_up) == ("", False, True)


async def test_a_worker_that_does_not_answer_is_waited_for_once_and_then_hardly(
    autojump_clock: MockClock,
) -> None:
    with peer() as one:
        began_s = trio.current_time()
        with pytest.raises(Unknowable, match="worker 1 does not answer"):
            await one.member.ask("pulse")
        assert trio.current_time() - began_s == pytest.approx(PATIENCE_S)
        await one.member.refresh("pulse", "readings", "seconds")
        assert trio.current_time() - began_s == pytest.approx(PATIENCE_S + IMPATIENCE_S)
        assert not one.member.is_up
        # What comes late is newer than what was known.
        one.answer()
        assert one.member.is_up


async def test_questions_to_a_worker_that_does_not_answer_are_bounded(
    autojump_clock: MockClock,
) -> None:
    with peer() as one:
        for _ in range(100):
            await one.member.refresh("pulse")
        one.take()
        assert len(one.asked) == 32
        one.answer()
        assert one.member.is_up
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.serve)
            assert await one.member.ask("pulse") == WELL
            nursery.cancel_scope.cancel()


async def test_nobody_waits_for_a_worker_that_is_gone(autojump_clock: MockClock) -> None:
    gathered = Gathered(1)
    with peer(gathered) as one:
        gathered.joined(one.member)
        began_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gathered.refresh, "pulse")
            await wait_all_tasks_blocked()
            gathered.left(one.member)
        with pytest.raises(Unknowable, match="worker 1 does not answer"):
            await one.member.ask("pulse")
        assert trio.current_time() == began_s


def test_a_line_that_does_not_fit_goes_out_whole_later() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            outbox = Outbox(ours)
            for number in range(3):
                outbox.put([number, "x" * 500_000])
            said = b""
            async with trio.open_nursery() as nursery:
                with trio.CancelScope(deadline=trio.current_time()):
                    await outbox.emptied()
                nursery.start_soon(outbox.emptied)
                while said.count(b"\n") < 3:
                    await trio.lowlevel.wait_readable(theirs)
                    said += theirs.recv(1 << 20)
            whole, rest = lines(said)
            assert json.dumps(whole).count("x" * 500_000) == 3
            assert rest == b""

    trio.run(main)


async def test_nobody_is_waited_for_who_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        outbox = Outbox(ours)
        theirs.close()
        outbox.put("x")
        await outbox.emptied()
        outbox.put("y")
        outbox.empty_within(1.0)


def readings(count: int) -> list[Any]:
    calls = Reading(names.CALLER_REQUESTS, {("anna", "OK"): float(count)})
    streams = Reading(names.STREAMS_ACTIVE, {("m",): float(count)})
    return packed([calls, streams])


@asynccontextmanager
async def crew(gathered: Gathered, *counts: int) -> AsyncIterator[list[Peer]]:
    """Have a worker for each of `counts` that answers with so many calls."""
    peers: list[Peer] = []
    async with trio.open_nursery() as nursery:
        with peer_stack(gathered, len(counts)) as peers:
            for each, count in zip(peers, counts, strict=True):
                each.answers |= {"readings": readings(count), "seconds": None, "present": None}
                gathered.joined(each.member)
                nursery.start_soon(each.serve)  # noqa: ASYNC113 - the socket keeps what comes before it reads
            yield peers
            nursery.cancel_scope.cancel()


@contextmanager
def peer_stack(gathered: Gathered, count: int) -> Iterator[list[Peer]]:
    if not count:
        yield []
        return
    with peer_stack(gathered, count - 1) as before, peer(gathered, count) as last:
        last.member.run = count
        yield [*before, last]


async def counted(gathered: Gathered) -> dict[str, Any]:
    found: Sequence[Reading] = await gathered.readings()
    return {each.spec.name: dict(each.numbers) for each in found}


async def test_counts_are_those_of_all_workers_and_never_go_back(
    autojump_clock: MockClock,
) -> None:
    gathered = Gathered(2)
    async with crew(gathered, 3, 4) as (one, other):
        found = await counted(gathered)
        assert found["llm_caller_requests"] == {("anna", "OK"): 7}
        assert found["llm_worker_up"] == {("1",): 1, ("2",): 1}
        assert found["llm_worker_streams_active"] == {("1",): 3, ("2",): 4}
        assert found["llm_ready"] == {(): 1}
        # It says its last words, and is gone.
        one.member.hear({"last": {"readings": readings(5), "seconds": None}})
        gathered.left(one.member)
        found = await counted(gathered)
        assert found["llm_caller_requests"] == {("anna", "OK"): 9}
        assert found["llm_worker_up"] == {("1",): 0, ("2",): 1}
        # And the other one says nothing.
        other.answers.clear()
        found = await counted(gathered)
        assert found["llm_caller_requests"] == {("anna", "OK"): 9}
        assert found["llm_worker_up"] == {("1",): 0, ("2",): 0}
        assert found["llm_worker_starts"] == {("1",): 1, ("2",): 1}
        assert found["llm_ready"] == {(): 0}


async def test_one_worker_that_takes_calls_is_enough(autojump_clock: MockClock) -> None:
    gathered = Gathered(2)
    assert gathered.unready() == "no worker runs; it is started again"
    async with crew(gathered, 0, 0) as (one, other):
        assert gathered.unready().startswith("starting")
        one.answers["pulse"] = {"unready": "draining: so it is", "demanding": False}
        await gathered.refresh("pulse")
        assert gathered.unready() == ""
        other.answers.clear()
        await gathered.refresh("pulse")
        assert gathered.unready() == "draining: so it is"
        one.answers.clear()
        await gathered.refresh("pulse")
        assert gathered.unready() == "worker 1 does not answer"
        gathered.stopping = True
        assert gathered.unready().startswith("draining: calls finish")


async def test_a_server_lives_as_long_as_any_worker_is_heard(autojump_clock: MockClock) -> None:
    gathered = Gathered(2)
    async with crew(gathered, 0, 0) as (one, other):
        await trio.sleep(LONG_S - 1)
        other.member.hear({"serving": True})
        await trio.sleep(LONG_S - 1)
        assert gathered.unlive() == ""
        gathered.left(other.member)
        assert gathered.unlive() == ""
        await trio.sleep(2)
        assert "no worker has been heard for 61 s" in gathered.unlive()
        one.member.hear({})
        assert gathered.unlive() == ""


async def test_a_worker_that_is_stuck_is_killed_and_one_that_answers_is_not(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[tuple[int, int]] = []

    def kill(process: int, number: int) -> None:
        if killed:
            # It is gone, and that was not taken note of yet.
            raise ProcessLookupError
        killed.append((process, number))

    monkeypatch.setattr("entrypoints.crew.gathered.os.kill", kill)
    gathered = Gathered(2)
    async with crew(gathered, 0, 0) as (one, other), trio.open_nursery() as nursery:
        one.member.process, other.member.process = NOBODY, NOBODY + 1
        one.answers.clear()
        nursery.start_soon(gathered.watch)
        await trio.sleep(LONG_S - 1)
        assert killed == []
        await trio.sleep(10)
        assert killed == [(NOBODY, signal.SIGKILL)]
        nursery.cancel_scope.cancel()


async def test_callers_must_be_known_until_a_worker_says_that_they_need_not(
    autojump_clock: MockClock,
) -> None:
    gathered = Gathered(2)
    asked = admission(gathered)
    assert asked.demanding()
    async with crew(gathered, 0, 0) as (one, other):
        assert asked.demanding()
        with pytest.raises(Unknowable, match="no worker answers"):
            await asked.callers.by_token_digest(b"\x01")
        await gathered.refresh("pulse")
        assert not asked.demanding()
        # The first one does not know, for it does not answer.
        one.answers.clear()
        other.answers["caller"] = {"name": "anna", "scopes": ["console"]}
        caller = await asked.callers.by_token_digest(b"\x01")
        assert caller is not None
        assert (caller.name, *caller.scopes) == ("anna", "console")
        other.answers["caller"] = {"refused": "it has expired"}
        with pytest.raises(Unauthenticated, match="it has expired"):
            await asked.callers.by_token_digest(b"\x01")
        other.answers["caller"] = None
        assert await asked.callers.by_token_digest(b"\x01") is None
        assert await asked.callers.by_client_subject("CN=x") is None


async def test_a_call_is_stopped_at_the_start_of_the_worker_that_has_it(
    autojump_clock: MockClock,
) -> None:
    gathered = Gathered(2)
    async with crew(gathered, 0, 0) as (one, other):
        other.answers["stop"] = {"request_id": "r", "caller": "anna"}
        stopped = await gathered.stop("2-17")
        assert stopped is not None
        assert (stopped.request_id, stopped.caller) == ("r", "anna")
        for nobody in ("3-17", "17", "2-"):
            assert await gathered.stop(nobody) is None
        with pytest.raises(Unknowable, match="worker 1 does not answer"):
            await gathered.stop("1-17")
        one.take()
        assert json.dumps([each.get("number") for each in one.asked]) == "[17]"


async def test_nothing_is_known_of_workers_that_have_said_nothing(
    autojump_clock: MockClock,
) -> None:
    gathered = Gathered(2)
    async with crew(gathered, 0):
        now = await gathered.snapshot(View())
    assert now["in_flight"] == now["last"] == now["routes"] == []
    assert now["account"]["lost"] == 0
    assert [each["state"] for each in now["workers"]] == ["ready", "gone"]


async def test_workers_are_looked_after_until_that_is_over(autojump_clock: MockClock) -> None:
    gathered = Gathered(1)
    async with crew(gathered, 3) as (one,), trio.open_nursery() as nursery:
        nursery.start_soon(gathered.watch)
        await trio.sleep(0.5)
        await wait_all_tasks_blocked()
        assert one.member.is_up
        assert [each.spec.name for each in one.member.readings] == [
            "llm_caller_requests",
            "llm_streams_active",
        ]
        nursery.cancel_scope.cancel()
