"""A table that follows its source."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from adapters.callers.followed import SourceAway, following
from adapters.callers.table import KnownCaller
from domain.model.caller import Caller
from domain.model.errors import Unauthenticated

DIGEST = sha256(b"token").digest()
ALICE = KnownCaller(caller=Caller("alice"), token_digest=DIGEST)


@attrs.define
class Source:
    """A source that a test changes.

    Attributes:
        away: Why it cannot be asked; empty: it can.
        slow_s: How long an answer takes.
        read: How often all was read.
    """

    there: Sequence[KnownCaller] = ()
    number: int = 0
    away: str = ""
    slow_s: float = 0.0
    read: int = 0

    def become(self, *there: KnownCaller) -> None:
        self.there, self.number = there, self.number + 1

    async def changes(self) -> int:
        await trio.sleep(self.slow_s)
        if self.away:
            raise SourceAway(self.away)
        return self.number

    async def known(self) -> tuple[int, Sequence[KnownCaller]]:
        self.read += 1
        return self.number, self.there


async def test_a_change_is_in_force_within_two_periods(autojump_clock: MockClock) -> None:
    source = Source()
    async with following(source, list[str]().append) as table:
        demanding = [table.demanding]
        source.become(ALICE)
        await trio.sleep(2)
        demanding.append(table.demanding)
        assert demanding == [False, True]
        assert await table.by_token_digest(DIGEST) == ALICE.caller
        source.become(attrs.evolve(ALICE, revoked=True))
        await trio.sleep(2)
        with pytest.raises(Unauthenticated, match="revoked"):
            await table.by_token_digest(DIGEST)


async def test_what_did_not_change_is_not_read_again(autojump_clock: MockClock) -> None:
    source = Source([ALICE])
    async with following(source, list[str]().append):
        await trio.sleep(60)
    assert source.read == 1


@pytest.mark.parametrize("fault", [{"away": "no route"}, {"slow_s": 3600.0}])
async def test_while_the_source_is_away_the_last_table_serves_and_that_is_told_once(
    autojump_clock: MockClock, fault: dict[str, Any]
) -> None:
    bob = KnownCaller(caller=Caller("bob"), token_digest=sha256(b"b").digest(), revoked=True)
    source, told = Source([ALICE, bob]), list[str]()
    async with following(source, told.append) as table:
        told.clear()
        for name, value in fault.items():
            setattr(source, name, value)
        await trio.sleep(600)
        assert await table.by_token_digest(DIGEST) == ALICE.caller
        with pytest.raises(Unauthenticated):
            await table.by_token_digest(bob.token_digest)
        assert len(told) == 1
        assert "stay as they were" in told[0]
        source.become()
        source.away, source.slow_s = "", 0.0
        await trio.sleep(10)
        assert await table.by_token_digest(DIGEST) is None
        assert table.demanding
    assert told[-1] == "the database of the callers' keys is back"


async def test_a_source_that_is_away_at_first_is_an_error(autojump_clock: MockClock) -> None:
    with pytest.raises(SourceAway, match="no route"):
        async with following(Source(away="no route"), list[str]().append):
            pytest.fail("the block must not be entered")
