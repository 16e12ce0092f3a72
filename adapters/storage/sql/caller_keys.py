"""Callers' keys in the database.

Laws: of a token only its SHA-256 is here. Whoever changes something first counts the change, which takes the
lock: changes come one after the other, and nobody who sees the number has missed what it counts.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import sqlalchemy as sa

from adapters.callers.followed import SourceAway
from adapters.callers.table import KnownCaller
from adapters.storage.sql.database import Database, DatabaseUnusable
from adapters.storage.sql.schema import CALLERS, CALLERS_CHANGES
from domain.model.caller import Caller, CallerLimits

_C = CALLERS.c
_LIMITS = tuple(field.name for field in attrs.fields(CallerLimits))


class KeyTaken(Exception):
    """There is a key of this name already; `revoked` says whether it still opens anything."""

    def __init__(self, *, revoked: bool) -> None:
        """Keep what is there."""
        super().__init__()
        self.revoked = revoked


class KeyMissing(Exception):
    """There is no key of this name; `names` are those that there are."""

    def __init__(self, names: Sequence[str]) -> None:
        """Keep what there is instead."""
        super().__init__()
        self.names = names


@attrs.frozen(kw_only=True)
class CallerKey:
    """A key, with its history; times are seconds since the Unix epoch.

    Attributes:
        known: Whom it lets in.
        revoked_s: Since when it lets nobody in; ``None``: it was not revoked.
    """

    known: KnownCaller
    created_s: float
    revoked_s: float | None = None


@attrs.frozen
class SqlCallerKeys:
    """The keys of one database.

    Every method raises `DatabaseUnusable` where the database does not do it; `changes` and `known`, which
    make this an `adapters.callers.followed.CallerSource`, raise `SourceAway`.

    Attributes:
        wall_clock: Seconds since the Unix epoch.
    """

    _database: Database
    wall_clock: Callable[[], float] = time.time

    async def changes(self) -> int:
        """Return how often the keys have changed: a cheap way to see whether they have."""
        with _away():
            return await self._database.run(_number)

    async def known(self) -> tuple[int, Sequence[KnownCaller]]:
        """Return what `changes` returned just before, and everybody who has or had a key."""

        def read(connection: sa.Connection) -> tuple[int, Sequence[KnownCaller]]:
            # In this order: what changes in between is read again next time.
            number = _number(connection)
            return number, [each.known for each in _all(connection)]

        with _away():
            return await self._database.run(read)

    async def all(self) -> Sequence[CallerKey]:
        """Return the keys, by name."""
        return await self._database.run(_all)

    async def create(self, known: KnownCaller) -> bool:
        """Keep a new key; return whether it is the first that this database ever had.

        Raises:
            KeyTaken: The name is taken.
        """

        def insert(connection: sa.Connection) -> bool:
            _count(connection)
            there = {each.known.caller.name: each for each in _all(connection)}
            same = there.get(known.caller.name)
            if same is not None:
                raise KeyTaken(revoked=same.known.revoked)
            row = _row(known) | {"created_us": self._now_us()}
            connection.execute(sa.insert(CALLERS).values(row))
            return not there

        return await self._database.run(insert)

    async def change(self, name: str, change: Callable[[KnownCaller], KnownCaller]) -> None:
        """Replace a key by what `change` makes of it; one that was revoked stays so.

        Raises:
            KeyMissing: There is none of this name.
        """

        def update(connection: sa.Connection) -> None:
            _count(connection)
            new = change(_one(connection, name).known)
            connection.execute(sa.update(CALLERS).where(_C.name == name).values(_row(new)))

        await self._database.run(update)

    async def revoke(self, name: str) -> bool:
        """Let nobody in by this key any more; return whether it did until now.

        Raises:
            KeyMissing: There is none of this name.
        """

        def update(connection: sa.Connection) -> bool:
            _count(connection)
            if _one(connection, name).known.revoked:
                return False
            self._set_revoked(connection, name, self._now_us())
            return True

        return await self._database.run(update)

    async def rotate(self, name: str, token_digest: bytes) -> None:
        """Have a new token in the place of the old one, which is worth nothing any more; lifts a revocation.

        Raises:
            KeyMissing: There is none of this name.
        """

        def update(connection: sa.Connection) -> None:
            _count(connection)
            new = attrs.evolve(_one(connection, name).known, token_digest=token_digest)
            connection.execute(sa.update(CALLERS).where(_C.name == name).values(_row(new)))
            self._set_revoked(connection, name, None)

        await self._database.run(update)

    def _set_revoked(self, connection: sa.Connection, name: str, when_us: int | None) -> None:
        connection.execute(sa.update(CALLERS).where(_C.name == name).values(revoked_us=when_us))

    def _now_us(self) -> int:
        return round(self.wall_clock() * 1e6)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except DatabaseUnusable as error:
        raise SourceAway(str(error)) from None


def _count(connection: sa.Connection) -> None:
    connection.execute(sa.update(CALLERS_CHANGES).values(number=CALLERS_CHANGES.c.number + 1))


def _number(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.select(CALLERS_CHANGES.c.number)) or 0)


def _all(connection: sa.Connection) -> Sequence[CallerKey]:
    rows = connection.execute(sa.select(CALLERS)).mappings()
    # Sorted here: databases sort letters in different ways.
    return sorted(map(_key, rows), key=lambda each: each.known.caller.name)


def _one(connection: sa.Connection, name: str) -> CallerKey:
    row = connection.execute(sa.select(CALLERS).where(_C.name == name)).mappings().first()
    if row is None:
        raise KeyMissing([each.known.caller.name for each in _all(connection)])
    return _key(row)


def _key(row: Mapping[Any, Any]) -> CallerKey:
    caller = Caller(
        row["name"],
        frozenset(row["scopes"]),
        tuple(row["allow"]),
        CallerLimits(**{name: row[name] for name in _LIMITS}),
    )
    known = KnownCaller(
        caller=caller,
        token_digest=bytes(row["token_sha256"]),
        expires_s=_seconds(row["expires_us"]),
        revoked=row["revoked_us"] is not None,
    )
    return CallerKey(
        known=known,
        created_s=row["created_us"] / 1e6,
        revoked_s=_seconds(row["revoked_us"]),
    )


def _row(known: KnownCaller) -> dict[str, Any]:
    caller = known.caller
    return {
        "name": caller.name,
        "token_sha256": known.token_digest,
        "scopes": sorted(caller.scopes),
        "allow": list(caller.allow),
        "expires_us": None if known.expires_s is None else round(known.expires_s * 1e6),
        **{name: getattr(caller.limits, name) for name in _LIMITS},
    }


def _seconds(time_us: int | None) -> float | None:
    return None if time_us is None else time_us / 1e6
