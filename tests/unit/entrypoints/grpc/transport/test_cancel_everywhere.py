"""A call may be cancelled at any of its steps: nothing is left of it, and the connection goes on."""

from collections.abc import AsyncIterator, Callable

import attrs
import trio
import trio.testing
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import StatusCode

from entrypoints.grpc.transport.call import Ending, ServerCall
from entrypoints.grpc.transport.engine import CANCEL, EngineLimits
from entrypoints.grpc.transport.limits import Limits
from tests.support.grpc_play import Play, playing
from tests.support.grpc_service import Ends, dispatcher, payload

KIB = 1024


@attrs.define(eq=False)
class AtStep(trio.abc.Instrument):
    """Does something before the n-th step of the first call's task."""

    step: int
    act: Callable[[], None]
    steps: int = 0
    _task: trio.lowlevel.Task | None = None

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        if self._task is None and task.name.endswith(".Dispatcher.run"):
            self._task = task

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            if self.steps == self.step:
                self.act()
            self.steps += 1


async def rich(  # noqa: ASYNC124, ASYNC900 - purerpc's style
    messages: AsyncIterator[BytesValue], request: ServerCall
) -> AsyncIterator[BytesValue]:
    """Do all that a handler can do: receive, sleep, send small and large, wait for windows, use a group."""
    request.set_initial_metadata(("x-a", "b"))
    async for each in messages:
        for _ in range(4):
            await trio.lowlevel.checkpoint()
        yield each
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 0)
        nursery.start_soon(request.send, payload(b"from a task"))
    for _ in range(20):
        yield payload(bytes(10 * KIB))
    request.set_trailing_metadata(("x-c", "d"))


def cancel(play: Play) -> None:
    """Reset the first call as if its client had done it just now."""
    call = play.connection._calls.get(1)
    if call is not None:
        play.connection.engine.reset(1, CANCEL)
        call.cancel(Ending.RESET)


def lose(play: Play) -> None:
    """Lose the connection just now."""
    play.connection._peer_left = True
    play.connection._reading.cancel()


async def run(engine: str, step: int, act: Callable[[Play], None]) -> tuple[int, Ends, Play]:
    ends = Ends()
    limits = Limits(high_water=16 * KIB, engine=EngineLimits(connection_window=128 * KIB))
    window = EngineLimits(stream_window=64 * KIB)
    async with playing(
        dispatcher({"Both": rich}, ends), engine, limits=limits, client_limits=window
    ) as play:
        instrument = AtStep(step, lambda: act(play))
        trio.lowlevel.add_instrument(instrument)
        try:
            reply = await play.client.call("Both", b"a", bytes(70 * KIB), b"c")
            await trio.testing.wait_all_tasks_blocked()
        finally:
            trio.lowlevel.remove_instrument(instrument)
        assert not play.connection._calls
        if not play.over.is_set() and play.client.goaway is None and act is not lose:
            after = await play.client.call("Both", b"still here")
            assert await after.code() is StatusCode.OK
            assert len(after.messages) == 22
            await trio.testing.wait_all_tasks_blocked()
            assert not play.connection._places
            assert not len(play.connection.pressure)
            if instrument.steps <= step:
                assert await reply.code() is StatusCode.OK
    return instrument.steps, ends, play


async def everywhere(engine: str, act: Callable[[Play], None]) -> None:
    step = 0
    while True:
        steps, ends, _ = await run(engine, step, act)
        assert not ends.errors
        if steps <= step:
            break
        # Cancelled at its last step, a call may still be answered.
        assert ends.statuses[0] is None or ends.statuses[0].code is StatusCode.OK
        step += 1
    assert step > 15


async def test_a_call_can_be_reset_at_every_step(engine: str) -> None:
    await everywhere(engine, cancel)


async def test_a_connection_can_be_lost_at_every_step_of_a_call(engine: str) -> None:
    await everywhere(engine, lose)


async def test_a_server_can_be_stopped_at_every_step_of_a_call(engine: str) -> None:
    await everywhere(engine, Play.stop)
