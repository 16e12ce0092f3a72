"""This process, for those who look on."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from adapters.telemetry.prometheus.series import Reading
from entrypoints.board import Board
from entrypoints.http.console.snapshot import snapshot
from entrypoints.http.console.view import View
from entrypoints.http.shown import Stopped


@attrs.frozen(eq=False)
class Own:
    """A server of one process; see `entrypoints.http.shown.Shown`."""

    board: Board

    @property
    def has_console(self) -> bool:
        """Whether its calls are watched for people."""
        return self.board.registry is not None

    def unlive(self) -> str:
        """Return nothing: who answers lives."""
        return ""

    def unready(self) -> str:
        """See the board."""
        return self.board.unready()

    async def watch(self) -> None:
        """See the board."""
        await self.board.watch_the_loop()

    async def readings(self) -> Sequence[Reading]:  # noqa: ASYNC124 - others have to ask
        """See the board."""
        return self.board.readings()

    @property
    def is_one_process(self) -> bool:
        """Return that it is."""
        return True

    async def snapshot(self, view: View, /) -> Mapping[str, Any]:  # noqa: ASYNC124 - others have to ask
        """Return what the console shows."""
        assert self.board.registry is not None
        return snapshot(self.board, self.board.registry, view)

    async def stop(self, call: str, /) -> Stopped | None:  # noqa: ASYNC124 - others have to ask
        """End a call."""
        return stopped(self.board, int(call)) if call.isdigit() else None


def stopped(board: Board, number: int) -> Stopped | None:
    """End a call of this process as an operator, and return it; None: it is not in flight."""
    call = None if board.registry is None else board.registry.stop(number)
    return None if call is None else Stopped(call.request_id, call.caller.name)
