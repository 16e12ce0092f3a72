"""Opens the account that the settings ask for: the side that writes, and the side that answers questions."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from adapters.storage.memory_limiter import NothingSpent
from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.storage.memory_usage_query import MemoryUsageQuery
from adapters.storage.writing.bounds import WriterStats
from entrypoints.credentials import VARIABLE
from entrypoints.settings.account import AccountSettings
from ports.spending import Spending
from ports.usage_log import UsageLog
from ports.usage_query import UsageQuery

if TYPE_CHECKING:
    from adapters.storage.sql.database import Database

_NAME = "llmservice"


class AccountUnusable(Exception):
    """The account cannot be opened; the message says why and what to do, in one line, without secrets."""


@attrs.frozen
class Account:
    """An open account.

    Attributes:
        log: Takes records.
        query: Answers questions about them.
        database: Where it is kept; ``None``: in memory.
        spending: Tells what was spent before; an account in memory begins now.
        stats: Tells what became of the records; ``None``: they are in memory.
    """

    log: UsageLog
    query: UsageQuery
    database: "Database | None" = None
    spending: Spending = NothingSpent()
    stats: Callable[[], WriterStats] | None = None


def memory_account(log: MemoryUsageLog) -> Account:
    """Return the account of the latest records, which are in `log`."""
    return Account(log, MemoryUsageQuery(log))


@asynccontextmanager
async def open_account(
    settings: AccountSettings, environment: Mapping[str, str], tell: Callable[[str], None]
) -> AsyncIterator[Account]:
    """Have the account open while the block runs; leaving it keeps what is left.

    Args:
        settings: Where and how.
        environment: May hold the database's address.
        tell: Told in a sentence, from any thread, what ceases or begins to work.

    Raises:
        AccountUnusable: The database or the journal cannot be opened.
    """
    url = database_url(settings, environment)
    if url == "memory":
        yield memory_account(MemoryUsageLog())
        return
    # They take a third of a second to import: only where they are needed.
    from adapters.storage.sql.database import DatabaseUnusable, open_database
    from adapters.storage.sql.insert import SqlSink
    from adapters.storage.sql.spending import SqlSpending
    from adapters.storage.sql.usage_query import SqlUsageQuery
    from adapters.storage.writing.bounds import WriterBounds
    from adapters.storage.writing.journal import JournalUnusable
    from adapters.storage.writing.usage_log import open_batched, open_strict

    strict = settings.durability == "strict"
    opened = open_database(url, sync_every_commit=strict)
    journal = journal_path(settings, url)
    bounds = WriterBounds(
        window_s=0.0 if strict else settings.flush_window_s,
        batch_records=settings.batch_records,
        # A waiting answer is worth less patience than a record in the background.
        patience_s=0.3 if strict else 0.5,
        backlog_records=settings.backlog_records,
        backlog_bytes=settings.backlog_bytes,
        close_s=settings.close_s,
    )
    open_log = open_strict if strict else open_batched
    try:
        async with opened as database:
            with closing(SqlSink(database.engine)) as sink:
                async with open_log(sink, journal, settings.journal_bytes, bounds, tell) as log:
                    query = SqlUsageQuery(database)
                    spending = SqlSpending(query, lambda: log.stats.journal_bytes == 0)
                    yield Account(log, query, database, spending, lambda: log.stats)
    except (DatabaseUnusable, JournalUnusable) as error:
        raise AccountUnusable(str(error)) from None


def database_url(settings: AccountSettings, environment: Mapping[str, str]) -> str:
    """Return the address of the database, or ``memory``; it may hold a password.

    Raises:
        AccountUnusable: The variable that is to hold it is not set, or holds none.
    """
    if settings.database_env:
        if settings.database:
            raise AccountUnusable("set account.database or account.database_env, not both")
        url = _secret(settings.database_env, environment)
        try:
            AccountSettings(database=url)
        except ValueError as error:
            why = str(error).partition("' ")[2]
            raise AccountUnusable(f"{settings.database_env} (account.database_env) {why}") from None
        return url
    return settings.database or f"sqlite:///{state_folder() / 'usage.db'}"


def journal_path(settings: AccountSettings, url: str) -> Path:
    """Return where the journal of the database at `url` is."""
    if settings.journal:
        return Path(settings.journal).expanduser()
    # Each database has its own: what waits for one must not go to another.
    kind, _, place = url.partition(":///")
    if kind == "sqlite":
        path = Path(place).expanduser()
        return path.with_name(f"{path.name}.journal")
    # Users may change.
    where = url.rpartition("@")[2].partition("?")[0].removeprefix("postgresql://")
    return state_folder() / f"usage-{hashlib.sha256(where.encode()).hexdigest()[:12]}.journal"


def state_folder() -> Path:
    """Return the platform's folder for state of ours; it may not exist yet."""
    from platformdirs import user_state_path

    return user_state_path(_NAME)


def _secret(variable: str, environment: Mapping[str, str]) -> str:
    if not VARIABLE.fullmatch(variable):
        raise AccountUnusable("account.database_env must be the name of a variable")
    value = environment.get(variable, "").strip()
    file = environment.get(f"{variable}_FILE")
    if not value and file:
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise AccountUnusable(f"{file} ({variable}_FILE) cannot be read as text") from None
    if not value:
        raise AccountUnusable(f"set {variable}, or {variable}_FILE to a file that holds it")
    return value
