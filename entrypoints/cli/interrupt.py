"""Ctrl-C as the end of a block instead of the end of the program."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import attrs

from domain.groups import single_error_unwrapped


@attrs.define
class Interruption:
    """What ended the block.

    Attributes:
        number: The signal; ``None`` if there was none.
    """

    number: signal.Signals | None = None


@asynccontextmanager
async def interruptible(*numbers: signal.Signals) -> AsyncIterator[Interruption]:
    """Cancel the block at the first of the signals `numbers`; what it yields tells afterwards."""
    interruption = Interruption()
    # The signals' block is the outer one: a waiter that has not begun yet must still find it open.
    with single_error_unwrapped(), anyio.open_signal_receiver(*numbers) as signals:
        async with anyio.create_task_group() as tasks:

            async def wait() -> None:
                async for number in signals:
                    interruption.number = signal.Signals(number)
                    tasks.cancel_scope.cancel()
                    return

            tasks.start_soon(wait)
            yield interruption
            tasks.cancel_scope.cancel()
