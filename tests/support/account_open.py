"""An account that is open for a test: on SQLite, or on a real PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import attrs

from adapters.storage.sql.database import Database, open_database
from adapters.storage.sql.insert import SqlSink
from adapters.storage.sql.usage_query import SqlUsageQuery
from adapters.storage.writing.bounds import WriterBounds
from adapters.storage.writing.usage_log import BatchedUsageLog, open_batched
from domain.model.usage import UsageRecord
from ports.usage_query import UsageFilter

FAST = WriterBounds(window_s=0.005)


@attrs.define(eq=False)
class OpenAccount:
    """A log and what it wrote.

    Attributes:
        told: What it said.
    """

    database: Database
    log: BatchedUsageLog
    query: SqlUsageQuery
    told: list[str]

    async def records(self, wanted: UsageFilter | None = None) -> list[UsageRecord]:
        """Return what is in the database."""
        return [record async for record in self.query.records(wanted or UsageFilter())]


@asynccontextmanager
async def open_account_at(
    url: str, folder: Path, bounds: WriterBounds = FAST
) -> AsyncIterator[OpenAccount]:
    """Have the account at `url` open, its journal in `folder`."""
    told: list[str] = []
    async with open_database(url) as database:
        with closing(SqlSink(database.engine)) as sink:
            journal = folder / "usage.journal"
            async with open_batched(sink, journal, 10**8, bounds, told.append) as log:
                yield OpenAccount(database, log, SqlUsageQuery(database), told)


async def kept_at(url: str, folder: Path, *records: UsageRecord) -> None:
    """Have `records` in the database at `url`."""
    async with open_account_at(url, folder) as account:
        for each in records:
            await account.log.append(each)
