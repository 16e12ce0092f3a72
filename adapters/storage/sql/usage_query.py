"""Questions about the account, answered by the database."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import sqlalchemy as sa

from adapters.storage.sql.database import Database, DatabaseUnusable
from adapters.storage.sql.schema import USAGE_RECORDS
from adapters.storage.writing.rows import decode
from domain.model.errors import ErrorReason, ServiceFailure
from domain.model.usage import AttemptOutcome, UsageRecord
from ports.usage_query import Dimension, Grouping, LabelKey, UsageFilter, UsageSummary

PAGE = 500
"""Records read at a time."""
_RETRY_AFTER_S = 1.0
T = TypeVar("T")

_C = USAGE_RECORDS.c


@attrs.frozen
class SqlUsageQuery:
    """See `ports.usage_query.UsageQuery`."""

    _database: Database

    def records(self, wanted: UsageFilter, /) -> AsyncIterator[UsageRecord]:
        """See `ports.usage_query.UsageQuery`."""
        return _Records(self._database, wanted)

    async def summary(
        self, wanted: UsageFilter, by: Sequence[Grouping] = (), /
    ) -> Sequence[UsageSummary]:
        """See `ports.usage_query.UsageQuery`."""
        dialect = self._database.engine.dialect.name
        # Grouped by these names: what is said twice with parameters is not the same to every database.
        names = [f"group_{number}" for number in range(len(by))]
        groups = [_group(each, dialect).label(name) for each, name in zip(by, names, strict=True)]
        chosen = _conditions(wanted, dialect)
        statement = (
            sa.select(*groups, *_SUMS).where(*chosen).group_by(*names)
            if by
            else sa.select(*_SUMS).where(*chosen)
        )
        rows = await _read(self._database, lambda connection: connection.execute(statement).all())
        found = [_summary(by, row) for row in rows]
        # Here, not there: databases sort letters in different ways.
        return sorted(found, key=lambda each: tuple(each.group.values()))

    async def spent(
        self, since_s: float, callers: Collection[str] | None = None, /
    ) -> Mapping[str, int]:
        """See `ports.usage_query.UsageQuery`."""
        statement = (
            sa.select(_C.caller, sa.func.sum(_C.cost_nano_usd))
            .where(_C.time_us >= round(since_s * 1e6), _C.cost_nano_usd.is_not(None))
            .group_by(_C.caller)
        )
        if callers is not None:
            statement = statement.where(_C.caller.in_(tuple(callers)))
        rows = await _read(self._database, lambda connection: connection.execute(statement).all())
        return {caller: int(cost) for caller, cost in rows}


@attrs.define(eq=False)
class _Records(AsyncIterator[UsageRecord]):
    """Reads a page when the one before is used up; goes on behind the last record it gave."""

    _database: Database
    _wanted: UsageFilter
    _page: deque[UsageRecord] = attrs.field(factory=deque)
    _last: tuple[int, str] | None = None
    _more: bool = True

    async def __anext__(self) -> UsageRecord:
        if not self._page and self._more:
            rows = await _read(self._database, self._rows)
            self._more = len(rows) == PAGE
            self._page.extend(map(decode, rows))
        if not self._page:
            raise StopAsyncIteration
        return self._page.popleft()

    def _rows(self, connection: sa.Connection) -> Sequence[sa.RowMapping]:
        place = sa.tuple_(_C.time_us, _C.record_id)
        statement = (
            sa.select(USAGE_RECORDS)
            .where(*_conditions(self._wanted, connection.dialect.name))
            .order_by(_C.time_us, _C.record_id)
            .limit(PAGE)
        )
        if self._last is not None:
            statement = statement.where(place > sa.tuple_(*map(sa.literal, self._last)))
        rows = connection.execute(statement).mappings().all()
        if rows:
            self._last = (rows[-1]["time_us"], rows[-1]["record_id"])
        return rows


async def _read(database: Database, work: Callable[[sa.Connection], T]) -> T:
    try:
        return await database.run(work)
    except DatabaseUnusable as error:
        raise ServiceFailure(
            "the account cannot be read now",
            ErrorReason.SERVICE_OVERLOADED,
            retry_after_s=_RETRY_AFTER_S,
        ) from error


def _conditions(wanted: UsageFilter, dialect: str) -> Sequence[sa.ColumnElement[bool]]:
    found = [_C.time_us >= round(wanted.start_s * 1e6)]
    if wanted.end_s is not None:
        found.append(_C.time_us < round(wanted.end_s * 1e6))
    if wanted.caller is not None:
        found.append(_C.caller == wanted.caller)
    found += [_LABEL[dialect](key) == value for key, value in wanted.labels.items()]
    return found


def _in_sqlite(key: str) -> sa.ColumnElement[Any]:
    # By comparison, not by a path: a path cannot quote every key.
    label = sa.func.json_each(_C.labels).table_valued("key", "value")
    return sa.select(label.c.value).where(label.c.key == key).scalar_subquery()


_LABEL: Mapping[str, Callable[[str], sa.ColumnElement[Any]]] = {
    "sqlite": _in_sqlite,
    "postgresql": lambda key: _C.labels[key].as_string(),
}
"""What a record's label of this name says; NULL: it has none."""


def _sum(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(column), 0)


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return _sum(sa.case((condition, 1), else_=0))


_SUMS: Sequence[sa.ColumnElement[int]] = (
    sa.func.count().label("attempts"),
    _count(_C.outcome == AttemptOutcome.SERVED.value).label("served"),
    _count(
        sa.and_(
            _C.cost_nano_usd.is_(None),
            sa.or_(_C.input_tokens.is_not(None), _C.output_tokens.is_not(None)),
        )
    ).label("unpriced"),
    _sum(_C.input_tokens).label("input_tokens"),
    _sum(_C.output_tokens).label("output_tokens"),
    _sum(_C.cache_read_tokens).label("cache_read_tokens"),
    _sum(_C.cache_write_tokens).label("cache_write_tokens"),
    _sum(_C.reasoning_tokens).label("reasoning_tokens"),
    _sum(_C.cost_nano_usd).label("cost_nano_usd"),
    _sum(_C.total_us).label("total_us"),
)


def _summary(by: Sequence[Grouping], row: Sequence[Any]) -> UsageSummary:
    sums = {str(sum_.key): int(value) for sum_, value in zip(_SUMS, row[len(by) :], strict=True)}
    total_us = sums.pop("total_us")
    group = {dimension: str(value) for dimension, value in zip(by, row, strict=False)}
    return UsageSummary(group=group, total_s=total_us / 1e6, **sums)


def _group(dimension: Grouping, dialect: str) -> sa.ColumnElement[Any]:
    """Return the column of `dimension`; a time is rounded down and written out."""
    if isinstance(dimension, LabelKey):
        return sa.func.coalesce(_LABEL[dialect](dimension.key), "")
    plain = _PLAIN.get(dimension)
    return plain if plain is not None else _TIMES[dialect](dimension)


_PLAIN: Mapping[Dimension, sa.ColumnElement[Any]] = {
    Dimension.PROVIDER: _C.provider,
    Dimension.MODEL: _C.model,
    Dimension.CALLER: _C.caller,
    Dimension.OUTCOME: _C.outcome,
}
_TIMES: Mapping[str, Callable[[Dimension], sa.ColumnElement[Any]]] = {
    "sqlite": lambda dimension: sa.func.strftime(
        {Dimension.DAY: "%Y-%m-%d", Dimension.HOUR: "%Y-%m-%dT%H"}[dimension],
        _C.time_us // sa.literal_column("1000000"),
        "unixepoch",
    ),
    "postgresql": lambda dimension: sa.func.to_char(
        sa.func.timezone("UTC", sa.func.to_timestamp(_C.time_us // sa.literal_column("1000000"))),
        {Dimension.DAY: "YYYY-MM-DD", Dimension.HOUR: 'YYYY-MM-DD"T"HH24'}[dimension],
    ),
}
