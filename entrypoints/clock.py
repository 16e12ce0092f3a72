"""The event loop's clock."""

from collections.abc import Callable

import anyio
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
