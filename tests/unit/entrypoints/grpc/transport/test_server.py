"""The listener: where it listens, and that no client's behaviour reaches it."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import trio
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import StatusCode

from entrypoints.addresses import Address, UnixAddress
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.engine import Engine, EngineLimits, engine_factory
from entrypoints.grpc.transport.listeners import Binding
from entrypoints.grpc.transport.server import Server
from tests.support.grpc_play import OTHER, Client
from tests.support.grpc_real import Stubs, in_thread, serving
from tests.support.grpc_service import dispatcher


def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    return message


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


async def assert_serves(address: Address, engine: str) -> None:
    async with connected(address, engine) as client:
        assert await (await client.call("Unary", b"hi")).code() is StatusCode.OK


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_port_0_picks_a_free_one_and_tells(engine: str, host: str) -> None:
    async with serving(dispatcher({"Unary": echo}), engine, host) as address:
        assert address.port > 0
        assert address.host in {"127.0.0.1", "::1"}
        await assert_serves(address, engine)


def test_an_address_is_written_as_the_world_writes_it() -> None:
    assert str(Address("127.0.0.1", 50051)) == "127.0.0.1:50051"
    assert str(Address("::1", 50051)) == "[::1]:50051"


async def test_an_address_in_use_is_an_os_error(engine: str) -> None:
    async with serving(dispatcher({"Unary": echo}), engine) as address:
        server = Server(dispatcher({}), engine_factory(engine))
        with pytest.raises(OSError, match="in use"):
            await server.serve(address)


async def test_two_servers_that_say_so_share_a_port(engine: str) -> None:
    shared = Server(
        dispatcher({"Unary": echo}), engine_factory(engine), binding=Binding(reuse_port=True)
    )
    async with trio.open_nursery() as nursery:
        first = await nursery.start(shared.serve, Address("127.0.0.1", 0))
        assert await nursery.start(shared.serve, first) == first
        for _ in range(8):
            await assert_serves(first, engine)
        nursery.cancel_scope.cancel()


async def test_clients_of_other_people_come_through_a_unix_socket(
    engine: str, tmp_path: Path
) -> None:
    peers: list[str] = []

    def handler(message: BytesValue, request: ServerCall) -> BytesValue:
        peers.append(request.peer)
        return message

    wanted = UnixAddress(str(tmp_path / "s"))
    server = Server(dispatcher({"Unary": handler}), engine_factory(engine))
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.serve, wanted)

        def call() -> bytes:
            with grpc.insecure_channel(str(address)) as channel:
                answer: BytesValue = Stubs.on(channel).unary(BytesValue(value=b"hi"), timeout=10)
                return answer.value

        assert await in_thread(call) == b"hi"
        nursery.cancel_scope.cancel()
    assert peers == ["unix:"]


async def test_handlers_know_who_calls(engine: str) -> None:
    peers: list[str] = []

    def handler(message: BytesValue, request: ServerCall) -> BytesValue:
        peers.append(request.peer)
        return message

    async with serving(dispatcher({"Unary": handler}), engine, "::1") as address:
        await assert_serves(address, engine)
    assert peers[0].startswith("[::1]:")


async def test_clients_that_vanish_or_talk_nonsense_reach_nobody(engine: str) -> None:
    reset = struct.pack("ii", 1, 0)
    async with serving(dispatcher({"Unary": echo}), engine) as address:
        async with connected(address, engine) as client:
            waiting = await client.call("Unary", b"hi", ended=False)
            for last_words in (b"", b"PRI", b"GET / HTTP/1.1\r\n\r\n", bytes(100)):
                for _ in range(5):
                    with socket.create_connection((address.host, address.port)) as rude:
                        # A reset instead of an end, as early as before it is accepted.
                        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                        rude.sendall(last_words)
            await trio.sleep(0.01)
            await client.send(waiting, ended=True)
            assert await waiting.code() is StatusCode.OK
        await assert_serves(address, engine)


async def test_stopping_cuts_calls_and_waits_for_them(engine: str) -> None:
    begun, gone = trio.Event(), trio.Event()

    async def slow(message: BytesValue, request: ServerCall) -> BytesValue:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.05)
            gone.set()
        raise AssertionError

    async with serving(dispatcher({"Unary": slow}), engine) as address:
        stream = await trio.open_tcp_stream(address.host, address.port)
        async with stream:
            client = Client(engine_factory(OTHER[engine])(True, EngineLimits()), stream)
            client.engine.start()
            await client.call("Unary", b"hi")
            await begun.wait()
    assert gone.is_set()


async def test_an_error_in_one_connection_is_logged_and_kept_there(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    def factory(client: bool, limits: EngineLimits) -> Engine:
        nonlocal made
        made += 1
        if made == 1:
            raise RuntimeError("no engine for the first")
        return engine_factory(engine)(client, limits)

    server = Server(dispatcher({"Unary": echo}), factory)
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.serve, Address("127.0.0.1", 0))
        stream = await trio.open_tcp_stream(address.host, address.port)
        async with stream:
            assert not await stream.receive_some()
        await assert_serves(address, engine)
        nursery.cancel_scope.cancel()
