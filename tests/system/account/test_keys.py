"""Callers' keys in a database: the same in SQLite and in PostgreSQL."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
import trio

from adapters.callers.followed import SourceAway, following
from adapters.callers.table import KnownCaller
from adapters.storage.sql.caller_keys import CallerKey, KeyMissing, KeyTaken, SqlCallerKeys
from adapters.storage.sql.database import open_database
from domain.model.caller import Caller, CallerLimits
from domain.model.errors import Unauthenticated

NOW_S = 1_795_176_000.0
EVERYTHING = CallerLimits(
    requests_per_minute=1,
    tokens_per_minute=2**40,
    parallel_calls=3,
    budget_nano_usd_per_day=4,
    budget_nano_usd_per_month=2**60,
)


def digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def known(name: str = "alice", token: str = "token", **more: Any) -> KnownCaller:
    caller = Caller(name, frozenset({"usage.read_all"}), ("openai/*", "ü/*"), EVERYTHING)
    return attrs.evolve(
        KnownCaller(caller=caller, token_digest=digest(token), expires_s=NOW_S + 60.5), **more
    )


async def test_a_key_comes_back_as_it_was(url: str) -> None:
    async with open_database(url) as database:
        keys = SqlCallerKeys(database, wall_clock=lambda: NOW_S)
        plain = KnownCaller(caller=Caller("bob"), token_digest=digest("b"))
        assert await keys.create(known())
        assert not await keys.create(plain)
        assert await keys.all() == [
            CallerKey(known=known(), created_s=NOW_S),
            CallerKey(known=plain, created_s=NOW_S),
        ]


async def test_a_name_and_a_token_are_one_callers(url: str) -> None:
    async with open_database(url) as database:
        keys = SqlCallerKeys(database)
        await keys.create(known())
        with pytest.raises(KeyTaken) as taken:
            await keys.create(known(token="other"))
        assert not taken.value.revoked
        await keys.revoke("alice")
        with pytest.raises(KeyTaken) as taken:
            await keys.create(known(token="other"))
        assert taken.value.revoked
        assert [each.known.token_digest for each in await keys.all()] == [digest("token")]


async def test_a_key_that_is_not_there_names_those_that_are(url: str) -> None:
    async with open_database(url) as database:
        keys = SqlCallerKeys(database)
        await keys.create(known())
        for work in (
            keys.revoke("bob"),
            keys.rotate("bob", digest("x")),
            keys.change("bob", lambda each: each),
        ):
            with pytest.raises(KeyMissing) as missing:
                await work
            assert missing.value.names == ["alice"]
        assert await keys.changes() == 1


async def test_a_revoked_key_stays_revoked_when_it_is_changed_and_not_when_it_is_rotated(
    url: str,
) -> None:
    async with open_database(url) as database:
        keys = SqlCallerKeys(database, wall_clock=lambda: NOW_S)
        await keys.create(known())
        assert await keys.revoke("alice")
        assert not await keys.revoke("alice")
        await keys.change("alice", lambda each: attrs.evolve(each, expires_s=None))
        (key,) = await keys.all()
        assert (key.revoked_s, key.known.revoked, key.known.expires_s) == (NOW_S, True, None)
        await keys.rotate("alice", digest("new"))
        (key,) = await keys.all()
        assert (key.revoked_s, key.known.revoked) == (None, False)
        assert key.known.token_digest == digest("new")


async def test_every_change_is_counted_and_none_that_failed(url: str) -> None:
    async with open_database(url) as database:
        keys = SqlCallerKeys(database)
        seen = [await keys.changes()]
        for work in (
            keys.create(known()),
            keys.change("alice", lambda each: each),
            keys.rotate("alice", digest("new")),
            keys.revoke("alice"),
        ):
            await work
            seen.append(await keys.changes())
        with pytest.raises(KeyTaken):
            await keys.create(known())
        assert (await keys.known())[0] == seen[-1]
    assert seen == [0, 1, 2, 3, 4]


async def test_many_who_change_at_once_lose_nothing(url: str) -> None:
    async with open_database(url) as one, open_database(url) as other:

        async def create(keys: SqlCallerKeys, names: Sequence[str]) -> None:
            for name in names:
                await keys.create(known(name, name))

        async with trio.open_nursery() as nursery:
            for place, database in (("a", one), ("b", other)):
                names = [f"{place}{number}" for number in range(10)]
                nursery.start_soon(create, SqlCallerKeys(database), names)
        number, there = await SqlCallerKeys(one).known()
    assert (number, len(there)) == (20, 20)


async def test_a_server_follows_what_others_change(url: str) -> None:
    said, hear = trio.open_memory_channel[str](10)
    async with open_database(url) as here, open_database(url) as there:
        keys = SqlCallerKeys(there)
        with trio.fail_after(20):
            async with following(SqlCallerKeys(here), said.send_nowait, period_s=0.01) as table:
                assert not table.demanding
                await keys.create(known("alice", expires_s=None))
                assert (
                    "1 in force, 0 revoked; calls without one are refused" in await hear.receive()
                )
                assert await table.by_token_digest(digest("token")) == known().caller
                await keys.revoke("alice")
                assert "0 in force, 1 revoked" in await hear.receive()
                with pytest.raises(Unauthenticated, match="revoked"):
                    await table.by_token_digest(digest("token"))
                assert table.demanding


async def test_a_database_that_is_away_is_said_to_be(url: str) -> None:
    async with open_database(url) as database:
        await database.run(lambda connection: connection.execute(sa.text("DROP TABLE callers")))
        with pytest.raises(SourceAway, match="the usage database"):
            await SqlCallerKeys(database).known()
