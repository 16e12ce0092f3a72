"""Brings a database to the newest version.

Laws: servers that start at once upgrade it once (the others wait); an upgrade is done whole or not at all;
a database of a newer program is left alone. An empty one is made as its newest version at once: only an older
one goes through the versions, with Alembic, which is not even imported for anything else.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa

from adapters.storage.sql.schema import CALLERS_CHANGES, METADATA

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x6C6C6D73
"""PostgreSQL's advisory lock of ours: "llms"."""

_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    # As Alembic makes it.
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class DatabaseNewer(Exception):
    """The database was made by a newer program."""


def versions() -> tuple[str, ...]:
    """Return the versions this program knows, oldest first: ``rNNNN_what.py`` is NNNN."""
    found = (MIGRATIONS / "versions").glob("r[0-9][0-9][0-9][0-9]_*.py")
    return tuple(sorted(path.name[1:5] for path in found))


def upgrade(connection: sa.Connection) -> None:
    """Bring the database of `connection`, which is in no transaction, to the newest version.

    Raises:
        DatabaseNewer: It is of a version that this program does not know.
        SQLAlchemyError: It cannot be done; nothing was changed.
    """
    newest = _is_newest(connection)
    connection.rollback()
    if newest:
        return
    with _ALONE[connection.dialect.name](connection):
        # Another server may have been faster.
        if not _is_newest(connection):
            if sa.inspect(connection).has_table(_VERSION.name):
                _run(connection)
            else:
                _make(connection)


def _is_newest(connection: sa.Connection) -> bool:
    known = versions()
    current = None
    if sa.inspect(connection).has_table(_VERSION.name):
        current = connection.scalar(sa.select(_VERSION.c.version_num))
    if current is not None and current not in known:
        raise DatabaseNewer(
            f"has version {current}, and this program knows up to {known[-1]}:"
            " update the program, or name another database"
        )
    return current == known[-1]


@contextmanager
def _alone_in_sqlite(connection: sa.Connection) -> Iterator[None]:
    # The driver would begin a transaction only with the first change of a row.
    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    end = "ROLLBACK"
    try:
        yield
        end = "COMMIT"
    finally:
        connection.exec_driver_sql(end)


@contextmanager
def _alone_in_postgresql(connection: sa.Connection) -> Iterator[None]:
    with connection.begin():
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        yield


_ALONE: Mapping[str, Callable[[sa.Connection], AbstractContextManager[None]]] = {
    "sqlite": _alone_in_sqlite,
    "postgresql": _alone_in_postgresql,
}
"""By dialect: holds a transaction that no other upgrade can begin while the block runs."""


def _make(connection: sa.Connection) -> None:
    # What is there already was made by somebody else, and is not to be taken for ours.
    METADATA.create_all(connection, checkfirst=False)
    connection.execute(sa.insert(CALLERS_CHANGES).values(number=0))
    _VERSION.create(connection)
    connection.execute(sa.insert(_VERSION).values(version_num=versions()[-1]))


def _run(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
