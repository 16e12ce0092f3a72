"""Opens what watches a server, as the settings ask for it: nothing is paid for what is switched off."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import trio
from loguru import logger

from adapters.telemetry.console.registry import Registry
from domain.services.watching import together
from entrypoints.account import Account
from entrypoints.board import board_of
from entrypoints.crew.answers import Answers
from entrypoints.grpc.authentication import Admission
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.server import Server
from entrypoints.http.own import Own
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
    shows: Callable[[Answers], None] | None = None,
) -> AsyncIterator[Seeing]:
    """Have everything that watches there while the block runs.

    Args:
        settings: What is asked for.
        account: Whose records are counted.
        admission: Knows who may look on.
        draining: Of the server.
        lines_dropped: How many lines the log has lost.
        shows: Given what one of several workers answers to its supervisor, which has the HTTP side of all.

    Raises:
        CannotListen: The HTTP side's address cannot be had.
    """
    if not settings.enabled:
        yield Seeing()
        return
    board = board_of(draining, settings.caller_metrics, account.stats)
    board.lines_dropped = lines_dropped
    watching: list[Telemetry] = [board.metrics]
    if settings.console:
        board.registry = Registry()
        watching.append(board.registry)
    telemetry = together(watching)
    if shows is not None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(board.watch_the_loop)
            shows(Answers(board, admission))
            yield Seeing(telemetry, board.inside, board.show)
            nursery.cancel_scope.cancel()
        return
    async with open_http_side(settings, Own(board), admission) as side:
        logger.bind(address=str(side.address)).info("metrics and health over HTTP")
        yield Seeing(telemetry, board.inside, board.show, side.begin)
