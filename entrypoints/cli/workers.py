"""`llmservice serve --workers`: what the command does where several processes serve."""

import argparse
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
from loguru import logger

from domain.groups import single_error_unwrapped
from entrypoints.addresses import UnixAddress
from entrypoints.cli.address_file import told_in
from entrypoints.cli.endings import BadUsage, OperationFailed
from entrypoints.cli.signals import stop_on_signals
from entrypoints.cli.supervisor import Crew
from entrypoints.crew.callers import admission
from entrypoints.crew.gathered import Gathered
from entrypoints.grpc.transport.listeners import CannotListen, reserved
from entrypoints.http.side import open_http_side
from entrypoints.settings.tree import Settings


def supervise(asked: argparse.Namespace, settings: Settings) -> int:
    """Serve with several workers until told to stop; return the exit code.

    Raises:
        BadUsage: The settings do not suit several workers.
        OperationFailed: The address cannot be had, or its file not written.
    """
    check(settings, asked.workers)
    with single_error_unwrapped():
        crew = trio.run(_supervise, asked, settings)
    logger.bind(
        workers=asked.workers, restarts=crew.restarts, finished=crew.finished, cut=crew.cut
    ).info("stopped")
    return crew.code


def check(settings: Settings, count: int) -> None:
    """Refuse what several workers cannot do.

    Raises:
        BadUsage: Says what, and what helps.
    """
    for address in settings.grpc.addresses:
        if isinstance(address, UnixAddress):
            raise BadUsage(
                f"grpc.listen: {address} cannot be shared by {count} workers: "
                "listen at HOST:PORT, or serve with --workers 1"
            )
    limited = limited_at(settings)
    if limited and settings.limits.store == "memory" and not settings.limits.per_worker:
        raise BadUsage(
            f'{limited} is kept by each of {count} workers for itself: set limits.store = "redis", which '
            "they share, or limits.per_worker = true, if up to as many times as much may be let in"
        )


def limited_at(settings: Settings) -> str:
    """Return the path of a limit that the settings set; empty: they set none."""
    kinds = ("requests_per_minute", "tokens_per_minute", "parallel_calls")
    budgets = ("budget_usd_per_day", "budget_usd_per_month")
    places: list[tuple[str, object, tuple[str, ...]]] = [
        ("limits", settings.limits, ("parallel_calls",))
    ]
    for section, shared in (
        ("limits.providers", settings.limits.providers),
        ("limits.models", settings.limits.models),
    ):
        places += [(f"{section}.{name}", each, kinds) for name, each in shared.items()]
    places += [
        (f"callers.{name}", each, kinds + budgets) for name, each in settings.callers.items()
    ]
    for place, holder, names in places:
        for name in names:
            if getattr(holder, name) is not None:
                return f"{place}.{name}"
    return ""


async def _supervise(asked: argparse.Namespace, settings: Settings) -> Crew:
    gathered = Gathered(asked.workers, settings.http.console)
    try:
        async with (
            reserved(settings.grpc.addresses, shared=settings.grpc.reuse_port) as addresses,
            _open_seeing(settings, gathered) as begin,
            trio.open_nursery() as outer,
        ):
            crew = Crew(_words(asked), _environment([str(each) for each in addresses]), gathered)
            await outer.start(stop_on_signals, crew.stop, crew.stop)
            await outer.start(_pass_hangups_on, crew)

            async def serving() -> None:
                with told_in(asked.address_file, f"{addresses[0]}\n"):
                    logger.bind(address=str(addresses[0]), workers=asked.workers).info("serving")
                    begin()
                    await crew.wait_stopping()

            await crew.serve(asked.workers, serving)
            outer.cancel_scope.cancel()
    except CannotListen as error:
        raise OperationFailed(str(error)) from error
    return crew


@asynccontextmanager
async def _open_seeing(settings: Settings, gathered: Gathered) -> AsyncIterator[Callable[[], None]]:
    """Have the HTTP side of all workers there while the block runs; gives what says that they serve."""
    if not settings.http.enabled:
        yield lambda: None
        return
    async with open_http_side(settings.http, gathered, admission(gathered)) as side:
        logger.bind(address=str(side.address)).info("metrics and health over HTTP")
        yield side.begin


async def _pass_hangups_on(  # noqa: ASYNC114 - started in one place
    crew: Crew, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            crew.signal(signal.SIGHUP)


def _words(asked: argparse.Namespace) -> list[str]:
    """Return the command of a worker: the same program with the same configuration."""
    # As the program itself is started: nothing is imported from the folder that it happens to be in.
    words = [sys.executable, "-P", "-m", "entrypoints.cli.main", "serve"]
    if asked.config is not None:
        words.append(f"--config={asked.config}")
    if asked.insecure:
        words.append("--insecure")
    return words


def _environment(addresses: list[str]) -> dict[str, str]:
    """Return the variables of a worker; they win over its configuration, and stay so when it is reloaded."""
    listen = {
        "LLMSERVICE_GRPC__LISTEN": json.dumps(addresses),
        "LLMSERVICE_GRPC__REUSE_PORT": "true",
    }
    return {**os.environ, **listen}
