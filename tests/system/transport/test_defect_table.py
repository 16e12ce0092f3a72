"""What purerpc's own server does wrong, row by row, over real sockets; ours must do none of it.

`LLMSERVICE_TEST_SERVER=purerpc` runs the same rows against the server that purerpc brings, unpatched: that
most of them fail there is why ours exists.
"""

import gzip
import os
import struct
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import grpc
import pytest
import trio
from google.protobuf.wrappers_pb2 import BytesValue
from hyperframe.frame import GoAwayFrame, PingFrame, WindowUpdateFrame
from purerpc import StatusCode

from entrypoints.addresses import Address
from entrypoints.grpc.transport.engine import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    EngineLimits,
    engine_factory,
)
from tests.support.grpc_play import OTHER, Client, Reply, framed, request_headers
from tests.support.grpc_purerpc import serving_purerpc
from tests.support.grpc_real import Stubs, in_thread, serving, sync_channel
from tests.support.grpc_service import Handler, dispatcher, payload, service

UNPATCHED = os.environ.get("LLMSERVICE_TEST_SERVER") == "purerpc"
SOON_S = 10.0
KIB, MIB = 1024, 1024 * 1024


@attrs.define
class World:
    """The test's handlers, in purerpc's own style, and what they saw."""

    begun: int = 0
    ended: int = 0
    sent: int = 0

    async def unary(self, message: BytesValue, request: Any) -> BytesValue:
        """Echo; or block, or fail, or set metadata, as the message says."""
        if message.value == b"block":
            with self._counted():
                await trio.sleep_forever()
        if message.value == b"fail":
            raise ValueError("a secret")
        if message.value == b"metadata":
            request.set_initial_metadata(("x-initial", "1"))
            request.set_trailing_metadata(("x-trailing-bin", b"\x00\xff"))
        return message

    async def out(self, message: BytesValue) -> AsyncIterator[BytesValue]:  # noqa: ASYNC900
        """Send as many messages, of as many bytes, as the message says."""
        count, size = map(int, message.value.split())
        for _ in range(count):
            self.sent += 1
            yield payload(bytes(size))

    async def both(self, messages: AsyncIterator[BytesValue]) -> AsyncIterator[BytesValue]:  # noqa: ASYNC900
        """Echo each message."""
        with self._counted():
            async for each in messages:
                yield each  # noqa: ASYNC119

    async def in_(self, messages: AsyncIterator[BytesValue]) -> BytesValue:
        """Read nothing."""
        with self._counted():
            await trio.Event().wait()
        return payload(b"")

    def _counted(self) -> "_Counted":
        return _Counted(self)

    async def until_begun(self, count: int) -> None:
        with trio.fail_after(SOON_S):
            while self.begun < count:  # noqa: ASYNC110 - handlers tell nobody
                await trio.sleep(0.005)

    async def until_none(self) -> None:
        with trio.fail_after(SOON_S):
            while self.ended < self.begun:  # noqa: ASYNC110 - handlers tell nobody
                await trio.sleep(0.005)


@attrs.frozen
class _Counted:
    world: World

    def __enter__(self) -> None:
        self.world.begun += 1

    def __exit__(self, *_: object) -> None:
        self.world.ended += 1


@attrs.frozen
class Served:
    """A server under test."""

    name: str
    world: World
    address: Address

    @asynccontextmanager
    async def client(
        self, limits: EngineLimits | None = None, deaf_to: int | None = None
    ) -> AsyncIterator[Client]:
        """Connect a client whose every frame the test decides.

        `deaf_to` is a limit of streams that it is not to hear.
        """
        stream = await trio.open_tcp_stream(self.address.host, self.address.port)
        engine = engine_factory(OTHER.get(self.name, "nghttp2"))(True, limits or EngineLimits())
        client = Client(engine, stream, limit=deaf_to)
        client.engine.start()
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(client.pump)
            await client.flush()
            yield client
            nursery.cancel_scope.cancel()

    async def assert_serves(self, client: Client) -> None:
        """Assert that `client`'s connection still serves."""
        with trio.fail_after(SOON_S):
            reply = await client.call("Unary", b"still here")
            assert await reply.code() is StatusCode.OK
            assert reply.messages == [b"still here"]


@pytest.fixture(params=["purerpc"] if UNPATCHED else ["nghttp2", "h2"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Serve the test's handlers."""
    world = World()
    handlers: dict[str, Handler] = {
        "Unary": world.unary,
        "Out": world.out,
        "In": world.in_,
        "Both": world.both,
    }
    if request.param == "purerpc":
        async with serving_purerpc(service(handlers)) as address:
            yield Served(request.param, world, address)
    else:
        async with serving(dispatcher(handlers), request.param) as address:
            yield Served(request.param, world, address)


async def end_of(reply: Reply) -> StatusCode | None:
    with trio.fail_after(SOON_S):
        return await reply.code()


# --- 1-3: what ends a call --------------------------------------------------------------------------------


async def test_1_a_reset_ends_a_blocked_handler(served: Served) -> None:
    def play() -> None:
        with sync_channel(served.address) as channel:
            call = Stubs.on(channel).unary.future(payload(b"block"))
            trio.from_thread.run(served.world.until_begun, 1)
            call.cancel()
            trio.from_thread.run(served.world.until_none)

    await in_thread(play)


async def test_2_a_lost_connection_ends_every_handler(served: Served) -> None:
    async with served.client() as client:
        for _ in range(20):
            await client.call("Both", b"hi", ended=False)
        await served.world.until_begun(20)
    await served.world.until_none()


async def test_3_a_deadline_is_enforced_and_told(served: Served) -> None:
    async with served.client() as client:
        reply = await client.call("Unary", b"block", grpc_timeout=b"50m")
        assert await end_of(reply) is StatusCode.DEADLINE_EXCEEDED
        await served.world.until_none()


# --- 4-5: what a handler says -----------------------------------------------------------------------------


async def test_4_an_error_in_a_handler_tells_nothing_of_the_inside(served: Served) -> None:
    async with served.client() as client:
        reply = await client.call("Unary", b"fail")
        assert await end_of(reply) is StatusCode.INTERNAL
        assert b"secret" not in repr((reply.headers, reply.trailers)).encode()
        await served.assert_serves(client)


async def test_5_handlers_set_metadata(served: Served) -> None:
    def play() -> None:
        with sync_channel(served.address) as channel:
            _, call = Stubs.on(channel).unary.with_call(payload(b"metadata"), timeout=SOON_S)
            assert ("x-initial", "1") in call.initial_metadata()
            assert ("x-trailing-bin", b"\x00\xff") in call.trailing_metadata()

    await in_thread(play)


# --- 6-8: what a client does wrong, or late ---------------------------------------------------------------


@pytest.mark.parametrize("case", ["bad metadata", "GET", "no message", "a prefix of 100 MB"])
async def test_6_a_malformed_call_is_answered_and_hurts_no_other(served: Served, case: str) -> None:
    async with served.client() as client:
        headers, body = request_headers(), framed(b"hi")
        if case == "bad metadata":
            headers.append((b"x-bin", b"\xff"))
        elif case == "GET":
            headers[0] = (b":method", b"GET")
        elif case == "no message":
            body = b""
        else:
            body = b"\0" + struct.pack(">I", 100_000_000) + bytes(100)
        reply = await client.open(headers, body)
        assert await end_of(reply) is not StatusCode.OK
        await served.assert_serves(client)


async def test_7_a_window_update_for_a_finished_stream_hurts_nobody(served: Served) -> None:
    async with served.client() as client:
        for _ in range(3):
            reply = await client.call("Unary", b"hi")
            assert await end_of(reply) is StatusCode.OK
            await client.raw(WindowUpdateFrame(reply.stream_id, 1000).serialize())
            await served.assert_serves(client)


async def test_8_a_client_that_says_goodbye_still_gets_its_answers(served: Served) -> None:
    async with served.client() as client:
        reply = await client.call("Both", b"a", ended=False)
        await served.world.until_begun(1)
        await client.raw(GoAwayFrame(0, 0, 0).serialize())
        await client.send(reply, b"b", ended=True)
        assert await end_of(reply) is StatusCode.OK
        assert reply.messages == [b"a", b"b"]


# --- 9-10: memory -----------------------------------------------------------------------------------------


def zipped(value: bytes) -> bytes:
    body = gzip.compress(BytesValue(value=value).SerializeToString())
    return b"\1" + struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    ("size", "code"), [(100 * KIB, StatusCode.OK), (64 * MIB, StatusCode.RESOURCE_EXHAUSTED)]
)
async def test_9_gzip_is_read_and_bombs_are_not_inflated(
    served: Served, size: int, code: StatusCode
) -> None:
    headers = request_headers(metadata=[(b"grpc-encoding", b"gzip")])
    async with served.client() as client:
        reply = await client.open(headers, zipped(bytes(size)))
        assert await end_of(reply) is code
        await served.assert_serves(client)


async def test_10_a_handler_that_does_not_read_stops_its_client(served: Served) -> None:
    async with served.client() as client:
        reply = await client.call("In", *[bytes(MIB)] * 16, ended=False)
        await served.world.until_begun(1)
        await trio.sleep(0.3)
        # The window, and the message that waits for its rest.
        assert client.engine.queued(reply.stream_id) > 10 * MIB


async def test_10_a_client_that_does_not_read_stops_its_handler(served: Served) -> None:
    async with served.client() as client:
        client.acknowledges = False
        await client.call("Out", b"%d %d" % (100_000, 4 * KIB))
        with trio.fail_after(SOON_S):
            while not served.world.sent:  # noqa: ASYNC110 - handlers tell nobody
                await trio.sleep(0.005)
        await trio.sleep(0.5)
        assert served.world.sent * 4 * KIB < 2 * MIB


# --- 11: floods -------------------------------------------------------------------------------------------


async def assert_sent_away(served: Served, flood: bytes) -> None:
    async with served.client() as client, served.client() as other:
        await served.assert_serves(client)
        waiting = await client.call("Both", b"hi", ended=False)
        await served.world.until_begun(1)
        with trio.move_on_after(SOON_S):
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await client.raw(flood)
            await client.left.wait()
        assert client.goaway == ENHANCE_YOUR_CALM
        assert waiting.ended is None
        await served.world.until_none()
        await served.assert_serves(other)


async def test_11_a_flood_of_pings_is_sent_away(served: Served) -> None:
    await assert_sent_away(served, PingFrame(0, bytes(8)).serialize() * 20_000)


async def test_11_a_flood_of_resets_is_sent_away(served: Served) -> None:
    async with served.client(deaf_to=100) as client:
        flood = b""
        for _ in range(300):
            reply = client.opened(request_headers("Both"), ended=False)
            flood += client.engine.take()
            client.engine.reset(reply.stream_id, CANCEL)
            flood += client.engine.take()
        with trio.move_on_after(SOON_S):
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await client.raw(flood)
            await client.left.wait()
        assert client.goaway == ENHANCE_YOUR_CALM
        await served.world.until_none()


async def test_11_calls_above_the_limit_are_refused_one_by_one(served: Served) -> None:
    async with served.client(deaf_to=100) as client:
        replies = [await client.call("Both", b"x", ended=False) for _ in range(120)]
        await served.world.until_begun(100)
        for reply in replies[100:]:
            with trio.fail_after(SOON_S):
                await reply.until(lambda it: it.closed is not None)
        assert served.world.begun == 100


# --- 12-13: many at once ----------------------------------------------------------------------------------


async def test_12_a_busy_handler_starves_nobody(served: Served) -> None:
    window = EngineLimits(stream_window=16 * MIB, connection_window=16 * MIB)
    async with served.client(window) as busy, served.client() as other:
        await served.assert_serves(other)
        reply = await busy.call("Out", b"20000 10")
        await reply.until(lambda it: len(it.messages) > 0)
        await served.assert_serves(other)
        assert served.world.sent < 20_000


async def test_13_no_stream_of_a_crowded_channel_is_lost(served: Served) -> None:
    lost: list[object] = []

    def play() -> None:
        with sync_channel(served.address) as channel, ThreadPoolExecutor(32) as crowd:
            stubs = Stubs.on(channel)
            ends = time.monotonic() + 20

            def one(_: int) -> None:
                try:
                    call = stubs.out(payload(b"50 20"), timeout=max(0.1, ends - time.monotonic()))
                    assert sum(1 for _ in call) == 50
                except (grpc.RpcError, AssertionError) as error:
                    lost.append(error)

            list(crowd.map(one, range(400)))

    await in_thread(play)
    assert lost == []
