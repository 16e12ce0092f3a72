"""Places of a pool, on either loop."""

from functools import partial

import anyio
import anyio.abc
import anyio.lowlevel
import anyio.streams.stapled
import pytest

from adapters.http.transport.connection import Connection, Origin
from adapters.http.transport.patience import Timeouts
from adapters.http.transport.pool import Limits, Pool

HERE = Origin("http", "here", 80)
FOREVER = Timeouts()


async def connect(_: Origin) -> anyio.abc.ByteStream:
    await anyio.lowlevel.checkpoint()
    near, far = anyio.create_memory_object_stream[bytes](1)
    return anyio.streams.stapled.StapledByteStream(near, far)  # type: ignore[arg-type]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("cancelled_first", [False, True])
def test_a_place_given_to_who_is_cancelled_goes_to_the_next(
    loop: str, cancelled_first: bool
) -> None:
    anyio.run(partial(_play, cancelled_first), backend=loop)


async def _play(cancelled_first: bool) -> None:
    pool = Pool(HERE, connect, Limits(connections=1), set())
    held = await pool.acquire(FOREVER)
    had: list[Connection] = []
    leaving = anyio.CancelScope()

    async def leave() -> None:
        with leaving:
            had.append(await pool.acquire(FOREVER))
            # Cancelled, and not before it had its place.
            pool.release(had.pop())
            await anyio.lowlevel.checkpoint()

    async def stay() -> None:
        had.append(await pool.acquire(FOREVER))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(stay)
            await anyio.wait_all_tasks_blocked()
            if cancelled_first:
                leaving.cancel()
                pool.release(held)
            else:
                pool.release(held)
                leaving.cancel()
    assert had == [held]
    pool.release(held)
    assert await pool.acquire(FOREVER) is held
    await pool.discard(held)
