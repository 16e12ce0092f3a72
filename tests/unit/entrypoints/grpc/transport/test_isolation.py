"""What one call does wrong ends that call only; what a peer does wrong ends its connection only."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing
from google.protobuf.wrappers_pb2 import BytesValue
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from purerpc import RpcFailedError, Status, StatusCode

from entrypoints.grpc.transport.call import Ending, ServerCall
from entrypoints.grpc.transport.connection import Connection
from entrypoints.grpc.transport.dispatch import CallStatus, Dispatcher, Endings
from entrypoints.grpc.transport.engine import (
    ENHANCE_YOUR_CALM,
    INTERNAL_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    SLACK,
    EngineLimits,
    engine_factory,
)
from entrypoints.grpc.transport.limits import Limits
from tests.support.grpc_play import Play, framed, playing, request_headers
from tests.support.grpc_service import Ends, Handler, dispatcher, payload, service


def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    return message


async def joined(messages: AsyncIterator[BytesValue], request: ServerCall) -> BytesValue:
    return payload(b"".join([each.value async for each in messages]))


def served(ends: Ends | None = None, **more: Handler) -> Dispatcher:
    return dispatcher({"Unary": echo, "In": joined, **more}, ends)


async def assert_others_go_on(play: Play) -> None:
    reply = await play.client.call("Unary", b"still here")
    assert await reply.code() is StatusCode.OK
    assert reply.messages == [b"still here"]
    assert play.client.goaway is None


# --- what handlers do wrong -------------------------------------------------------------------------------


async def test_an_unexpected_error_tells_nothing_of_the_inside(engine: str) -> None:
    async def broken(message: BytesValue, request: ServerCall) -> None:
        await request.send(message)
        raise ValueError("secret")

    ends = Ends()
    async with playing(served(ends, Out=broken), engine) as play:
        other = await play.client.call("In", b"a", ended=False)
        reply = await play.client.call("Out", b"hi")
        ended = await reply.end()
        assert ended is not None
        assert (ended.code, ended.message) == (StatusCode.INTERNAL, "internal error")
        assert ended.details == b"\x08\x0d"
        assert "secret" not in repr((reply.headers, reply.trailers))
        assert [type(each) for each in ends.errors] == [ValueError]
        await play.client.send(other, b"b", ended=True)
        assert await other.code() is StatusCode.OK
        await assert_others_go_on(play)


async def test_a_group_of_one_error_is_that_error(engine: str) -> None:
    async def nested(message: BytesValue, request: ServerCall) -> None:
        async def fail() -> None:
            await trio.lowlevel.checkpoint()
            raise RpcFailedError(Status(StatusCode.NOT_FOUND, "not here"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)

    async with playing(served(Out=nested), engine) as play:
        assert await (await play.client.call("Out", b"")).code() is StatusCode.NOT_FOUND


async def test_an_error_while_a_cancelled_call_unwinds_stays_in_the_call(engine: str) -> None:
    begun = trio.Event()

    async def clumsy(message: BytesValue, request: ServerCall) -> None:
        async def fail_at_the_end() -> None:
            begun.set()
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("in cleanup")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_at_the_end)
            nursery.start_soon(fail_at_the_end)

    ends = Ends()
    async with playing(served(ends, Out=clumsy), engine) as play:
        reply = await play.client.call("Out", b"")
        await begun.wait()
        await play.client.cancel(reply)
        await assert_others_go_on(play)
    assert ends.statuses[0] is None
    assert len(ends.errors) == 1


@pytest.mark.parametrize("culprit", ["failed", "deadline", "ended"])
async def test_whoever_tells_how_calls_end_may_fail(
    engine: str, culprit: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def late(message: BytesValue, request: ServerCall) -> None:
        await trio.sleep_forever()

    def broken(message: BytesValue, request: ServerCall) -> BytesValue:
        if message.value:
            raise ValueError
        return message

    def fail(*_: object) -> CallStatus:
        raise RuntimeError("the sink is blocked")

    def fine(*_: object) -> CallStatus:
        return CallStatus(StatusCode.INTERNAL)

    roles = dict.fromkeys(["failed", "deadline"], fine) | {culprit: fail}
    served = Dispatcher.of(
        [service({"Unary": broken, "Out": late})],
        Endings(**roles),  # type: ignore[arg-type]
    )
    async with playing(served, engine) as play:
        calls = {
            "failed": play.client.call("Unary", b"x"),
            "deadline": play.client.call("Out", b"", grpc_timeout=b"1m"),
            "ended": play.client.call("Unary", b""),
        }
        for name, call in calls.items():
            reply = await call
            ended = await reply.end()
            if name == culprit:
                assert ended is None
                assert reply.closed == INTERNAL_ERROR
        assert play.client.goaway is None


async def test_a_unary_handler_that_answers_nothing_is_a_bug(engine: str) -> None:
    def silent(message: BytesValue, request: ServerCall) -> None:
        return None

    ends = Ends()
    async with playing(dispatcher({"Unary": silent}, ends), engine) as play:
        assert await (await play.client.call("Unary", b"")).code() is StatusCode.INTERNAL
    assert "one answer" in str(ends.errors[0])


# --- what clients do wrong --------------------------------------------------------------------------------


def without(name: bytes) -> list[tuple[bytes, bytes]]:
    return [each for each in request_headers() if each[0] != name]


def changed(name: bytes, value: bytes) -> list[tuple[bytes, bytes]]:
    return [(each[0], value if each[0] == name else each[1]) for each in request_headers()]


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize(
    ("headers", "http_status", "code"),
    [
        (changed(b":method", b"GET"), b"405", StatusCode.INTERNAL),
        (changed(b"content-type", b"application/json"), b"415", StatusCode.INTERNAL),
        (changed(b"content-type", b"application/grpc-web"), b"415", StatusCode.INTERNAL),
        (without(b"content-type"), b"415", StatusCode.INTERNAL),
        (changed(b":path", b"/nothing"), b"200", StatusCode.UNIMPLEMENTED),
        (changed(b":path", b"/"), b"200", StatusCode.UNIMPLEMENTED),
        (request_headers(timeout=b"soon"), b"200", StatusCode.INVALID_ARGUMENT),
        (request_headers(timeout=b"123456789S"), b"200", StatusCode.INVALID_ARGUMENT),
        (request_headers(metadata=[(b"x-bin", b"*")]), b"200", StatusCode.INVALID_ARGUMENT),
        (request_headers(metadata=[(b"x", b"\xff\xfe")]), b"200", StatusCode.INVALID_ARGUMENT),
        (request_headers(metadata=[(b"grpc-encoding", b"br")]), b"200", StatusCode.UNIMPLEMENTED),
        (request_headers(metadata=[(b"x", b"y" * 20_000)]), b"200", StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_headers_that_are_no_call_are_answered(
    engine: str,
    headers: list[tuple[bytes, bytes]],
    http_status: bytes,
    code: StatusCode,
    ended: bool,
) -> None:
    async with playing(served(), engine) as play:
        reply = await play.client.open(headers, framed(b"x"), ended=ended)
        assert await reply.code() is code
        assert reply.http_status == http_status
        assert reply.closed == NO_ERROR
        await assert_others_go_on(play)


@pytest.mark.parametrize(
    "headers",
    [
        [*request_headers(), (b"X-Upper", b"x")],
        [*request_headers(), (b"connection", b"close")],
        [*request_headers(), (b":late", b"x")],
        [*request_headers(), (b"x", b"line\nbreak")],
        without(b":path"),
        without(b":method"),
    ],
)
async def test_malformed_headers_end_their_stream(
    engine: str, headers: list[tuple[bytes, bytes]]
) -> None:
    # nghttp2 would put some of them right.
    async with playing(served(), engine, speaks="h2") as play:
        reply = await play.client.open(headers, framed(b"x"))
        assert await reply.code() is None
        assert reply.closed == PROTOCOL_ERROR
        await assert_others_go_on(play)


@pytest.mark.parametrize("length", [b"3", b"300", b"x"])
async def test_a_body_of_another_length_than_announced_ends_its_stream(
    engine: str, length: bytes
) -> None:
    async with playing(served(), engine, speaks="h2") as play:
        for _ in range(3):
            headers = request_headers(metadata=[(b"content-length", length)])
            reply = await play.client.open(headers, framed(b"another length"))
            assert await reply.code() is None
            assert reply.closed == PROTOCOL_ERROR
        await assert_others_go_on(play)


BOMB = gzip.compress(bytes(5_000_000))
GZIP = (b"grpc-encoding", b"gzip")
DEFLATE = (b"grpc-encoding", b"deflate")
MESSAGE = BytesValue(value=b"hi").SerializeToString()


def compressed(body: bytes) -> bytes:
    return b"\1" + len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("body", "metadata", "code"),
    [
        (b"", [], StatusCode.UNIMPLEMENTED),
        (framed(b"a") + framed(b"b"), [], StatusCode.UNIMPLEMENTED),
        (b"\0\0\0\0\2\xff\xff", [], StatusCode.INTERNAL),
        (b"\0" + (2**32 - 1).to_bytes(4, "big") + b"x", [], StatusCode.RESOURCE_EXHAUSTED),
        (b"\0" + (100_000_000).to_bytes(4, "big"), [], StatusCode.RESOURCE_EXHAUSTED),
        (framed(b"half of it")[:-2], [], StatusCode.INTERNAL),
        (b"\0\0", [], StatusCode.INTERNAL),
        (framed(b"a") + b"\0", [], StatusCode.INTERNAL),
        (compressed(gzip.compress(MESSAGE)), [GZIP], StatusCode.OK),
        (compressed(zlib.compress(MESSAGE)), [DEFLATE], StatusCode.OK),
        (b"\0" + compressed(MESSAGE)[1:], [GZIP], StatusCode.OK),
        (compressed(gzip.compress(MESSAGE)), [], StatusCode.INTERNAL),
        (b"\2" + framed(b"a")[1:], [GZIP], StatusCode.INTERNAL),
        (compressed(gzip.compress(MESSAGE)[:-1]), [GZIP], StatusCode.INTERNAL),
        (compressed(b"no gzip at all"), [GZIP], StatusCode.INTERNAL),
        (compressed(BOMB), [GZIP], StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_bodies_are_judged_one_by_one(
    engine: str, body: bytes, metadata: list[tuple[bytes, bytes]], code: StatusCode
) -> None:
    async with playing(served(), engine) as play:
        reply = await play.client.open(request_headers(metadata=metadata), body)
        assert await reply.code() is code
        if code is StatusCode.OK:
            assert reply.messages == [b"hi"]
        await assert_others_go_on(play)


async def test_a_bomb_nobody_asks_for_is_never_inflated(engine: str) -> None:
    """One window's worth of compressed messages would be a gigabyte."""

    async def deaf(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
        await trio.sleep_forever()

    async with playing(served(Both=deaf), engine) as play:
        headers = request_headers("Both", metadata=[GZIP])
        reply = await play.client.open(headers, compressed(BOMB) * 20, ended=False)
        await trio.testing.wait_all_tasks_blocked()
        inbox = play.connection._calls[reply.stream_id]._inbox
        assert len(inbox) == 20
        assert sum(map(len, inbox)) == 20 * len(BOMB)


async def test_an_early_answer_ends_an_upload_without_an_error(engine: str) -> None:
    async def early(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
        await request.send(payload(b"enough"))

    async with playing(served(Both=early), engine) as play:
        reply = await play.client.call("Both", b"x" * 1000, ended=False)
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [b"enough"]
        assert reply.closed == NO_ERROR
        await assert_others_go_on(play)


async def test_a_reset_never_overtakes_the_trailers(engine: str) -> None:
    """The client's window is used up, and it is still talking, when the handler ends."""

    async def early(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
        async for _ in messages:
            await request.send(payload(bytes(200)))
            return

    limits = EngineLimits(stream_window=100)
    async with playing(served(Both=early), engine, client_limits=limits) as play:
        play.client.acknowledges = False
        reply = await play.client.call("Both", b"x", ended=False)
        await trio.testing.wait_all_tasks_blocked()
        assert reply.closed is None
        for _ in range(3):
            await play.client.read_on()
            await trio.testing.wait_all_tasks_blocked()
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [bytes(200)]
        assert reply.closed == NO_ERROR


async def test_streams_above_the_limit_are_refused_one_by_one(engine: str) -> None:
    limits = Limits(engine=EngineLimits(max_streams=3))
    async with playing(served(), engine, limits=limits, obedient=False) as play:
        kept = [await play.client.call("In", b"a", ended=False) for _ in range(3)]
        refused = [await play.client.call("In", b"a", ended=False) for _ in range(5)]
        for each in refused:
            assert await each.code() is None
            assert each.closed == REFUSED_STREAM
        for each in kept:
            await play.client.send(each, b"b", ended=True)
            assert await each.code() is StatusCode.OK
        await assert_others_go_on(play)


async def test_a_client_that_does_not_read_gets_no_more_places(engine: str) -> None:
    """Its calls are done, but their answers wait for it."""
    limits = Limits(engine=EngineLimits(max_streams=3))
    narrow = EngineLimits(stream_window=10)
    async with playing(
        served(), engine, limits=limits, client_limits=narrow, obedient=False
    ) as play:
        play.client.acknowledges = False
        for _ in range(3):
            await play.client.call("Unary", b"x" * 100)
        await trio.testing.wait_all_tasks_blocked()
        assert not play.connection._calls
        refused = await play.client.call("Unary", b"x")
        assert await refused.code() is None
        assert refused.closed == REFUSED_STREAM


async def test_a_peer_that_ignores_the_limit_altogether_is_sent_away(engine: str) -> None:
    limits = Limits(engine=EngineLimits(max_streams=2))
    pair = trio.testing.lockstep_stream_pair
    async with playing(served(), engine, limits=limits, pair=pair, obedient=False) as play:
        await play.client.call("In", ended=False)
        await trio.testing.wait_all_tasks_blocked()
        play.client.reading.cancel()
        await trio.testing.wait_all_tasks_blocked()
        # Without reading, it opens streams that nobody can refuse in time.
        for _ in range(2 * SLACK):
            play.client.opened(request_headers("In"), ended=False)
        with trio.move_on_after(0.2):
            await play.client.flush()
        await play.client.stream.aclose()
        await play.over.wait()
        assert play.connection.engine.finished


# --- frames that come late, or not at all as they should --------------------------------------------------


async def test_frames_that_arrive_late_on_a_finished_stream_hurt_nobody(engine: str) -> None:
    async with playing(served(), engine) as play:
        reply = await play.client.call("Unary", b"hi")
        await reply.end()
        cancelled = await play.client.call("In", b"", ended=False)
        await trio.testing.wait_all_tasks_blocked()
        await play.client.cancel(cancelled)
        await trio.testing.wait_all_tasks_blocked()
        for stream_id in (reply.stream_id, cancelled.stream_id):
            await play.client.raw(WindowUpdateFrame(stream_id, 1000).serialize())
            await play.client.raw(RstStreamFrame(stream_id, 8).serialize())
        await trio.testing.wait_all_tasks_blocked()
        await assert_others_go_on(play)


async def test_a_goaway_of_the_client_lets_its_calls_finish(engine: str) -> None:
    go = trio.Event()

    async def slow(message: BytesValue, request: ServerCall) -> None:
        await request.send(message)
        await go.wait()
        await request.send(message)

    async with playing(served(Out=slow), engine) as play:
        reply = await play.client.call("Out", b"hi")
        await reply.until(lambda reply: bool(reply.messages))
        await play.client.raw(GoAwayFrame(0, last_stream_id=0, error_code=0).serialize())
        await trio.testing.wait_all_tasks_blocked()
        go.set()
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [b"hi", b"hi"]
        with trio.fail_after(15):
            await play.over.wait()


def unknown_frame() -> bytes:
    return b"\0\0\3\xee\0\0\0\0\0abc"


async def test_frames_nobody_knows_are_ignored(engine: str) -> None:
    async with playing(served(), engine) as play:
        await play.client.raw(unknown_frame())
        await assert_others_go_on(play)


def frame(made: Frame) -> bytes:
    return bytes(made.serialize())


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(frame(DataFrame(99, b"x")), id="data on an idle stream"),
        pytest.param(frame(HeadersFrame(2, b"\x82", flags=["END_HEADERS"])), id="even stream"),
        pytest.param(
            frame(HeadersFrame(1, b"\xff\xff\xff\xff\xff\xff", flags=["END_HEADERS"])),
            id="broken compression",
        ),
        pytest.param(b"\0\x80\0\0\0\0\0\0\1" + bytes(32768), id="frame too large"),
        pytest.param(frame(SettingsFrame(0, settings={4: 2**31})), id="absurd window"),
        pytest.param(b"\0\0\5\6\0\0\0\0\0hello", id="ping of five bytes"),
        pytest.param(
            frame(HeadersFrame(1, b"\x82")) + frame(DataFrame(1, b"x")),
            id="header block broken into",
        ),
    ],
)
async def test_a_peer_that_breaks_the_protocol_is_told_and_loses_its_calls_at_once(
    engine: str, nonsense: bytes
) -> None:
    endings: list[Ending | None] = []
    begun = trio.Event()

    async def waiting(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            endings.append(request.ending)

    async with playing(served(Both=waiting), engine) as play:
        await play.client.call("Both", ended=False)
        await begun.wait()
        await play.client.raw(nonsense)
        with trio.fail_after(15):
            await play.client.left.wait()
        assert play.client.goaway not in {None, NO_ERROR}
        await play.over.wait()
    assert endings == [Ending.LOST]


async def test_a_header_list_far_too_long_ends_the_connection(engine: str) -> None:
    # nghttp2 would not send it.
    async with playing(served(), engine, speaks="h2") as play:
        await play.client.open(request_headers(metadata=[(b"x", b"y" * 15_000)] * 5))
        with trio.fail_after(15):
            await play.client.left.wait()
        assert play.client.goaway == ENHANCE_YOUR_CALM


async def test_a_peer_that_speaks_something_else_is_left(engine: str) -> None:
    theirs, ours = trio.testing.memory_stream_pair()
    limits = Limits()
    connection = Connection(
        ours, engine_factory(engine)(False, limits.engine), "client:1", served(), limits
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await theirs.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with trio.fail_after(15):
            data = b""
            while data[-14:-13] != b"\7":
                data += bytes(await theirs.receive_some())
        await theirs.aclose()
