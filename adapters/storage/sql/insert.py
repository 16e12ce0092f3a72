"""Writes rows: many in one statement.

A statement a row would give the interpreter's lock away and ask for it back each time; under load each of
those waits is a turn of the event loop. SQLite takes the values one by one, PostgreSQL takes all rows as
one JSON text, and takes it apart itself: each is what costs least there (measured in
docs/adr/0007-account.md).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from adapters.storage.sql.asking import break_off
from adapters.storage.sql.database import reason
from adapters.storage.sql.schema import USAGE_RECORDS
from adapters.storage.writing.rows import COLUMNS, Row, line_of
from adapters.storage.writing.sink import RowRefused, SinkAway

_ROWS_A_STATEMENT = (128, 64, 32, 16, 8, 4, 2, 1)
"""Few, because SQLite keeps each statement it has read: of 128 rows some 200 KiB."""


def _into_sqlite(connection: sa.Connection, rows: Sequence[Row]) -> None:
    start = 0
    for count in _ROWS_A_STATEMENT:
        while len(rows) - start >= count:
            values = tuple(chain.from_iterable(rows[start : start + count]))
            connection.exec_driver_sql(_for_sqlite(count), values)
            start += count


@lru_cache(len(_ROWS_A_STATEMENT))
def _for_sqlite(count: int) -> str:
    row = f"({', '.join('?' * len(COLUMNS))})"
    return (
        f"INSERT INTO {USAGE_RECORDS.name} ({', '.join(COLUMNS)})"  # noqa: S608 - names of ours
        f" VALUES {', '.join([row] * count)} ON CONFLICT DO NOTHING"
    )


def _into_postgresql(connection: sa.Connection, rows: Sequence[Row]) -> None:
    text = b"[%b]" % b",".join(map(line_of, rows))
    connection.execute(_FOR_POSTGRESQL, {"rows": text.decode()})


def _for_postgresql() -> sa.Executable:
    rows = sa.cast(sa.bindparam("rows", type_=sa.Text), JSONB)
    each = (
        sa.func.jsonb_to_recordset(rows)
        .table_valued(*(sa.column(column.name, column.type) for column in USAGE_RECORDS.columns))
        .render_derived(with_types=True)
    )
    return (
        postgresql_insert(USAGE_RECORDS)
        .from_select(list(COLUMNS), sa.select(*each.c))
        .on_conflict_do_nothing()
    )


_FOR_POSTGRESQL = _for_postgresql()
_INSERTS: Mapping[str, Callable[[sa.Connection, Sequence[Row]], None]] = {
    "sqlite": _into_sqlite,
    "postgresql": _into_postgresql,
}


@attrs.define(eq=False)
class SqlSink:
    """The database as `adapters.storage.writing` needs it; keeps one connection."""

    _engine: sa.Engine
    _connection: sa.Connection | None = None
    _inserting: bool = False

    def insert(self, rows: Sequence[Row], /) -> None:
        """See `adapters.storage.writing.sink.Sink`."""
        self._inserting = True
        try:
            connection = self._connection
            if connection is None:
                connection = self._connection = self._engine.connect()
            with connection.begin():
                _INSERTS[self._engine.dialect.name](connection, rows)
        except (DataError, IntegrityError) as error:
            raise RowRefused from error
        except SQLAlchemyError as error:
            self.close()
            raise SinkAway(reason(error)) from None
        finally:
            self._inserting = False

    def interrupt(self) -> None:
        """See `adapters.storage.writing.sink.Sink`."""
        connection = self._connection
        # SQLite would remember it, and leave its log behind when the connection is closed.
        if connection is None or not self._inserting:
            return
        break_off(self._engine.dialect.name, connection.connection.dbapi_connection)

    def close(self) -> None:
        """Give the connection back; the next `insert` opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
