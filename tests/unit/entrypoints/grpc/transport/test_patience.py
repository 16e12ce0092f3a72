"""How long a connection waits for its client."""

import math

import attrs
import pytest
import trio
import trio.testing
from google.protobuf.wrappers_pb2 import BytesValue
from hypothesis import given
from hypothesis import strategies as st
from purerpc import StatusCode

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.connection import Connection
from entrypoints.grpc.transport.engine import EngineLimits, engine_factory
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.vigil import Times, Vigil
from tests.support.grpc_play import playing
from tests.support.grpc_service import Ends, dispatcher

NEVER = Times(handshake_s=math.inf, write_stall_s=math.inf, keepalive_s=math.inf, idle_s=math.inf)


async def sleeping(message: BytesValue, request: ServerCall) -> BytesValue:
    await trio.sleep(float(message.value))
    return message


@pytest.mark.parametrize("said", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
async def test_a_client_that_never_introduces_itself_is_left(
    engine: str, said: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    theirs, ours = trio.testing.memory_stream_pair()
    server = engine_factory(engine)(False, EngineLimits())
    connection = Connection(ours, server, "client:1", dispatcher({}), Limits())
    await theirs.send_all(said)
    began_s = trio.current_time()
    async with ours:
        await connection.run()
    assert trio.current_time() - began_s == pytest.approx(10)


async def test_a_silent_client_is_asked_and_stays_if_it_answers(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    times = attrs.evolve(NEVER, keepalive_s=60, keepalive_timeout_s=5)
    async with playing(dispatcher({"Unary": sleeping}), engine, limits=Limits(times=times)) as play:
        reply = await play.client.call("Unary", b"1000")
        await trio.sleep(1001)
        assert await reply.code() is StatusCode.OK


async def test_a_client_that_does_not_answer_is_gone_with_its_calls(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    times = attrs.evolve(NEVER, keepalive_s=60, keepalive_timeout_s=5)
    ends = Ends()
    served = dispatcher({"Unary": sleeping}, ends)
    async with playing(served, engine, limits=Limits(times=times)) as play:
        await play.client.call("Unary", b"1000")
        await trio.testing.wait_all_tasks_blocked()
        began_s = trio.current_time()
        play.client.reading.cancel()
        await play.over.wait()
        assert trio.current_time() - began_s == pytest.approx(65)
    assert ends.statuses == [None]


async def test_a_client_without_calls_is_sent_away(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    times = attrs.evolve(NEVER, idle_s=100)
    async with playing(dispatcher({"Unary": sleeping}), engine, limits=Limits(times=times)) as play:
        reply = await play.client.call("Unary", b"300")
        await trio.sleep(301)
        assert await reply.code() is StatusCode.OK
        await play.over.wait()
        assert trio.current_time() == pytest.approx(400, abs=6)
        assert play.client.goaway == 0


async def test_an_old_client_is_sent_away_and_what_outlasts_the_grace_is_cut(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    times = attrs.evolve(NEVER, age_s=100, age_grace_s=20)
    async with playing(dispatcher({"Unary": sleeping}), engine, limits=Limits(times=times)) as play:
        long = await play.client.call("Unary", b"1000")
        short = await play.client.call("Unary", b"110")
        with trio.fail_after(200):
            await play.over.wait()
        assert await short.code() is StatusCode.OK
        assert await long.code() is StatusCode.UNAVAILABLE
        assert trio.current_time() == pytest.approx(120, abs=1)


async def test_a_client_that_takes_no_byte_is_gone(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def endless(message: BytesValue, request: ServerCall) -> None:
        while True:
            await request.send(message)

    served = dispatcher({"Out": endless})
    lockstep = trio.testing.lockstep_stream_pair
    async with playing(served, engine, pair=lockstep) as play:
        await trio.testing.wait_all_tasks_blocked()
        play.client.reading.cancel()
        await trio.testing.wait_all_tasks_blocked()
        began_s = trio.current_time()
        # It writes and does not read.
        await play.client.call("Out", bytes(10_000))
        await play.over.wait()
        assert trio.current_time() - began_s == pytest.approx(20)


@given(st.floats(0, 1e6), st.data())
def test_nothing_is_due_before_its_time_or_slept_through(
    now_s: float, draws: st.DataObject
) -> None:
    vigil = Vigil(Times(), now_s)
    vigil.greeted = draws.draw(st.booleans())
    vigil.idle_s = draws.draw(st.one_of(st.none(), st.just(now_s)))
    vigil.writing_s = draws.draw(st.one_of(st.none(), st.just(now_s)))
    at_s, _ = vigil.next(now_s)
    assert now_s < at_s <= now_s + 20.0
