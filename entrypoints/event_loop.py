"""What a call asks the event loop for again and again, found once.

anyio's own functions look for the loop that runs each time, four to eight calls of functions deep.
"""

import socket
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import trio
import trio.lowlevel


def loop_clock() -> Callable[[], float]:
    """Return the clock of the event loop that runs, in seconds, for as long as it does."""
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_clock().current_time
    return anyio.current_time


def loop_checkpoint() -> Callable[[], Awaitable[None]]:
    """Return what looks whether the task that awaits it is cancelled, in the event loop that runs."""
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.checkpoint_if_cancelled
    return anyio.lowlevel.checkpoint_if_cancelled


def loop_readable() -> Callable[[socket.socket], Awaitable[None]]:
    """Return what waits until a socket can be read, as `anyio.wait_readable` does."""
    return _readable if trio.lowlevel.in_trio_run() else anyio.wait_readable


async def _readable(found: socket.socket) -> None:
    try:
        await trio.lowlevel.wait_readable(found)
    except trio.ClosedResourceError:
        raise anyio.ClosedResourceError from None
