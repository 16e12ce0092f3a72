"""Calls that end early: nothing goes on for a client that does not want it, or that is gone."""

from collections.abc import AsyncIterator, Awaitable, Callable

import attrs
import pytest
import trio
import trio.testing
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import StatusCode

from entrypoints.grpc.transport.call import Ending, ServerCall
from entrypoints.grpc.transport.engine import CANCEL, NO_ERROR
from entrypoints.grpc.transport.limits import Limits
from tests.support.grpc_play import Play, playing, request_headers
from tests.support.grpc_service import Ends, dispatcher


@attrs.define
class Watched:
    """Handlers that tell when they begin, how they are ended and when they are gone."""

    begun: trio.Event = attrs.field(factory=trio.Event)
    gone: trio.Event = attrs.field(factory=trio.Event)
    endings: list[Ending | None] = attrs.field(factory=list)
    unwinding_s: float = 0.0

    async def sleeping(self, message: BytesValue, request: ServerCall) -> None:
        await self._until_cancelled(request, trio.sleep_forever)

    async def listening(self, messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
        async def listen() -> None:
            async for _ in messages:
                self.begun.set()

        await self._until_cancelled(request, listen)

    async def talking(self, message: BytesValue, request: ServerCall) -> None:
        async def talk() -> None:
            while True:
                await request.send(message)

        await self._until_cancelled(request, talk)

    async def _until_cancelled(
        self, request: ServerCall, act: Callable[[], Awaitable[object]]
    ) -> None:
        self.begun.set()
        try:
            await act()
        finally:
            self.endings.append(request.ending)
            with trio.CancelScope(shield=True):
                await trio.sleep(self.unwinding_s)
            self.gone.set()

    def served(self) -> dict[str, Callable[..., object]]:
        return {
            "Unary": self.sleeping,
            "Out": self.talking,
            "In": self.listening,
            "Both": self.listening,
        }


KINDS = ["Unary", "Out", "In", "Both"]


async def begin(play: Play, watched: Watched, kind: str, grpc_timeout: bytes = b"") -> None:
    ended = kind in {"Unary", "Out"}
    await play.client.call(kind, b"x" * 1000, ended=ended, grpc_timeout=grpc_timeout)
    await watched.begun.wait()
    await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reset_cancels_the_handler_at_once(
    engine: str, kind: str, autojump_clock: trio.testing.MockClock
) -> None:
    watched, ends = Watched(), Ends()
    async with playing(dispatcher(watched.served(), ends), engine) as play:
        play.client.acknowledges = False
        await begin(play, watched, kind)
        reply = play.client.replies[1]
        await play.client.cancel(reply)
        await watched.gone.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() == 0.0
        assert watched.endings == [Ending.RESET]
        assert ends.statuses == [None]
        assert not play.connection._calls
        assert not play.connection._places


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["eof", "broken"])
async def test_a_lost_connection_cancels_every_handler_and_waits_for_it(
    engine: str, kind: str, how: str, autojump_clock: trio.testing.MockClock
) -> None:
    watched = Watched(unwinding_s=3.0)
    async with playing(dispatcher(watched.served()), engine) as play:
        play.client.acknowledges = False
        for _ in range(3):
            await begin(play, watched, kind)
        if how == "eof":
            await play.client.stream.send_eof()
        else:
            await play.client.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert not play.over.is_set()
        await play.over.wait()
        assert trio.current_time() == 3.0
        assert watched.endings == [Ending.LOST] * 3


async def test_a_client_that_neither_reads_nor_stays_holds_nothing(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    """The writer is blocked in the socket when the reader sees the end."""
    watched = Watched()
    pair = trio.testing.lockstep_stream_pair
    async with playing(dispatcher(watched.served()), engine, pair=pair) as play:
        play.client.acknowledges = False
        await begin(play, watched, "Both")
        play.client.reading.cancel()
        await play.client.call("Out", b"x" * 1000)
        await trio.testing.wait_all_tasks_blocked()
        await play.client.stream.aclose()
        await play.over.wait()
    assert watched.endings == [Ending.LOST] * 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_deadline_ends_the_call_when_it_passes(
    engine: str, kind: str, autojump_clock: trio.testing.MockClock
) -> None:
    watched, ends = Watched(), Ends()
    async with playing(dispatcher(watched.served(), ends), engine) as play:
        # The endless talker waits for the client's window.
        play.client.acknowledges = kind != "Out"
        await begin(play, watched, kind, grpc_timeout=b"1500m")
        await watched.gone.wait()
        assert trio.current_time() == 1.5
        assert watched.endings == [None]
        if kind != "Out":
            ended = await play.client.replies[1].end()
            assert ended is not None
            assert (ended.code, ended.message) == (StatusCode.DEADLINE_EXCEEDED, "too late")
        assert ends.statuses[0] is not None
        assert ends.statuses[0].code is StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("grpc_timeout", [b"0S", b"0n"])
async def test_a_deadline_that_has_passed_lets_no_handler_do_anything(
    engine: str, grpc_timeout: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    done: list[BytesValue] = []

    def handler(message: BytesValue, request: ServerCall) -> BytesValue:
        done.append(message)
        return message

    async with playing(dispatcher({"Unary": handler}), engine) as play:
        reply = await play.client.call("Unary", b"", grpc_timeout=grpc_timeout)
        assert await reply.code() is StatusCode.DEADLINE_EXCEEDED
    assert trio.current_time() == 0.0
    assert done == []


async def test_the_deadline_counts_from_the_headers_not_from_the_body(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def handler(message: BytesValue, request: ServerCall) -> BytesValue:
        await trio.sleep(2.0)
        return message

    async with playing(dispatcher({"Unary": handler}), engine) as play:
        reply = await play.client.call("Unary", b"", ended=False, grpc_timeout=b"3S")
        await trio.sleep(2.0)
        await play.client.send(reply, ended=True)
        assert await reply.code() is StatusCode.DEADLINE_EXCEEDED
        assert trio.current_time() == 3.0


async def test_a_handler_that_finishes_in_time_is_no_deadlines_business(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def handler(message: BytesValue, request: ServerCall) -> BytesValue:
        await trio.sleep(0.5)
        return message

    async with playing(dispatcher({"Unary": handler}), engine) as play:
        reply = await play.client.call("Unary", b"", grpc_timeout=b"1S")
        assert await reply.code() is StatusCode.OK


@pytest.mark.parametrize("ending", [None, Ending.DRAIN, Ending.STOPPED])
async def test_what_cancels_a_call_that_has_said_all_does_not_deny_it(
    engine: str, ending: Ending | None, autojump_clock: trio.testing.MockClock
) -> None:
    cleaned: list[bool] = []

    async def handler(message: BytesValue, request: ServerCall) -> None:
        request.said_all = True
        await request.send(message)
        if ending is not None:
            request.cancel(ending)
        try:
            await trio.sleep_forever()
        finally:
            cleaned.append(True)

    async with playing(dispatcher({"Out": handler}), engine) as play:
        reply = await play.client.call("Out", b"x", grpc_timeout=b"1S")
        assert await reply.code() is StatusCode.OK
        assert cleaned == [True]
        assert trio.current_time() == (0.0 if ending else 1.0)


async def test_what_is_cancelled_before_it_is_packed_is_not_said(engine: str) -> None:
    async def handler(message: BytesValue, request: ServerCall) -> None:
        request.said_all = True
        request.cancel(Ending.DRAIN)
        await request.send(BytesValue(value=bytes(200_000)))

    limits = Limits(compress_from=0)
    async with playing(dispatcher({"Out": handler}), engine, limits=limits) as play:
        gzip = [(b"grpc-accept-encoding", b"gzip")]
        reply = await play.client.call("Out", b"", metadata=gzip)
        assert await reply.code() is StatusCode.UNAVAILABLE


async def test_a_call_reset_before_it_began_runs_no_handler(engine: str) -> None:
    begun: list[object] = []

    def handler(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
        begun.append(request)

    ends = Ends()
    async with playing(dispatcher({"Both": handler}, ends), engine) as play:
        for _ in range(20):
            # Headers and reset come in one read, as a rapid reset attack would have it.
            reply = play.client.opened(request_headers("Both"), ended=False)
            headers = play.client.engine.take()
            play.client.engine.reset(reply.stream_id, CANCEL)
            await play.client.raw(headers + play.client.engine.take())
        await trio.testing.wait_all_tasks_blocked()
        assert ends.statuses == [None] * 20
        assert begun == []
        assert not play.connection._places


async def test_an_orderly_reset_is_a_reset(engine: str) -> None:
    watched = Watched()
    async with playing(dispatcher(watched.served()), engine) as play:
        await begin(play, watched, "Unary")
        await play.client.cancel(play.client.replies[1], NO_ERROR)
        await watched.gone.wait()
    assert watched.endings == [Ending.RESET]


async def test_stopping_the_server_cancels_waits_and_tells(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    watched, ends = Watched(unwinding_s=2.0), Ends()
    async with playing(dispatcher(watched.served(), ends), engine) as play:
        await begin(play, watched, "Unary")
        play.stop()
        await play.over.wait()
        assert trio.current_time() == 2.0
    assert ends.statuses == [None]
