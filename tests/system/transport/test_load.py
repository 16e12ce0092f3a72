"""Many calls on few connections, with clients that hurry, dawdle, cancel and die."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import attrs
import grpc
import grpclib.client
import grpclib.exceptions
import pytest
import trio
from google.protobuf.wrappers_pb2 import BytesValue

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import EngineLimits
from entrypoints.grpc.transport.limits import Limits
from tests.support.grpc_real import Stubs, aio_channel, in_asyncio, in_thread, serving, sync_channel
from tests.support.grpc_service import NAME, Ends, dispatcher, payload

MANY = Limits(engine=EngineLimits(max_streams=1000))


@attrs.define
class Service:
    """Handlers that count themselves.

    Attributes:
        alive: Handlers that have begun and not ended.
        pace_s: Time between two messages of `Out`; 0 for none.
    """

    alive: int = 0
    begun: int = 0
    pace_s: float = 0.0
    ends: Ends = attrs.field(factory=Ends)

    async def unary(self, message: BytesValue, request: ServerCall) -> BytesValue:
        return message

    async def out(self, message: BytesValue, request: ServerCall) -> None:
        """Send as many messages as the request says."""
        self._enter()
        try:
            for index in range(int(message.value)):
                if self.pace_s:
                    await trio.sleep(self.pace_s)
                await request.send(payload(b"%d" % index))
        finally:
            self.alive -= 1

    async def both(self, messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
        self._enter()
        try:
            async for each in messages:
                await request.send(each)
        finally:
            self.alive -= 1

    def _enter(self) -> None:
        self.alive += 1
        self.begun += 1

    def dispatcher(self) -> Dispatcher:
        return dispatcher({"Unary": self.unary, "Out": self.out, "Both": self.both}, self.ends)

    async def none_left(self) -> None:
        with trio.fail_after(15):
            while self.alive:  # noqa: ASYNC110 - their end is what is waited for
                await trio.sleep(0.005)


async def test_64_streams_paced_at_10_ms_keep_their_pace(engine: str) -> None:
    service = Service(pace_s=0.01)
    async with serving(service.dispatcher(), engine) as address:

        async def play() -> float:
            async with aio_channel(address) as channel:
                stubs = Stubs.on(channel)
                await stubs.unary(payload(b""))

                async def one() -> None:
                    assert [int(each.value) async for each in stubs.out(payload(b"50"))] == [
                        *range(50)
                    ]

                started = time.perf_counter()
                await asyncio.gather(*[one() for _ in range(64)])
                return time.perf_counter() - started

        took_s = await in_asyncio(play)
    assert took_s < 3.0
    assert service.begun == 64


async def test_no_stream_of_a_hurried_channel_fails(engine: str) -> None:
    service = Service()
    async with serving(service.dispatcher(), engine) as address:

        async def play() -> None:
            async with aio_channel(address) as channel:
                stubs = Stubs.on(channel)

                async def five() -> None:
                    for _ in range(5):
                        got = [int(each.value) async for each in stubs.out(payload(b"200"))]
                        assert got == [*range(200)]

                await asyncio.gather(*[five() for _ in range(16)])

        await in_asyncio(play)
    assert service.begun == 80
    assert service.ends.errors == []


async def test_a_long_burst_does_not_delay_another_stream(engine: str) -> None:
    service = Service()
    async with serving(service.dispatcher(), engine) as address:

        def play() -> float:
            with sync_channel(address) as burst, sync_channel(address) as other:
                stubs = Stubs.on(other)
                stubs.unary(payload(b""))
                call = Stubs.on(burst).out(payload(b"3000"))
                next(call)
                started = time.perf_counter()
                next(stubs.out(payload(b"1")))
                waited_s = time.perf_counter() - started
                assert sum(1 for _ in call) == 2999
                return waited_s

        # A turn of the loop lasts a millisecond; a burst sent whole would last fifty times that, every time.
        assert min([await in_thread(play) for _ in range(3)]) < 0.05


async def test_hundreds_of_cancelled_streams_leave_nothing(engine: str) -> None:
    service = Service(pace_s=0.002)
    rng = random.Random(engine)
    plans = [
        (rng.choice(["out", "both"]), rng.choice([0.0, 0.001, 0.01, 0.03])) for _ in range(300)
    ]
    async with serving(service.dispatcher(), engine, limits=MANY) as address:

        async def play() -> None:
            async with aio_channel(address) as channel:
                stubs = Stubs.on(channel)

                async def cancelled(kind: str, after_s: float) -> None:
                    call = stubs.out(payload(b"1000")) if kind == "out" else stubs.both()
                    if kind == "both":
                        await call.write(payload(b"x" * 5000))
                    await asyncio.sleep(after_s)
                    call.cancel()

                async def finished() -> None:
                    assert len([each async for each in stubs.out(payload(b"5"))]) == 5

                others = [finished() for _ in range(50)]
                await asyncio.gather(*[cancelled(*each) for each in plans], *others)
                # The same connection still serves.
                assert await stubs.unary(payload(b"hi")) == payload(b"hi")

        await in_asyncio(play)
        await service.none_left()
    assert service.ends.errors == []


async def test_thousands_of_large_messages_through_a_slow_reader(engine: str) -> None:
    service = Service()
    async with serving(service.dispatcher(), engine) as address:

        def play() -> int:
            with sync_channel(address) as channel:
                total = 0
                for count, each in enumerate(Stubs.on(channel).out(payload(b"5000"))):
                    total += len(each.value)
                    if count % 500 == 0:
                        time.sleep(0.01)
                return total

        assert await in_thread(play) == sum(len(b"%d" % each) for each in range(5000))


async def test_three_megabytes_go_both_ways(engine: str) -> None:
    service = Service()
    async with serving(service.dispatcher(), engine) as address:

        def play() -> None:
            value = os.urandom(3_000_000)
            with sync_channel(address) as channel:
                stubs = Stubs.on(channel)
                gzip = grpc.Compression.Gzip
                assert stubs.unary(payload(value)) == payload(value)
                assert stubs.unary(payload(value), compression=gzip) == payload(value)

        await in_thread(play)


CLIENT = """
import grpc, sys, time
channel = grpc.insecure_channel(sys.argv[1])
calls = [channel.stream_stream(sys.argv[2])(iter(lambda: time.sleep(0.01) or b"", None)) for _ in range(20)]
for each in calls:
    next(each)
print("begun", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
async def test_a_client_that_dies_takes_its_handlers_along(
    engine: str, death: signal.Signals
) -> None:
    service = Service()
    async with serving(service.dispatcher(), engine) as address:
        command = [sys.executable, "-c", CLIENT, str(address), f"/{NAME}/Both"]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        async with process.stdout:
            said = b""
            while not said.endswith(b"\n"):
                said += await process.stdout.receive_some()
            assert service.alive == 20
            process.send_signal(death)
            await process.wait()
        await service.none_left()
    assert service.ends.statuses == [None] * 20


async def test_grpclib_is_served_too(engine: str) -> None:
    service = Service()
    async with serving(service.dispatcher(), engine) as address:

        async def play() -> None:
            channel = grpclib.client.Channel(address.host, address.port)
            try:
                unary = grpclib.client.UnaryUnaryMethod(
                    channel, f"/{NAME}/Unary", BytesValue, BytesValue
                )
                out = grpclib.client.UnaryStreamMethod(
                    channel, f"/{NAME}/Out", BytesValue, BytesValue
                )
                both = grpclib.client.StreamStreamMethod(
                    channel, f"/{NAME}/Both", BytesValue, BytesValue
                )
                large = payload(bytes(1_000_000))
                assert await unary(large) == large
                assert len(await out(payload(b"500"))) == 500
                asked = [payload(b"a"), payload(b"b")]
                assert await both(asked) == asked
                async with both.open() as stream:
                    await stream.send_message(payload(b"x"))
                    assert await stream.recv_message() == payload(b"x")
                    await stream.cancel()
                with pytest.raises((asyncio.TimeoutError, grpclib.exceptions.GRPCError)):
                    await never_ending(both)
            finally:
                channel.close()

        async def never_ending(
            method: "grpclib.client.StreamStreamMethod[BytesValue, BytesValue]",
        ) -> None:
            async with method.open(timeout=0.05) as stream:
                await stream.send_message(payload(b"x"))
                while await stream.recv_message():
                    pass

        await in_asyncio(play)
        await service.none_left()
    assert service.ends.errors == []


async def test_clients_that_come_and_go_leave_nothing(engine: str) -> None:
    service = Service(pace_s=0.001)
    async with serving(service.dispatcher(), engine) as address:

        def play() -> None:
            for _ in range(10):
                with sync_channel(address) as channel:
                    call = Stubs.on(channel).out(payload(b"100000"))
                    next(call)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(in_thread, play)
        await service.none_left()
    assert service.begun == 40
