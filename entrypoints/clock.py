"""The event loop's clock, and its ear for cancellation."""

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import trio
import trio.lowlevel


def loop_clock() -> Callable[[], float]:
    """Return the clock of the event loop that runs, in seconds, for as long as it does.

    anyio's own function looks for the loop at every reading, eight calls of functions deep, and a call reads
    the clock a dozen times.
    """
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_clock().current_time
    return anyio.current_time


def loop_checkpoint() -> Callable[[], Awaitable[None]]:
    """Return what looks whether the task that awaits it is cancelled, in the event loop that runs.

    For the same reason: anyio's own is seven calls of functions deep.
    """
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.checkpoint_if_cancelled
    return anyio.lowlevel.checkpoint_if_cancelled
