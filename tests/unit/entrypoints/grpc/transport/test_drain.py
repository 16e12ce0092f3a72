"""A server that goes away loses no call that it had time to serve, and tells of each that it cuts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.testing
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import StatusCode

from entrypoints.addresses import Address, AnyAddress
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.engine import EngineError, EngineLimits, engine_factory
from entrypoints.grpc.transport.server import Server
from tests.support.grpc_play import OTHER, PATIENCE_S, Client, framed, playing, request_headers
from tests.support.grpc_service import Ends, Handler, dispatcher


def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    return message


def held(until: trio.Event) -> Handler:
    """Return a handler that answers when it may."""

    async def handler(message: BytesValue, request: ServerCall) -> BytesValue:
        if message.value == b"wait":
            await until.wait()
        return message

    return handler


async def sleeping(message: BytesValue, request: ServerCall) -> BytesValue:
    await trio.sleep(float(message.value))
    return message


@attrs.define
class Running:
    """A server that can be drained, and when it ended."""

    server: Server
    address: Address
    ends: Ends
    over: trio.Event

    @property
    def draining(self) -> Draining:
        return self.server.draining


@asynccontextmanager
async def running(engine: str, handler: Handler, grace_s: float = 30.0) -> AsyncIterator[Running]:
    ends = Ends()
    server = Server(
        dispatcher({"Unary": handler}, ends), engine_factory(engine), drain_grace_s=grace_s
    )
    over = trio.Event()

    async def serve(*, task_status: trio.TaskStatus[AnyAddress]) -> None:  # noqa: ASYNC128
        await server.serve(Address("127.0.0.1", 0), task_status=task_status)
        over.set()

    async with trio.open_nursery() as nursery:
        address = await nursery.start(serve)
        yield Running(server, address, ends, over)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connected(address: Address, engine: str) -> AsyncIterator[Client]:
    stream = await trio.open_tcp_stream(address.host, address.port)
    client = Client(engine_factory(OTHER[engine])(True, EngineLimits()), stream)
    client.engine.start()
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(client.pump)
        await client.flush()
        yield client
        nursery.cancel_scope.cancel()


async def test_a_draining_server_lets_calls_finish_and_then_ends(engine: str) -> None:
    released = trio.Event()
    async with running(engine, held(released)) as run, connected(run.address, engine) as client:
        replies = [await client.call("Unary", b"wait") for _ in range(99)]
        assert await (await client.call("Unary", b"go")).code() is StatusCode.OK
        run.draining.begin()
        released.set()
        assert [await each.code() for each in replies] == [StatusCode.OK] * 99
        with trio.fail_after(PATIENCE_S):
            await run.over.wait()
            await client.left.wait()
        assert (run.draining.served, run.draining.cut) == (99, 0)


async def test_calls_that_outlast_the_grace_are_told_and_cut(engine: str) -> None:
    async with (
        running(engine, sleeping, grace_s=0.05) as run,
        connected(run.address, engine) as client,
    ):
        reply = await client.call("Unary", b"100")
        quick = await client.call("Unary", b"0")
        assert await quick.code() is StatusCode.OK
        run.draining.begin()
        ended = await reply.end()
        assert ended is not None
        assert ended.code is StatusCode.UNAVAILABLE
        with trio.fail_after(PATIENCE_S):
            await run.over.wait()
        assert (run.draining.served, run.draining.cut) == (0, 1)


async def test_in_a_hurry_nobody_waits_for_the_grace(engine: str) -> None:
    async with running(engine, sleeping) as run, connected(run.address, engine) as client:
        reply = await client.call("Unary", b"100")
        assert await (await client.call("Unary", b"0")).code() is StatusCode.OK
        run.draining.begin()
        run.draining.hurry()
        assert await reply.code() is StatusCode.UNAVAILABLE
        with trio.fail_after(PATIENCE_S):
            await run.over.wait()


async def test_nobody_is_accepted_once_draining_has_begun(engine: str) -> None:
    released = trio.Event()
    async with running(engine, held(released)) as run, connected(run.address, engine) as client:
        await client.call("Unary", b"wait")
        assert await (await client.call("Unary", b"go")).code() is StatusCode.OK
        run.draining.begin()
        await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream(run.address.host, run.address.port)
        released.set()


async def test_a_connection_that_waited_to_be_accepted_is_served(engine: str) -> None:
    async with running(engine, echo) as run:
        stream = await trio.open_tcp_stream(run.address.host, run.address.port)
        client = Client(engine_factory(OTHER[engine])(True, EngineLimits()), stream)
        client.engine.start()
        reply = client.opened(request_headers(), framed(b"hi"))
        await client.flush()
        # Nothing was read so far: the server has had no turn since.
        run.draining.begin()
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(client.pump)
            assert await reply.code() is StatusCode.OK
            with trio.fail_after(PATIENCE_S):
                await client.left.wait()


async def test_streams_in_flight_are_served_and_later_ones_refused(engine: str) -> None:
    async with playing(dispatcher({"Unary": echo}), engine) as play:
        waiting = await play.client.call("Unary", b"a", ended=False)
        await trio.testing.wait_all_tasks_blocked()
        # Written before it has heard anything.
        late = play.client.opened(request_headers(), framed(b"b"))
        play.connection.drain()
        await play.client.flush()
        assert await late.code() is StatusCode.OK
        assert play.client.goaway == 0
        with pytest.raises(EngineError):
            await play.client.call("Unary", b"c")
        await play.client.send(waiting, ended=True)
        assert await waiting.code() is StatusCode.OK
        with trio.fail_after(PATIENCE_S):
            await play.over.wait()


async def test_a_peer_that_never_answers_is_told_the_last_after_a_while(
    engine: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with playing(dispatcher({"Unary": echo}), engine) as play:
        await trio.testing.wait_all_tasks_blocked()
        play.client.reading.cancel()
        await trio.testing.wait_all_tasks_blocked()
        play.connection.drain()
        with trio.fail_after(7):
            await play.over.wait()


def test_who_asks_late_is_told_too() -> None:
    draining, told = Draining(), list[str]()
    draining.when_begun(lambda: told.append("early"))
    draining.begin()
    draining.begin()
    draining.when_begun(lambda: told.append("late"))
    assert told == ["early", "late"]
    assert draining.begun
