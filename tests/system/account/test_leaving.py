"""Who leaves a question to the database does not wait for its answer, and leaves nothing behind."""

import os
import signal
import time

import pytest
import sqlalchemy as sa
import trio

from adapters.storage.sql.database import Database, DatabaseUnusable, open_database
from tests.support.postgres import PostgresServer

_SLOW = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


async def asked(database: Database, statement: str = "SELECT 1") -> int:
    result = await database.run(lambda connection: connection.scalar(sa.text(statement)))
    assert isinstance(result, int)
    return result


async def left_within(database: Database, patience_s: float, statement: str) -> float:
    began_s = time.monotonic()
    with trio.move_on_after(patience_s) as scope:
        await database.run(lambda connection: connection.scalar(sa.text(statement)))
    assert scope.cancelled_caught
    return time.monotonic() - began_s


async def test_a_slow_statement_is_broken_off_and_the_next_is_answered(url: str) -> None:
    async with open_database(url) as database:
        slow = _SLOW[database.engine.dialect.name]
        for _ in range(6):
            assert await left_within(database, 0.05, slow) < 2
        assert await asked(database) == 1


async def test_who_waits_for_a_thread_leaves_at_once(url: str) -> None:
    async with open_database(url) as database, trio.open_nursery() as nursery:
        slow = _SLOW[database.engine.dialect.name]
        for _ in range(12):
            nursery.start_soon(left_within, database, 0.2, slow)


async def test_a_server_that_falls_silent_is_left_too(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        async with open_database(url) as database:
            assert await asked(database) == 1
            backend = await asked(database, "SELECT pg_backend_pid()")
            os.kill(backend, signal.SIGSTOP)
            try:
                assert await left_within(database, 0.05, "SELECT 1") < 2
            finally:
                os.kill(backend, signal.SIGCONT)
            assert await asked(database) == 1


async def test_a_connection_that_was_lost_while_idle_is_replaced(
    postgres_server: PostgresServer,
) -> None:
    with postgres_server.database() as url:
        async with open_database(url) as database:
            assert await asked(database) == 1
            postgres_server.stop(signal.SIGQUIT)
            with pytest.raises(DatabaseUnusable, match="the usage database") as away:
                await asked(database)
            assert "Secret" not in str(away.value)
            postgres_server.start()
            assert await asked(database) == 1
