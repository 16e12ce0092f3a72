"""The database of the account: opened, brought to the newest version, and asked from threads.

SQLite keeps one file, which only its owner may read; PostgreSQL is reached through psycopg. No message
holds a password.
"""

import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
import attrs
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from adapters.storage.sql.asking import Transaction, asked, prepare_for_leaving
from adapters.storage.sql.upgrade import DatabaseNewer, upgrade

T = TypeVar("T")

_BUSY_S = 5.0
_LOOK_AGAIN_S = 0.01
_CONNECT_S = 5
_STATEMENT_MS = 30_000
_THREADS = 4


class DatabaseUnusable(Exception):
    """The database cannot be opened; the message says which and why, in one line, without secrets."""


@attrs.frozen
class Database:
    """An open database of the newest version.

    Attributes:
        engine: For threads; the event loop asks through `run`.
    """

    engine: sa.Engine
    _executor: Executor

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` returns, done in one transaction in a thread; rolled back if it raises.

        Cancelled, it breaks the statement off and waits until the thread is free.

        Raises:
            DatabaseUnusable: The database does not do it; says why.
        """
        try:
            return await asked(self._executor, Transaction(self.engine, work))
        except SQLAlchemyError as error:
            raise DatabaseUnusable(f"{_named(self.engine.url)}: {reason(error)}") from None


@asynccontextmanager
async def open_database(url: str, *, sync_every_commit: bool = False) -> AsyncIterator[Database]:
    """Have the database at `url` open while the block runs.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
        sync_every_commit: Whether SQLite's commits survive the machine, not only the process.

    Raises:
        DatabaseUnusable: It cannot be reached, or is of a newer version than this program.
    """
    # It may take a server's start, and may not be broken off in the middle of an upgrade.
    engine = await anyio.to_thread.run_sync(_opened, url, sync_every_commit)
    try:
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="usage-reader") as executor:
            yield Database(engine, executor)
    finally:
        engine.dispose()


def _opened(url: str, sync_every_commit: bool) -> sa.Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnusable("the database's address is not one; write sqlite:///PATH") from None
    known = {"sqlite": _sqlite, "postgresql": _postgresql}
    make = known.get(parsed.drivername)
    if make is None:
        raise DatabaseUnusable(
            f"databases of kind {parsed.drivername} are not known; there are: {', '.join(known)}"
        )
    engine = make(parsed, sync_every_commit)
    prepare_for_leaving(engine)
    try:
        with engine.connect() as connection:
            upgrade(connection)
    except (SQLAlchemyError, DatabaseNewer) as error:
        engine.dispose()
        raise DatabaseUnusable(f"{_named(parsed)}: {reason(error)}") from None
    return engine


def reason(error: Exception) -> str:
    """Return what the database says, in one line."""
    said = getattr(error, "orig", None) or error
    if _is_busy(said):
        return f"{said}: another program writes to it for longer than {_BUSY_S:g} s; end that, and try again"
    return " ".join(str(said).split()) or type(said).__name__


def _named(url: URL) -> str:
    place = url.database if url.drivername == "sqlite" else f"{url.host or ''}/{url.database or ''}"
    return f"the usage database {place}"


def _sqlite(url: URL, sync_every_commit: bool) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise DatabaseUnusable('a database in memory is written account.database = "memory"')
    path = Path(url.database).expanduser()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here, so that nobody else may ever read it; SQLite's other files take after it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DatabaseUnusable(f"the usage database {path}: {error.strerror}") from None
    engine = sa.create_engine(
        url.set(database=str(path)), connect_args={"timeout": _BUSY_S}, pool_size=_THREADS + 1
    )
    synchronous = "FULL" if sync_every_commit else "NORMAL"

    def prepare(connection: Any, _: object) -> None:
        _switch_to_wal(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    event.listen(engine, "connect", prepare)
    return engine


def _switch_to_wal(connection: Any) -> None:
    # Of two who do it at once SQLite refuses one at once, and does not wait as for everything else.
    due_s = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= due_s:
                raise
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _postgresql(url: URL, _: bool) -> sa.Engine:
    try:
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={
                "connect_timeout": _CONNECT_S,
                "application_name": "llmservice",
                "tcp_user_timeout": 10_000,
                "options": f"-c statement_timeout={_STATEMENT_MS}",
            },
            pool_size=_THREADS + 1,
        )
    except ModuleNotFoundError:
        raise DatabaseUnusable("PostgreSQL needs psycopg: install llmservice[postgres]") from None
