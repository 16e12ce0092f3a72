"""A table of callers that follows a source which others change, a database say.

Laws: no call waits for the source. A change is in force within two periods of it. While the source is away
the last table goes on serving, which is told once; whoever is known to be revoked stays so.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
import attrs

from adapters.callers.table import CallerTable, KnownCaller

PERIOD_S = 1.0
_PATIENCE_S = 5.0


class SourceAway(Exception):
    """The source cannot be asked now; the message says why, in one line, without secrets."""


class CallerSource(Protocol):
    """Where callers come from."""

    async def changes(self) -> int:
        """Return a number that is another one after every change.

        Raises:
            SourceAway: It cannot be asked.
        """
        ...

    async def known(self) -> tuple[int, Sequence[KnownCaller]]:
        """Return that number, and everybody who is known.

        Raises:
            SourceAway: It cannot be asked.
        """
        ...


@asynccontextmanager
async def following(
    source: CallerSource, tell: Callable[[str], None], *, period_s: float = PERIOD_S
) -> AsyncIterator[CallerTable]:
    """Have a table that is what `source` says while the block runs.

    Args:
        source: Asked by one task, first before the block is entered.
        tell: Told in a sentence what changes, and when the source goes and comes.
        period_s: Between two looks.

    Raises:
        SourceAway: It could not be asked the first time.
    """
    follower = _Follower(source, tell)
    await follower.look()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follower.follow, period_s)
        yield follower.table
        tasks.cancel_scope.cancel()


@attrs.define(eq=False)
class _Follower:
    """Reads the source when it has changed."""

    _source: CallerSource
    _tell: Callable[[str], None]
    table: CallerTable = attrs.field(factory=CallerTable)
    _number: int | None = None
    _away: bool = False

    async def follow(self, period_s: float) -> None:
        """Look again and again, until cancelled."""
        while True:
            await anyio.sleep(period_s)
            try:
                with anyio.fail_after(_PATIENCE_S):
                    await self.look()
            except SourceAway as error:
                self._went(str(error))
            except TimeoutError:
                self._went(f"no answer within {_PATIENCE_S:g} s")
            else:
                self._came()

    async def look(self) -> None:
        """Take over what has changed."""
        if await self._source.changes() == self._number:
            return
        number, known = await self._source.known()
        began = not self.table.demanding
        self.table.replace(known)
        self._number = number
        if known:
            revoked = sum(each.revoked for each in known)
            told = f"keys of callers: {len(known) - revoked} in force, {revoked} revoked"
            self._tell(f"{told}; calls without one are refused" if began else told)

    def _went(self, why: str) -> None:
        if not self._away:
            self._tell(f"the keys of callers stay as they were, their database is away: {why}")
        self._away = True

    def _came(self) -> None:
        if self._away:
            self._tell("the database of the callers' keys is back")
        self._away = False
