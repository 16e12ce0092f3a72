"""The account in a database: the same in SQLite and in PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
import trio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.event import listens_for

from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.storage.memory_usage_query import MemoryUsageQuery
from adapters.storage.sql.database import DatabaseUnusable, open_database
from adapters.storage.sql.insert import SqlSink
from adapters.storage.sql.schema import METADATA
from adapters.storage.sql.upgrade import MIGRATIONS, versions
from adapters.storage.sql.usage_query import PAGE, SqlUsageQuery
from adapters.storage.writing.rows import COLUMNS, rows_of
from adapters.storage.writing.sink import RowRefused
from domain.model.usage import AttemptOutcome, Usage
from ports.usage_query import Dimension, LabelKey, UsageFilter, UsageQuery, UsageSummary
from tests.support.account_open import kept_at, open_account_at
from tests.support.account_records import NOON_S, full_record, record

HOUR_S = 3600


def test_every_version_is_in_alembics_chain() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    chain = [each.revision for each in script.walk_revisions()]
    assert list(reversed(chain)) == list(versions())


async def test_an_empty_database_becomes_what_the_code_expects_and_stays_it(url: str) -> None:
    for _ in range(2):
        async with open_database(url) as database:
            difference = await database.run(
                lambda connection: compare_metadata(
                    MigrationContext.configure(connection), METADATA
                )
            )
            assert difference == []


async def test_a_new_database_is_what_one_that_went_through_every_version_is(url: str) -> None:
    async with open_database(url) as database:
        made = await database.run(_described)
        await database.run(_emptied)
    async with open_database(url) as database:
        upgraded = await database.run(_described)
    assert made == upgraded
    assert made["callers_changes"]["rows"] == "[(0,)]"
    assert made["alembic_version"]["rows"] == f"[('{versions()[-1]}',)]"


def _described(connection: sa.Connection) -> dict[str, dict[str, str]]:
    """Return each table's columns, constraints, indexes and rows."""
    seen = sa.inspect(connection)
    return {
        table: {
            "columns": str(
                [{**each, "type": str(each["type"])} for each in seen.get_columns(table)]
            ),
            "primary key": str(seen.get_pk_constraint(table)),
            "unique": str(seen.get_unique_constraints(table)),
            "indexes": str(sorted(seen.get_indexes(table), key=str)),
            "rows": str(connection.execute(sa.text(f"SELECT * FROM {table}")).all()),
        }
        for table in seen.get_table_names()
    }


def _emptied(connection: sa.Connection) -> None:
    """Leave nothing but the table of Alembic, as before the first version."""
    METADATA.drop_all(connection)
    connection.execute(sa.text("DELETE FROM alembic_version"))


async def test_a_table_of_somebody_elses_is_not_taken_for_ours(url: str) -> None:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE callers (shoe_size INTEGER)"))
    with pytest.raises(DatabaseUnusable, match=r"callers.*already exists"):
        async with open_database(url):
            pytest.fail("the block must not be entered")
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["callers"]
    engine.dispose()


@pytest.mark.parametrize("_", range(8))
def test_servers_that_start_at_once_make_one_database(url: str, _: int) -> None:
    count = 4
    together = threading.Barrier(count)

    async def start() -> None:
        async with open_database(url):
            pass

    def server() -> None:
        together.wait(10)
        trio.run(start)

    with ThreadPoolExecutor(count) as threads:
        for future in [threads.submit(server) for _ in range(count)]:
            future.result(20)


async def test_a_database_of_a_newer_program_is_left_alone(url: str) -> None:
    async with open_database(url) as database:
        await database.run(
            lambda connection: connection.execute(
                sa.text("UPDATE alembic_version SET version_num = '9999'")
            )
        )
    with pytest.raises(DatabaseUnusable, match=r"version 9999.*update the program"):
        async with open_database(url):
            pytest.fail("the block must not be entered")


async def test_a_record_comes_back_as_it_was(url: str, tmp_path: Path) -> None:
    odd = record("odd", usage=Usage(raw={"text": "a\0b\ud800"}), labels={"a\0": "ü"})
    await kept_at(url, tmp_path, full_record(), record("plain"), odd)
    async with open_account_at(url, tmp_path) as account:
        found = {each.request_id: each for each in await account.records()}
    assert found["full"] == full_record()
    assert found["plain"] == record("plain")
    assert found["odd"].labels == {"a\ufffd": "ü"}
    assert found["odd"].attempt.usage.raw == {"text": "a\ufffdb?"}


async def test_a_row_that_is_written_twice_is_there_once(url: str) -> None:
    rows = rows_of([record(str(number)) for number in range(250)])
    async with open_database(url) as database:
        sink = SqlSink(database.engine)
        sink.insert(rows)
        sink.insert(rows[100:])
        sink.close()
        (total,) = await SqlUsageQuery(database).summary(UsageFilter())
    assert total.attempts == 250


async def test_batches_of_every_size_are_written_by_few_statements(url: str) -> None:
    # A database's client keeps those it has seen: one for each size would be megabytes.
    statements: set[str] = set()
    async with open_database(url) as database:

        @listens_for(database.engine, "before_cursor_execute")
        def seen(*said: object) -> None:
            statements.add(str(said[2]))

        sink = SqlSink(database.engine)
        for count in range(1, 140):
            sink.insert(rows_of([record(str(number)) for number in range(count)]))
        sink.close()
        written = {each for each in statements if each.startswith("INSERT")}
        (total,) = await SqlUsageQuery(database).summary(UsageFilter())
    assert total.attempts == sum(range(1, 140))
    assert 1 <= len(written) <= 8


async def test_a_row_that_no_table_takes_is_refused_with_all_of_its_batch(url: str) -> None:
    async with open_database(url) as database:
        sink = SqlSink(database.engine)
        good, other = rows_of([record(), record()])
        bad = tuple(
            None if each == "caller" else value for each, value in zip(COLUMNS, other, strict=True)
        )
        with pytest.raises(RowRefused):
            sink.insert([good, bad])
        sink.insert([good])
        sink.close()
        (total,) = await SqlUsageQuery(database).summary(UsageFilter())
    assert total.attempts == 1


async def test_two_servers_write_to_one_database(url: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    async def server(name: str) -> None:
        async with open_account_at(url, tmp_path / name) as account:
            for number in range(300):
                await account.log.append(record(f"{name}{number}"))
                if number % 50 == 0:
                    await trio.sleep(0.005)
            assert account.log.stats.lost == 0

    async with open_database(url):
        pass
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server, "a")
        nursery.start_soon(server, "b")
    async with open_account_at(url, tmp_path) as account:
        assert len({each.request_id for each in await account.records()}) == 600


@pytest.mark.parametrize("key", ['a"b', "a\\", "a.b", "$", "a'b", "[0]", "ü", "%"])
async def test_whatever_a_label_is_called_its_records_are_found(
    url: str, tmp_path: Path, key: str
) -> None:
    await kept_at(url, tmp_path, record("1", labels={key: key, "n": "1"}), record("2"))
    async with open_account_at(url, tmp_path) as account:
        assert await ids(account.query, UsageFilter(labels={key: key, "n": "1"})) == ["1"]
        assert await ids(account.query, UsageFilter(labels={key: "other"})) == []
        sums = await account.query.summary(UsageFilter(), (LabelKey(key),))
        assert {each.group[LabelKey(key)]: each.attempts for each in sums} == {"": 1, key: 1}


# ------------------------------------------------------------------ questions

RECORDS = (
    record("1", caller="alice", usage=Usage(input_tokens=1, cost_nano_usd=10), total_s=0.5),
    record("2", caller="alice", time_s=NOON_S + HOUR_S, usage=Usage(cost_nano_usd=2**40)),
    record("3", caller="alice", time_s=NOON_S + 13 * HOUR_S, labels={"team": "blue", "n": "1"}),
    record("4", caller="Bob", model="other", labels={"team": "blue", "n": "2"}),
    record("5", caller="Bob", outcome=AttemptOutcome.FAILED, usage=Usage(output_tokens=7)),
)


async def ids(query: UsageQuery, wanted: UsageFilter) -> list[str]:
    return sorted([each.request_id async for each in query.records(wanted)])


async def asked(query: UsageQuery) -> None:
    """Ask everything."""
    assert await ids(query, UsageFilter()) == ["1", "2", "3", "4", "5"]
    assert await ids(query, UsageFilter(caller="alice")) == ["1", "2", "3"]
    assert await ids(query, UsageFilter(caller="")) == []
    assert await ids(query, UsageFilter(start_s=NOON_S + HOUR_S)) == ["2", "3"]
    assert await ids(query, UsageFilter(end_s=NOON_S + HOUR_S)) == ["1", "4", "5"]
    assert await ids(query, UsageFilter(labels={"team": "blue"})) == ["3", "4"]
    assert await ids(query, UsageFilter(labels={"team": "blue", "n": "2"})) == ["4"]
    assert await ids(query, UsageFilter(labels={"te'am": "blue"})) == []
    times = [each.time_s async for each in query.records(UsageFilter())]
    assert times == sorted(times)

    assert dict(await query.spent(0.0)) == {"alice": 10 + 2**40}
    assert dict(await query.spent(NOON_S + 1)) == {"alice": 2**40}
    assert dict(await query.spent(0.0, ["Bob"])).get("Bob", 0) == 0

    (total,) = await query.summary(UsageFilter())
    assert total == UsageSummary(
        group={},
        attempts=5,
        served=4,
        unpriced=1,
        input_tokens=1,
        output_tokens=7,
        cache_read_tokens=0,
        cache_write_tokens=0,
        reasoning_tokens=0,
        cost_nano_usd=10 + 2**40,
        total_s=0.5,
    )
    (nothing,) = await query.summary(UsageFilter(caller="nobody"))
    assert (nothing.attempts, nothing.cost_nano_usd) == (0, 0)
    assert await query.summary(UsageFilter(caller="nobody"), [Dimension.MODEL]) == []
    by = [Dimension.CALLER, Dimension.MODEL]
    found = await query.summary(UsageFilter(), by)
    assert [(tuple(each.group.values()), each.attempts) for each in found] == [
        (("Bob", "model"), 1),
        (("Bob", "other"), 1),
        (("alice", "model"), 3),
    ]
    days = await query.summary(UsageFilter(caller="alice"), [Dimension.DAY])
    assert [each.group[Dimension.DAY] for each in days] == ["2026-11-20", "2026-11-21"]
    hours = await query.summary(UsageFilter(caller="alice"), [Dimension.HOUR])
    assert [each.group[Dimension.HOUR] for each in hours] == [
        "2026-11-20T12",
        "2026-11-20T13",
        "2026-11-21T01",
    ]
    ends = await query.summary(UsageFilter(), [Dimension.OUTCOME, Dimension.PROVIDER])
    assert [(each.group[Dimension.OUTCOME], each.served) for each in ends] == [
        ("failed", 0),
        ("served", 4),
    ]
    team, odd = LabelKey("team"), LabelKey("o'd\"d.$key")
    teams = await query.summary(UsageFilter(), [team, Dimension.CALLER, odd])
    assert [(each.group[team], each.group[odd], each.attempts) for each in teams] == [
        ("", "", 1),
        ("", "", 2),
        ("blue", "", 1),
        ("blue", "", 1),
    ]


async def test_a_database_answers_every_question(url: str, tmp_path: Path) -> None:
    await kept_at(url, tmp_path, *RECORDS)
    async with open_account_at(url, tmp_path) as account:
        await asked(account.query)


async def test_the_memory_answers_every_question() -> None:
    log = MemoryUsageLog()
    for each in RECORDS:
        await log.append(each)
    await asked(MemoryUsageQuery(log))


async def test_records_come_in_pages_each_once(url: str, tmp_path: Path) -> None:
    # Most of them ended at the same time.
    records = [record(f"{number:04}", time_s=NOON_S + number // 900) for number in range(2 * PAGE)]
    await kept_at(url, tmp_path, *records)
    async with open_account_at(url, tmp_path) as account:
        found = [each.request_id for each in await account.records()]
    assert sorted(found) == [each.request_id for each in records]


def test_a_closed_account_is_one_file_that_can_be_copied(tmp_path: Path) -> None:
    async def account_for_one() -> None:
        async with open_account_at(f"sqlite:///{tmp_path}/usage.db", tmp_path) as account:
            await account.log.append(record())

    trio.run(account_for_one)
    assert sorted(each.name for each in tmp_path.glob("usage.db*")) == ["usage.db"]
