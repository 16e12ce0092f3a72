"""What grpcio reads of long answers, compressed ones, and of those it reads late."""

import time
from typing import Any

import attrs
import grpc
import pytest
import trio
from google.protobuf.wrappers_pb2 import BytesValue

from entrypoints.addresses import Address
from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import engine_factory
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.server import Server
from tests.support.grpc_real import Stubs, in_thread, serving, sync_channel
from tests.support.grpc_service import dispatcher, payload

KIB, MIB = 1024, 1024 * 1024
GZIP = Limits(compress_from=1024)


def sized(message: BytesValue, request: ServerCall) -> BytesValue:
    return payload(b"word " * (int(message.value) // 5))


async def both_sizes(message: BytesValue, request: ServerCall) -> None:
    for size in (5, 5_000, 500_000):
        await request.send(payload(b"word " * (size // 5)))


def served() -> Dispatcher:
    return dispatcher({"Unary": sized, "Out": both_sizes})


@pytest.mark.parametrize("limits", [Limits(), GZIP], ids=["off", "gzip"])
async def test_answers_are_the_same_compressed_or_not(engine: str, limits: Limits) -> None:
    async with serving(served(), engine, limits=limits) as address:

        def play() -> None:
            with sync_channel(address) as channel:
                stubs = Stubs.on(channel)
                assert len(stubs.unary(payload(b"3000000")).value) == 3_000_000
                assert [len(each.value) for each in stubs.out(payload(b""))] == [5, 5_000, 500_000]

        await in_thread(play)


async def test_who_does_not_take_gzip_gets_none(engine: str) -> None:
    async with serving(served(), engine, limits=GZIP) as address:

        def play() -> None:
            # A bit per encoding: identity alone.
            options = {"compression_enabled_algorithms_bitset": 1}
            with sync_channel(address, **options) as channel:
                answer, call = Stubs.on(channel).unary.with_call(payload(b"50000"))
                assert len(answer.value) == 50_000
                assert "gzip" not in dict(call.initial_metadata()).values()

        await in_thread(play)


async def test_an_answer_that_is_too_long_fails_its_call_and_no_other(engine: str) -> None:
    async with serving(served(), engine, limits=Limits(max_answer=MIB)) as address:

        def play() -> None:
            with sync_channel(address) as channel:
                stubs = Stubs.on(channel)
                with pytest.raises(grpc.RpcError) as raised:
                    stubs.unary(payload(b"2000000"))
                assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert "longer than 1048576" in str(raised.value.details())
                assert len(stubs.unary(payload(b"1000000")).value) == 1_000_000

        await in_thread(play)


@attrs.define
class Endless:
    """A handler that sends as fast as it may."""

    sent: int = 0

    async def out(self, message: BytesValue, request: ServerCall) -> None:
        chunk = payload(bytes(4 * KIB))
        while self.sent < 20_000:
            await request.send(chunk)
            self.sent += 1


class Measured(Budget):
    """Knows the most that was held to be sent, for however short."""

    most: int = 0

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "held_out":
            self.most = max(self.most, value)


async def test_what_is_held_for_a_slow_reader_stays_small_while_its_handler_waits(
    engine: str,
) -> None:
    """The most that may be held: twice what a stream may queue, and two messages."""
    endless, budget = Endless(), Measured()
    server = Server(dispatcher({"Out": endless.out}), engine_factory(engine), budget=budget)

    def play(address: object) -> int:
        # What the client's library and the kernel hold is not the server's.
        with sync_channel(address) as channel:  # type: ignore[arg-type]
            call = Stubs.on(channel).out(payload(b""))
            next(call)
            time.sleep(0.4)
            call.cancel()
        return endless.sent

    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.serve, Address("127.0.0.1", 0))

        sent = await in_thread(lambda: play(address))
        assert sent < 20_000
        assert 200 * KIB < budget.most <= 2 * (256 + 4) * KIB + KIB
        with trio.fail_after(15):
            while budget.held_out:  # noqa: ASYNC110 - the call's end is not told
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert budget.held_in == 0
