"""The HTTP side, while a server runs: it listens first and goes last.

What it serves with takes a fifth of a second to import: that is done once calls are taken, or after a moment
where a server takes long to open. Until then whoever asks waits in the kernel's queue.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import attrs
import trio

from domain.groups import only_error_as_itself
from entrypoints.addresses import Address, AnyAddress
from entrypoints.grpc.authentication import Admission
from entrypoints.grpc.transport.listeners import CannotListen, Listener, open_listeners
from entrypoints.http.console.access import Access, is_ours
from entrypoints.http.shown import Shown
from entrypoints.loopback import is_loopback
from entrypoints.settings.http import HttpSettings

if TYPE_CHECKING:
    from entrypoints.http.console.console import Console
    from entrypoints.http.pages import Pages
    from entrypoints.http.server import HttpServer

PATIENCE_S = 1.0
"""Longest that nothing is answered for the sake of a fast start."""

_REMEDY = "set http.port (0 picks a free one) or http.host, or switch it off: http.enabled = false"


@attrs.frozen(eq=False)
class HttpSide:
    """An HTTP side that listens.

    Attributes:
        address: The first, as bound.
    """

    address: AnyAddress
    _begin: trio.Event

    def begin(self) -> None:
        """Answer from now on."""
        self._begin.set()


@asynccontextmanager
async def open_http_side(
    settings: HttpSettings, shown: Shown, admission: Admission
) -> AsyncIterator[HttpSide]:
    """Have it there while the block runs.

    Args:
        settings: Where.
        shown: What it shows.
        admission: Knows who may see what is not for everybody; asked only where others than this machine
            can ask.

    Raises:
        CannotListen: One of the addresses cannot be had.

    Resource handling:
        Leaving the block closes connections without a request; answers that are on their way have a second.
    """
    begin, over = trio.Event(), trio.Event()
    private = all(map(is_private, settings.addresses))
    guard = None if settings.metrics_open or private else admission
    access = Access(admission, private)
    async with _listening(settings) as listeners:
        with only_error_as_itself():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    partial(_serve, settings, shown, guard, access, listeners, begin, over)
                )
                yield HttpSide(listeners[0].address, begin)
                over.set()


@asynccontextmanager
async def _listening(settings: HttpSettings) -> AsyncIterator[tuple[Listener, ...]]:
    try:
        stack = AsyncExitStack()
        listeners = await stack.enter_async_context(open_listeners(settings.addresses))
    except CannotListen as error:
        # Its remedies are the front door's.
        raise CannotListen(f"{str(error).partition(';')[0]} (http); {_REMEDY}") from error
    async with stack:
        yield listeners


def is_private(address: AnyAddress) -> bool:
    """Return whether only this machine can reach `address`."""
    return not isinstance(address, Address) or is_loopback(address.host)


async def _serve(
    settings: HttpSettings,
    shown: Shown,
    guard: Admission | None,
    access: Access,
    listeners: tuple[Listener, ...],
    begin: trio.Event,
    over: trio.Event,
) -> None:
    with trio.move_on_after(PATIENCE_S):
        await begin.wait()
    if over.is_set():
        return
    pages, server = await trio.to_thread.run_sync(_parts)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shown.watch)
        console = None
        if shown.has_console:
            console = await trio.to_thread.run_sync(_console, shown, access, over)
        is_named = is_ours if access.private and not settings.metrics_open else _is_anything
        application = pages(shown, guard, console, is_named).application()
        await server(application, settings).serve(listeners, over)
        nursery.cancel_scope.cancel()


def _is_anything(host: str) -> bool:
    return True


def _console(shown: Shown, access: Access, over: trio.Event) -> "Console":
    from entrypoints.http.console.console import Console
    from entrypoints.http.console.feed import Frames

    return Console(Frames(shown, over), access)


def _parts() -> "tuple[type[Pages], type[HttpServer]]":
    from entrypoints.http.pages import Pages
    from entrypoints.http.server import HttpServer

    return Pages, HttpServer
