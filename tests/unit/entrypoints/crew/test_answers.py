"""What a worker tells its supervisor: over a real pair of sockets, from the board of a server."""

import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from adapters.telemetry.console.registry import Registry
from domain.model.errors import Unauthenticated
from entrypoints.board import board_of
from entrypoints.cli.voice import Worker
from entrypoints.crew.answers import Answers
from entrypoints.crew.gathered import Gathered
from entrypoints.crew.member import Member, lines
from entrypoints.grpc.authentication import Admission
from entrypoints.grpc.transport.draining import Draining
from entrypoints.known_callers import caller_table
from entrypoints.settings.loading import structure

DIGEST = hashlib.sha256(b"token").hexdigest()
CALLERS = structure(
    {"callers": {"anna": {"token_sha256": DIGEST, "scopes": ["console", "metrics.read"]}}}
).callers


def answers(*, watched: bool = True) -> Answers:
    draining = Draining()
    draining.serving = True
    board = board_of(draining, 0, None)
    board.registry = Registry() if watched else None
    return Answers(board, Admission(callers=caller_table(CALLERS)))


@attrs.frozen
class Ends:
    """Both ends of a link."""

    voice: Worker
    member: Member
    gathered: Gathered
    draining: Draining
    ours: socket.socket


@asynccontextmanager
async def linked() -> AsyncIterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        gathered = Gathered(1)
        member = Member.at(ours, 1, 1, 1 << 23, gathered.took)
        gathered.joined(member)
        voice = Worker.at(theirs.detach())
        try:
            yield Ends(voice, member, gathered, Draining(), ours)
        finally:
            voice.close()


async def hear(ends: Ends) -> None:
    """Take in what the worker says, until it says no more."""
    rest = b""
    while True:
        await trio.lowlevel.wait_readable(ends.ours)
        heard, rest = lines(rest + ends.ours.recv(1 << 20))
        for each in heard:
            ends.member.hear(each)


async def test_a_worker_answers_what_it_is_asked_and_drains_when_nobody_asks_any_more() -> None:
    async with linked() as ends, trio.open_nursery() as nursery:
        nursery.start_soon(ends.voice.follow, ends.draining)
        async with trio.open_nursery() as hearing:
            hearing.start_soon(hear, ends)
            assert await ends.member.ask("pulse") is None
            ends.voice.shows(answers())
            assert await ends.member.ask("pulse") == {"unready": "", "demanding": True}
            assert await ends.member.ask("nonsense") is None
            await ends.member.refresh("readings", "seconds", "present")
            assert await ends.member.ask("stop", number=1) is None
            digest = bytes.fromhex(DIGEST)
            assert await ends.gathered.caller(b"\x00") is None
            assert await ends.gathered.caller(digest) == {
                "name": "anna",
                "scopes": ["console", "metrics.read"],
            }
            hearing.cancel_scope.cancel()
        names = {each.spec.name for each in ends.member.readings}
        assert {"llm_ready", "llm_tokens", "python_gc_collections"} <= names
        assert ends.member.present is not None
        assert ends.member.shift_s is not None
        assert not ends.draining.begun
        ends.ours.shutdown(socket.SHUT_RDWR)
    assert ends.draining.begun


async def test_the_last_words_are_whole_and_known_when_it_is_gone() -> None:
    async with linked() as ends:
        shown = answers()
        ends.voice.shows(shown)
        shown.board.metrics.tables.tokens.of("p", "m", "input").add(7)
        await ends.voice.tell_last()
        ends.voice.stopped(ends.draining)
        heard, rest = lines(ends.ours.recv(1 << 20))
        assert rest == b""
        assert heard[-1] == {"finished": 0, "cut": 0}
        for each in heard:
            ends.member.hear(each)
        ends.gathered.left(ends.member)
        found = {each.spec.name: each.numbers for each in await ends.gathered.readings()}
        assert found["llm_tokens"] == {("p", "m", "input"): 7}


async def test_a_worker_without_a_console_has_nothing_of_it_to_tell() -> None:
    one = answers(watched=False)
    for what in ("seconds", "present"):
        assert await one.to(what, {"since": -1}) == "null"
    assert await one.to("stop", {"number": 1}) == "null"


async def test_why_a_token_is_not_good_is_told() -> None:
    class Expired:
        async def by_token_digest(self, digest: bytes, /) -> Any:
            raise Unauthenticated("it has expired")

        async def by_client_subject(self, subject: str, /) -> None:
            return None

    one = attrs.evolve(answers(), admission=Admission(callers=Expired()))
    found = json.loads(await one.to("caller", {"digest": DIGEST}))
    assert found == {"refused": "it has expired"}
