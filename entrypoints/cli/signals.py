"""What the signals do to a serving process.

SIGTERM and SIGINT mean the same. The first lets what runs finish, a second one cuts it. A further kind of
signal gets a task of its own beside `stop_on_signals`.
"""

import signal
from collections.abc import Callable

import trio
from loguru import logger


async def stop_on_signals(  # noqa: ASYNC114 - started in one place
    stop: Callable[[], None],
    hurry: Callable[[], None],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `stop` at the first SIGINT or SIGTERM, `hurry` at every one after it.

    Calls ``task_status.started`` once signals are heard.
    """
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        act, word = stop, "stopping"
        async for number in signals:
            logger.bind(signal=signal.Signals(number).name).info(word)
            act()
            act, word = hurry, "stopping at once"
