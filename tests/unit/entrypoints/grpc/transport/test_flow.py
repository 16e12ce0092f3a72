"""Nobody is flooded, nobody is starved, and no window is lost."""

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import StatusCode

from entrypoints.grpc.transport.allowance import Rate
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.engine import EngineLimits
from entrypoints.grpc.transport.limits import Limits
from tests.support.grpc_play import playing, request_headers
from tests.support.grpc_service import Handler, dispatcher

KIB = 1024


def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    return message


async def mirrored(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
    async for each in messages:
        await request.send(each)


async def deaf(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize("size", [16_384, 65_536, 3_000_000])
async def test_messages_larger_than_frames_and_windows_go_both_ways(engine: str, size: int) -> None:
    value = bytes(range(256)) * (size // 256)
    narrow = EngineLimits(stream_window=20_000, connection_window=65_535)
    async with playing(
        dispatcher({"Both": mirrored}), engine, limits=Limits(engine=narrow), client_limits=narrow
    ) as play:
        reply = await play.client.call("Both", value, value)
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [value, value]


async def test_sends_wait_for_a_client_that_does_not_read(engine: str) -> None:
    sent = 0

    async def endless(message: BytesValue, request: ServerCall) -> None:
        nonlocal sent
        while sent < 3000:
            await request.send(message)
            sent += 1

    limits = Limits(high_water=64 * KIB)
    window = EngineLimits(stream_window=32 * KIB)
    async with playing(
        dispatcher({"Out": endless}), engine, limits=limits, client_limits=window
    ) as play:
        play.client.acknowledges = False
        reply = await play.client.call("Out", bytes(KIB))
        await trio.testing.wait_all_tasks_blocked()
        # What the client's window took, what may be queued, and the message that was one too many.
        assert 64 + 30 <= sent <= 64 + 32 + 1
        assert play.connection.engine.queued(reply.stream_id) <= 66 * KIB
        play.client.acknowledges = True
        await play.client.read_on()
        assert await reply.code() is StatusCode.OK
        assert len(reply.messages) == 3000


async def test_a_client_that_does_not_read_one_stream_may_read_others(engine: str) -> None:
    async def endless(message: BytesValue, request: ServerCall) -> None:
        while True:
            await request.send(message)

    async with playing(dispatcher({"Out": endless, "Unary": echo}), engine) as play:
        play.client.acknowledges = False
        await play.client.call("Out", bytes(KIB))
        await trio.testing.wait_all_tasks_blocked()
        assert await (await play.client.call("Unary", b"hi")).code() is StatusCode.OK


async def test_a_handler_that_does_not_read_stops_its_client(engine: str) -> None:
    limits = Limits(engine=EngineLimits(stream_window=64 * KIB))
    async with playing(dispatcher({"Both": deaf}), engine, limits=limits) as play:
        reply = await play.client.call("Both", *[bytes(KIB)] * 1000, ended=False)
        await trio.testing.wait_all_tasks_blocked()
        inbox = play.connection._calls[reply.stream_id]._inbox
        assert 60 <= len(inbox) <= 64
        assert play.client.engine.queued(reply.stream_id) > 900 * KIB


async def test_five_hundred_cancelled_uploads_leave_the_windows_whole(engine: str) -> None:
    limits = Limits(
        engine=EngineLimits(
            stream_window=64 * KIB, connection_window=128 * KIB, resets=Rate(500, 0)
        )
    )
    async with playing(dispatcher({"Both": deaf, "Unary": echo}), engine, limits=limits) as play:
        for _ in range(500):
            reply = await play.client.call("Both", bytes(40 * KIB), ended=False)
            await play.client.cancel(reply)
            await trio.testing.wait_all_tasks_blocked()
        reply = await play.client.call("Unary", bytes(120 * KIB))
        assert await reply.code() is StatusCode.OK
        assert not play.connection._calls
        assert not play.connection._places


async def test_uploads_that_are_answered_early_leave_the_windows_whole(engine: str) -> None:
    def early(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
        return

    limits = Limits(engine=EngineLimits(stream_window=64 * KIB, connection_window=128 * KIB))
    served: dict[str, Handler] = {"Both": early, "Unary": echo}
    async with playing(dispatcher(served), engine, limits=limits) as play:
        for _ in range(100):
            reply = await play.client.call("Both", bytes(40 * KIB), ended=False)
            assert await reply.code() is StatusCode.OK
        reply = await play.client.call("Unary", bytes(120 * KIB))
        assert await reply.code() is StatusCode.OK


async def test_bodies_that_nobody_asked_for_leave_the_windows_whole(engine: str) -> None:
    """Of calls that are none, and of messages that are too long while the handler is busy otherwise."""
    limits = Limits(
        engine=EngineLimits(stream_window=64 * KIB, connection_window=64 * KIB),
        max_message=60 * KIB,
    )
    async with playing(dispatcher({"Both": deaf, "Unary": echo}), engine, limits=limits) as play:
        for _ in range(10):
            await play.client.open(request_headers(path="/no-call"), bytes(40 * KIB), ended=False)
            too_long = b"\0\x7f\xff\xff\xff" + bytes(200 * KIB)
            await play.client.open(request_headers("Both"), too_long, ended=False)
            await trio.testing.wait_all_tasks_blocked()
        reply = await play.client.call("Unary", bytes(50 * KIB))
        assert await reply.code() is StatusCode.OK


async def test_a_busy_stream_does_not_starve_another(engine: str) -> None:
    """Counted in messages, because a turn of the loop has no length."""
    sent = 0
    sent_at: list[int] = []

    async def busy(message: BytesValue, request: ServerCall) -> None:
        nonlocal sent
        while sent < 3000:
            await request.send(message)
            sent += 1

    def quick(message: BytesValue, request: ServerCall) -> BytesValue:
        sent_at.append(sent)
        return message

    window = EngineLimits(stream_window=KIB * KIB, connection_window=KIB * KIB)
    async with playing(
        dispatcher({"Out": busy, "Unary": quick}), engine, client_limits=window
    ) as play:
        await play.client.call("Out", b"chunk")
        while not sent:  # noqa: ASYNC110 - there is no event
            await trio.lowlevel.checkpoint()
        asked_at = sent
        reply = await play.client.call("Unary", b"hi")
        await reply.end()
        answered_at = sent
        assert sent_at[0] - asked_at <= 100
        assert answered_at - asked_at <= 500


async def test_a_blocked_send_ends_with_its_call(engine: str) -> None:
    gone = trio.Event()

    async def endless(message: BytesValue, request: ServerCall) -> None:
        try:
            while True:
                await request.send(message)
        finally:
            gone.set()

    async with playing(dispatcher({"Out": endless}), engine) as play:
        play.client.acknowledges = False
        reply = await play.client.call("Out", bytes(100 * KIB))
        await trio.testing.wait_all_tasks_blocked()
        assert not gone.is_set()
        await play.client.cancel(reply)
        with trio.fail_after(15):
            await gone.wait()
        assert play.connection.engine.queued(reply.stream_id) == 0
        assert not len(play.connection.pressure)


async def test_what_a_turn_queues_leaves_in_one_write(engine: str) -> None:
    async def burst(message: BytesValue, request: ServerCall) -> None:
        for _ in range(15):
            await request.send(message)

    async with playing(dispatcher({"Out": burst}), engine) as play:
        await trio.testing.wait_all_tasks_blocked()
        writes = play.count_writes()
        reply = await play.client.call("Out", b"word")
        await reply.end()
        assert len(writes) == 1
