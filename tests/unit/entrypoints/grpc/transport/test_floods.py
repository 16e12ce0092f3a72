"""A client that floods is sent away, the same by both engines; a busy one is not."""

import pytest
import trio
import trio.testing
from google.protobuf.wrappers_pb2 import BytesValue
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from purerpc import StatusCode

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.engine import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    REFUSED_STREAM,
    EngineLimits,
    frame_meter,
)
from entrypoints.grpc.transport.limits import Limits
from tests.support.grpc_play import PATIENCE_S, Play, playing
from tests.support.grpc_service import dispatcher, payload

DATA_AT = 3


def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    return message


async def deaf(messages: object, request: ServerCall) -> None:
    await trio.sleep_forever()


def padded() -> Frame:
    frame = DataFrame(DATA_AT)
    frame.flags.add("PADDED")
    frame.pad_length = 3
    return frame


FLOODS: dict[str, Frame] = {
    "PING": PingFrame(0, bytes(8)),
    "PRIORITY": PriorityFrame(DATA_AT, depends_on=0, stream_weight=10),
    "WINDOW_UPDATE": WindowUpdateFrame(0, 1),
    "empty DATA": DataFrame(DATA_AT),
    "padded DATA": padded(),
    "unknown": ExtensionFrame(0x77, 0, 0, b""),
}


async def assert_sent_away(play: Play) -> None:
    with trio.fail_after(PATIENCE_S):
        await play.over.wait()
        await play.client.left.wait()
    assert play.client.goaway == ENHANCE_YOUR_CALM
    assert not play.connection._calls


def test_settings_are_counted_with_the_answers_they_ask_for() -> None:
    # On its own: a client that did not mean them cannot make sense of the answers.
    meter = frame_meter(client=False, limits=EngineLimits())
    meter.whole(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0.0)
    for _ in range(153):
        meter.whole(SettingsFrame(0, {}).serialize(), 0.0)
    said = [meter.flood]
    meter.whole(SettingsFrame(0, {}).serialize(), 0.0)
    said.append(meter.flood)
    assert said == ["", "too many control frames"]


@pytest.mark.parametrize("kind", FLOODS)
async def test_control_frames_beyond_all_reason_end_the_connection(engine: str, kind: str) -> None:
    async with playing(dispatcher({"Unary": echo, "Both": deaf}), engine) as play:
        await (await play.client.call("Unary", b"hi")).code()
        reply = await play.client.call("Both", b"", ended=False)
        assert reply.stream_id == DATA_AT
        frame = FLOODS[kind].serialize()
        # The burst has room for these, whatever they cost.
        await play.client.raw(frame * 80)
        assert await (await play.client.call("Unary", b"hi")).code() is StatusCode.OK
        await play.client.raw(frame * 2000)
        await assert_sent_away(play)


async def test_resets_of_unanswered_calls_end_the_connection(engine: str) -> None:
    async with playing(dispatcher({"Both": deaf, "Unary": echo}), engine) as play:
        for _ in range(190):
            await play.client.cancel(await play.client.call("Both", b"x", ended=False))
        await trio.testing.wait_all_tasks_blocked()
        assert await (await play.client.call("Unary", b"hi")).code() is StatusCode.OK
        # In one write, for the connection ends in its midst.
        flood = b""
        for _ in range(80):
            reply = play.client.opened([(b":path", b"/x")], ended=False)
            flood += play.client.engine.take()
            play.client.engine.reset(reply.stream_id, CANCEL)
            flood += play.client.engine.take()
        await play.client.raw(flood)
        await assert_sent_away(play)


async def test_calls_above_the_limit_without_end_end_the_connection(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Each is refused before the next one comes: the refusals must not pay for more of them."""
    limits = Limits(engine=EngineLimits(max_streams=2))
    service = dispatcher({"Both": deaf})
    async with playing(service, engine, limits=limits, obedient=False) as play:
        held = [await play.client.call("Both", b"x", ended=False) for _ in range(2)]
        refused = 0
        while refused < 2000 and play.client.goaway is None:
            reply = await play.client.call("Both", ended=True)
            await trio.testing.wait_all_tasks_blocked()
            refused += reply.closed == REFUSED_STREAM
        assert 500 <= refused < 700
        assert [each.trailers for each in held] == [None, None]
        await assert_sent_away(play)


async def test_endless_headers_end_the_connection(engine: str) -> None:
    async with playing(dispatcher({"Unary": echo}), engine) as play:
        await trio.testing.wait_all_tasks_blocked()
        block = HeadersFrame(1, b"").serialize() + ContinuationFrame(1, b"").serialize() * 9
        await play.client.raw(block)
        await assert_sent_away(play)


async def test_who_cancels_one_call_in_five_is_no_flood(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    """1,250 calls, of which 250 are cancelled, in no time at all: the clock stands still."""
    async with playing(dispatcher({"Both": deaf, "Unary": echo}), engine) as play:
        for _ in range(250):
            for _ in range(4):
                assert await (await play.client.call("Unary", b"hi")).code() is StatusCode.OK
            await play.client.cancel(await play.client.call("Both", b"x", ended=False))
        assert play.client.goaway is None


async def test_who_gives_back_every_byte_is_no_flood(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def chunks(message: BytesValue, request: ServerCall) -> None:
        for _ in range(1500):
            await request.send(payload(b"word"))
            await trio.sleep(0.001)

    async with playing(dispatcher({"Out": chunks, "Unary": echo}), engine) as play:
        reply = await play.client.call("Out", b"")
        seen = 0
        while reply.closed is None:
            await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(0.0005)
            new, seen = len(reply.messages) - seen, len(reply.messages)
            updates = WindowUpdateFrame(0, 1).serialize()
            if reply.closed is None:
                updates += WindowUpdateFrame(reply.stream_id, 1).serialize()
            await play.client.raw(updates * new)
        assert seen == 1500
        assert play.client.goaway is None
