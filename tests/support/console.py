"""A whole server with its HTTP side, in this process, for those who look on."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.telemetry.console.registry import Registry
from domain.services.watching import together
from entrypoints.account import memory_account
from entrypoints.board import Board, board_of
from entrypoints.compose import open_service
from entrypoints.grpc.authentication import Admission
from entrypoints.grpc.serve import serve_grpc
from entrypoints.grpc.transport.draining import Draining
from entrypoints.http.own import Own
from entrypoints.http.side import open_http_side
from entrypoints.known_callers import caller_table
from entrypoints.settings.loading import structure

TOOLS = Path(__file__).parents[1] / "tools"


@attrs.frozen
class Watched:
    """A running server.

    Attributes:
        address: Of gRPC.
        page: Where its HTTP side is, as a browser writes it.
        log: Its account.
    """

    address: str
    page: str
    log: MemoryUsageLog
    registry: Registry
    board: Board

    @property
    def http(self) -> str:
        """Where its HTTP side is."""
        return self.page.removeprefix("http://")


@asynccontextmanager
async def open_watched(settings: Mapping[str, Any]) -> AsyncIterator[Watched]:
    """Serve `settings`, written as TOML gives them, while the block runs."""
    http = {"port": 0, **settings.get("http", {})}
    tree = structure({"local": {"enabled": False}, **settings, "grpc": {"port": 0}, "http": http})
    log, draining = MemoryUsageLog(), Draining()
    callers = caller_table(tree.callers)
    admission = Admission(callers=callers, demanding=lambda: callers.demanding)
    board = board_of(draining, 0, None)
    board.registry = registry = Registry()
    async with (
        open_http_side(tree.http, Own(board), admission) as side,
        open_service(
            tree, environment={}, account=memory_account(log), inside=board.inside
        ) as service,
        trio.open_nursery() as nursery,
    ):
        serve = partial(
            serve_grpc,
            service,
            tree.grpc,
            admission,
            draining=draining,
            telemetry=together([board.metrics, registry]),
            show=board.show,
        )
        address = await nursery.start(serve)
        side.begin()
        port = str(side.address).rpartition(":")[2]
        yield Watched(str(address), f"http://127.0.0.1:{port}", log, registry, board)
        nursery.cancel_scope.cancel()


def axe(folder: Path) -> str:
    """Return the source of axe-core, which checks pages, installed in `folder`."""
    shutil.copytree(TOOLS / "axe", folder, dirs_exist_ok=True)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefer-offline"],
        cwd=folder, check=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
