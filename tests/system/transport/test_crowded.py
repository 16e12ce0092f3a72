"""Servers that are full, hold too much, or are restarted in turn, with grpcio's own clients."""

import socket
import threading
import time
from collections.abc import Callable

import attrs
import grpc
import pytest
import trio
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import StatusCode

from entrypoints.addresses import Address
from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.engine import engine_factory
from entrypoints.grpc.transport.listeners import Binding
from entrypoints.grpc.transport.server import Server
from tests.support.grpc_real import PATIENCE_S, Stubs, in_thread, sync_channel
from tests.support.grpc_service import Ends, dispatcher, payload

MIB = 1024 * 1024


async def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    await trio.sleep(0.002)
    return message


async def test_connections_above_the_limit_are_closed_at_once(engine: str) -> None:
    server = Server(dispatcher({"Unary": echo}), engine_factory(engine), max_connections=2)
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.serve, Address("127.0.0.1", 0))

        def play() -> None:
            with sync_channel(address) as one, sync_channel(address) as two:
                for channel in (one, two):
                    Stubs.on(channel).unary(payload(b"hi"))
                with sync_channel(address) as three:
                    with pytest.raises(grpc.RpcError) as raised:
                        Stubs.on(three).unary(payload(b"hi"), timeout=5)
                    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
                Stubs.on(one).unary(payload(b"hi"))

        await in_thread(play)
        nursery.cancel_scope.cancel()


async def test_one_peer_cannot_have_all_connections(engine: str) -> None:
    server = Server(dispatcher({"Unary": echo}), engine_factory(engine), max_connections_per_peer=1)
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.serve, Address("127.0.0.1", 0))

        def play() -> None:
            with sync_channel(address) as one:
                Stubs.on(one).unary(payload(b"hi"))
                with socket.create_connection((address.host, address.port), PATIENCE_S) as two:
                    assert two.recv(100) == b""
                with socket.create_connection(
                    (address.host, address.port), PATIENCE_S, ("127.0.0.2", 0)
                ) as other:
                    # The server's own greeting.
                    assert len(other.recv(100)) > 0
                Stubs.on(one).unary(payload(b"hi"))

        await in_thread(play)
        with trio.fail_after(PATIENCE_S):
            while server.connections:  # noqa: ASYNC110 - a socket that closes tells nobody
                await trio.sleep(0.01)
        # Who has left makes room.
        await in_thread(lambda: _called_once(address))
        nursery.cancel_scope.cancel()


def _called_once(address: Address) -> None:
    with sync_channel(address) as channel:
        Stubs.on(channel).unary(payload(b"hi"))


async def test_a_server_that_holds_too_much_ends_what_would_make_it_more(engine: str) -> None:
    budget, ends = Budget(max_in=2 * MIB), Ends()
    server = Server(dispatcher({"Unary": echo}, ends), engine_factory(engine), budget=budget)
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.serve, Address("127.0.0.1", 0))

        def play() -> None:
            with sync_channel(address) as channel:
                stubs = Stubs.on(channel)
                # The test's own endings know no domain errors; the service's say SERVICE_OVERLOADED.
                with pytest.raises(grpc.RpcError) as raised:
                    stubs.unary(payload(bytes(3 * MIB)), timeout=10)
                assert raised.value.code() is grpc.StatusCode.INTERNAL
                assert len(stubs.unary(payload(bytes(MIB))).value) == MIB

        await in_thread(play)
        nursery.cancel_scope.cancel()
    assert [str(each) for each in ends.errors] == ["the server holds too many unread requests"]
    assert budget.held_in == 0


@attrs.define
class Callers:
    """Clients that ask until they are answered, as long as they are told that the server is not there.

    Attributes:
        errors: What must not be.
    """

    over: threading.Event = attrs.field(factory=threading.Event)
    errors: list[str] = attrs.field(factory=list)
    done: int = 0

    def call(self, address: Address) -> None:
        """Call until it is over, with a new connection for every fifth call."""
        while not self.over.is_set():
            # A connection that dies in the queue of a listener that closes makes a channel wait a second by
            # itself, and fail every call meanwhile.
            with sync_channel(address, initial_reconnect_backoff_ms=50) as channel:
                unary = Stubs.on(channel).unary
                for _ in range(5):
                    self._ask(unary)

    def _ask(self, unary: Callable[..., object]) -> None:
        self.done += 1
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            try:
                unary(payload(b"hi"), timeout=5)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    self.errors.append(f"{error.code()}: {error.details()}")
                    return
                time.sleep(0.01)
            else:
                return
        self.errors.append("no answer, however often it was asked for")


async def test_servers_that_share_a_port_are_restarted_in_turn_and_no_call_is_lost(
    engine: str,
) -> None:
    ends, callers = Ends(), Callers()

    def server() -> Server:
        return Server(
            dispatcher({"Unary": echo}, ends),
            engine_factory(engine),
            binding=Binding(reuse_port=True),
            draining=Draining(),
        )

    async with trio.open_nursery() as nursery:
        first = server()
        address = await nursery.start(first.serve, Address("127.0.0.1", 0))
        assert isinstance(address, Address)
        running = [first, server()]
        await nursery.start(running[1].serve, address)
        async with trio.open_nursery() as calling:
            for _ in range(6):
                calling.start_soon(in_thread, lambda: callers.call(address))
            try:
                for turn in range(6):
                    with trio.fail_after(PATIENCE_S):
                        while callers.done < 30 * (turn + 1):  # noqa: ASYNC110 - threads tell nobody
                            await trio.sleep(0.01)
                    # The new one comes first, as whoever restarts does it.
                    running.append(server())
                    await nursery.start(running[-1].serve, address)
                    running.pop(0).draining.begin()
            finally:
                callers.over.set()
        nursery.cancel_scope.cancel()
    assert callers.errors == []
    assert all(each is not None and each.code is StatusCode.OK for each in ends.statuses)
