"""Opens what watches a server, as the settings ask for it: nothing is paid for what is switched off."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
from loguru import logger

from adapters.telemetry.console.registry import Registry
from domain.services.watching import together
from entrypoints.account import Account
from entrypoints.board import board_of
from entrypoints.grpc.authentication import Admission
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.server import Server
from entrypoints.http.side import open_http_side
from entrypoints.inside import Inside
from entrypoints.settings.http import HttpSettings
from ports.telemetry import Telemetry


@attrs.frozen
class Seeing:
    """Who watches.

    Attributes:
        telemetry: Is told of every call; ``None``: nobody.
        inside: To be filled in by who opens the service.
        show: Is given the server.
        begin: Says that calls are taken.
    """

    telemetry: Telemetry | None = None
    inside: Inside | None = None
    show: Callable[[Server], None] = lambda server: None
    begin: Callable[[], None] = lambda: None


@asynccontextmanager
async def open_seeing(
    settings: HttpSettings,
    account: Account,
    admission: Admission,
    draining: Draining,
    lines_dropped: Callable[[], int] = lambda: 0,
    worker: int = 0,
) -> AsyncIterator[Seeing]:
    """Have everything that watches there while the block runs.

    Raises:
        CannotListen: The HTTP side's address cannot be had.
    """
    if not settings.enabled:
        yield Seeing()
        return
    board = board_of(draining, settings.caller_metrics, account.stats)
    board.lines_dropped, board.worker = lines_dropped, worker
    watching: list[Telemetry] = [board.metrics]
    if settings.console:
        board.registry = Registry()
        watching.append(board.registry)
    async with open_http_side(settings, board, admission) as side:
        logger.bind(address=str(side.address)).info("metrics and health over HTTP")
        yield Seeing(together(watching), board.inside, board.show, side.begin)
