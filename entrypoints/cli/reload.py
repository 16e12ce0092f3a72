"""SIGHUP: what can change in a running server is loaded again, and the log says what cannot.

Laws: a configuration that makes no sense changes nothing. What fails to reload stays as it was, and does not
keep the rest from reloading.
"""

import signal
from collections.abc import Awaitable, Callable, Sequence

import attrs
import trio
from loguru import logger

from adapters.callers.table import CallerTable
from entrypoints.grpc.transport.tls import Tls, TlsUnusable
from entrypoints.known_callers import known_callers
from entrypoints.settings.changes import changed_paths
from entrypoints.settings.loading import SettingsError
from entrypoints.settings.tree import Settings


class NotReloaded(Exception):
    """Something stays as it was; the message says why, without secrets."""


@attrs.frozen
class Reloader:
    """Something that can change while the server runs.

    Attributes:
        name: As the log calls it.
        section: Path of the settings that it puts into force, e.g. ``grpc.tls``.
        reload: Puts the freshly loaded settings into force; raises `NotReloaded`.
    """

    name: str
    section: str
    reload: Callable[[Settings], Awaitable[None]]


def known(callers: CallerTable) -> Reloader:
    """Return how the table of callers is reloaded; from the next call on the new one holds."""

    async def reload(fresh: Settings) -> None:  # noqa: ASYNC124 - others may wait
        callers.replace(known_callers(fresh.callers))

    return Reloader("callers", "callers", reload)


def certificates(tls: Tls) -> Reloader:
    """Return how the server's certificate, and whose clients' are accepted, is reloaded."""

    async def reload(fresh: Settings) -> None:  # noqa: ASYNC124 - others may wait
        if not fresh.grpc.tls.certificate:
            raise NotReloaded("TLS is switched on and off by a restart")
        try:
            tls.reload(fresh.grpc.tls)
        except TlsUnusable as error:
            raise NotReloaded(str(error)) from error

    return Reloader("certificates", "grpc.tls", reload)


async def reload_on_hangup(  # noqa: ASYNC114 - started in one place
    running: Settings,
    load: Callable[[], Settings],
    reloaders: Sequence[Reloader],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Reload at every SIGHUP, until cancelled.

    `running` is what the server was started with; `load` loads the settings in the same way, and may raise
    `SettingsError`. Calls ``task_status.started`` once signals are heard.
    """
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            try:
                fresh = load()
            except SettingsError as error:
                logger.error("nothing was reloaded: {}", error)
            else:
                await reload(running, fresh, reloaders)


async def reload(running: Settings, fresh: Settings, reloaders: Sequence[Reloader]) -> None:
    """Put of `fresh` into force what can be, and log in one line what was and what was not."""
    done: list[str] = []
    for each in reloaders:
        try:
            await each.reload(fresh)
        except NotReloaded as error:
            logger.error("the {} stay as they were: {}", each.name, error)
        else:
            done.append(each.name)
    sections = tuple(each.section for each in reloaders)
    waiting = [
        path
        for path in changed_paths(running, fresh)
        if not any(path == section or path.startswith(f"{section}.") for section in sections)
    ]
    log = logger.bind(reloaded=done, needs_restart=waiting)
    if waiting:
        log.warning("reloaded; some settings have changed that need a restart")
    else:
        log.info("reloaded")
