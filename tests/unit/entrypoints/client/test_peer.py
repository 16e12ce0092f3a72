"""What a server may do wrong, frame by frame."""

import anyio
import pytest
import trio
from purerpc import StatusCode

from entrypoints.client.client import connect
from entrypoints.client.errors import CallFailed
from entrypoints.client.limits import Limits
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.transport.engine import CANCEL, NO_ERROR, REFUSED_STREAM, EngineLimits
from entrypoints.grpc.transport.messages import frame_message
from tests.support.client_peer import OK, RESPONSE, Peer, peer
from tests.support.client_server import FINISH, delta

REQUEST = pb.LLMRequest(model="m")

pytestmark = pytest.mark.usefixtures("both_engines")
WHOLE = frame_message(pb.LLMResponse(content="c").SerializeToString())


async def _failure(target: str) -> CallFailed:
    with trio.fail_after(15), pytest.raises(CallFailed) as caught:
        await _invoke(target)
    return caught.value


async def _invoke(target: str) -> None:
    async with connect(target) as client:
        await client.invoke(REQUEST)


async def test_leaving_a_stream_resets_it_before_control_returns() -> None:
    codes: list[int] = []
    done = trio.Event()

    async def play(end: Peer) -> None:
        call = await end.call()
        await end.say(call.stream_id, delta("a"))
        codes.append((await end.closed()).code)
        done.set()

    async with peer(play) as target, connect(target) as client:
        async with client.invoke_stream(REQUEST) as events:
            await anext(events)
        # The frame is in the socket: nothing of this task may be needed to get it there.
        with trio.CancelScope(shield=True):
            with trio.fail_after(15):
                await done.wait()
    assert codes == [CANCEL]


async def test_a_finished_stream_is_not_reset() -> None:
    codes: list[int] = []
    done = trio.Event()

    async def play(end: Peer) -> None:
        call = await end.call()
        await end.say(call.stream_id, FINISH)
        end.engine.trailers(call.stream_id, OK)
        codes.append((await end.closed()).code)
        done.set()

    async with peer(play) as target, connect(target) as client:
        async with client.invoke_stream(REQUEST) as events:
            assert len([each async for each in events]) == 1
        await done.wait()
    assert codes == [NO_ERROR]


async def test_a_deadline_resets_the_stream() -> None:
    codes: list[int] = []
    done = trio.Event()

    async def play(end: Peer) -> None:
        codes.append((await end.closed()).code)
        done.set()

    async with peer(play) as target, connect(target) as client:
        with pytest.raises(CallFailed, match="deadline"):
            await client.invoke(REQUEST, timeout_s=0.05)
        with trio.fail_after(15):
            await done.wait()
    assert codes == [CANCEL]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (REFUSED_STREAM, StatusCode.UNAVAILABLE),
        (CANCEL, StatusCode.CANCELLED),
        (0xB, StatusCode.RESOURCE_EXHAUSTED),
        (0x2, StatusCode.INTERNAL),
        (NO_ERROR, StatusCode.INTERNAL),
    ],
)
async def test_a_reset_is_a_failure(code: int, status: StatusCode) -> None:
    async def play(end: Peer) -> None:
        # Again and again: what is refused is sent again.
        while True:
            call = await end.call()
            end.engine.reset(call.stream_id, code)
            await end.flush()

    async with peer(play) as target:
        assert (await _failure(target)).code is status


async def test_a_body_that_ends_without_a_status_is_a_failure() -> None:
    async def play(end: Peer) -> None:
        call = await end.call()
        end.engine.respond(call.stream_id, RESPONSE)
        end.engine.send(call.stream_id, WHOLE, ended=True)
        await end.flush()
        await trio.sleep_forever()

    async with peer(play) as target:
        failure = await _failure(target)
    assert (failure.code, failure.message) == (
        StatusCode.INTERNAL,
        "the answer ended without a status",
    )


async def test_trailers_without_a_status_are_a_failure() -> None:
    async def play(end: Peer) -> None:
        call = await end.call()
        end.engine.respond(call.stream_id, RESPONSE)
        end.engine.send(call.stream_id, WHOLE)
        end.engine.trailers(call.stream_id, ((b"x-other", b"1"),))
        await end.flush()
        await trio.sleep_forever()

    async with peer(play) as target:
        assert (await _failure(target)).message == "the answer ended without a status"


async def test_a_cut_message_is_a_failure_even_with_ok() -> None:
    async def play(end: Peer) -> None:
        call = await end.call()
        end.engine.respond(call.stream_id, RESPONSE)
        end.engine.send(call.stream_id, WHOLE[:-1])
        end.engine.trailers(call.stream_id, OK)
        await end.flush()
        await trio.sleep_forever()

    async with peer(play) as target:
        assert "middle of a message" in (await _failure(target)).message


@pytest.mark.parametrize("answers", [0, 2])
async def test_a_unary_call_has_one_answer(answers: int) -> None:
    async def play(end: Peer) -> None:
        call = await end.call()
        end.engine.respond(call.stream_id, RESPONSE)
        for _ in range(answers):
            end.engine.send(call.stream_id, WHOLE)
        end.engine.trailers(call.stream_id, OK)
        await end.flush()
        await trio.sleep_forever()

    async with peer(play) as target:
        assert (await _failure(target)).code is StatusCode.INTERNAL


async def test_an_answer_that_is_not_protobuf_is_a_failure() -> None:
    async def play(end: Peer) -> None:
        call = await end.call()
        end.engine.respond(call.stream_id, RESPONSE)
        end.engine.send(call.stream_id, frame_message(b"\xff\xff"))
        end.engine.trailers(call.stream_id, OK)
        await end.flush()
        await trio.sleep_forever()

    async with peer(play) as target:
        assert "not a valid llmservice.v1.LLMResponse" in (await _failure(target)).message
        async with connect(target) as client, client.invoke_stream(REQUEST) as events:
            with pytest.raises(CallFailed, match=r"not a valid llmservice\.v1\.LLMStreamResponse"):
                await anext(events)


async def test_a_web_server_is_not_taken_for_ours() -> None:
    async def play(end: Peer) -> None:
        call = await end.call()
        end.engine.respond(call.stream_id, ((b":status", b"503"), (b"content-type", b"text/html")))
        end.engine.send(call.stream_id, b"<html>", ended=True)
        await end.flush()
        await trio.sleep_forever()

    async with peer(play) as target:
        failure = await _failure(target)
    assert failure.code is StatusCode.UNAVAILABLE
    assert failure.message == "not a gRPC answer: HTTP status 503, content-type text/html"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak HTTP/2"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "wants TLS"),
    ],
)
async def test_a_server_of_another_protocol_is_said_to_be_one(said: bytes, told: str) -> None:
    async def play(end: Peer) -> None:
        await end.stream.send_all(said)
        await trio.sleep_forever()

    async with peer(play) as target:
        failure = await _failure(target)
    assert failure.code is StatusCode.UNAVAILABLE
    assert told in failure.message


async def test_a_server_that_breaks_the_rules_is_unavailable() -> None:
    async def play(end: Peer) -> None:
        # SETTINGS of a length that they cannot have.
        await end.stream.send_all(b"\x00\x00\x01\x04" + b"\0" * 6)
        await trio.sleep_forever()

    async with peer(play) as target:
        assert (await _failure(target)).code is StatusCode.UNAVAILABLE


async def test_a_lost_connection_fails_every_call_and_the_next_one_connects_anew() -> None:
    connections: list[Peer] = []

    async def play(end: Peer) -> None:
        connections.append(end)
        if len(connections) == 1:
            for _ in range(3):
                await end.call()
            return
        call = await end.call()
        end.engine.respond(call.stream_id, RESPONSE)
        end.engine.send(call.stream_id, WHOLE)
        end.engine.trailers(call.stream_id, OK)
        await end.flush()
        await trio.sleep_forever()

    failures: list[CallFailed] = []

    async with peer(play) as target, connect(target) as client:

        async def ask() -> None:
            with pytest.raises(CallFailed) as caught:
                await client.invoke(REQUEST)
            failures.append(caught.value)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        assert (await client.invoke(REQUEST)).content == "c"
    assert [each.code for each in failures] == [StatusCode.UNAVAILABLE] * 3
    assert {each.message for each in failures} == {
        f"the connection to {target} was closed by the server"
    }


async def test_a_server_that_leaves_finishes_its_calls_and_gets_no_more() -> None:
    connections: list[Peer] = []

    async def play(end: Peer) -> None:
        connections.append(end)
        call = await end.call()
        if len(connections) == 1:
            end.engine.goaway(NO_ERROR)
            await end.flush()
            await trio.sleep(0.05)
        end.engine.respond(call.stream_id, RESPONSE)
        end.engine.send(call.stream_id, WHOLE)
        end.engine.trailers(call.stream_id, OK)
        await end.flush()
        await trio.sleep_forever()

    async with peer(play) as target, connect(target) as client:
        assert (await client.invoke(REQUEST)).content == "c"
        assert (await client.invoke(REQUEST)).content == "c"
    assert len(connections) == 2


async def test_nobody_there() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(CallFailed) as caught:
        async with connect(f"127.0.0.1:{port}"):
            raise AssertionError
    assert caught.value.code is StatusCode.UNAVAILABLE
    assert caught.value.message == f"cannot connect to 127.0.0.1:{port}: Connection refused"


async def test_a_server_that_says_nothing_is_not_waited_for_long() -> None:
    async def play(end: Peer) -> None:
        await trio.sleep_forever()

    async with peer(play) as target:
        with trio.fail_after(15), pytest.raises(CallFailed) as caught:
            async with connect(target, limits=Limits(connect_s=0.05)):
                raise AssertionError
    assert caught.value.code is StatusCode.UNAVAILABLE
    assert caught.value.message == f"cannot connect to {target}: no answer in 0.05 s"


async def test_a_server_that_reads_nothing_cannot_hold_the_caller() -> None:
    async def play(end: Peer) -> None:
        # The window is open, but the socket is not read.
        await end.flush()
        await trio.sleep_forever()

    large = pb.LLMRequest(model="m" * 20_000_000)
    windows = EngineLimits(stream_window=2**30, connection_window=2**30)
    with trio.fail_after(15):
        async with peer(play, windows) as target, connect(target) as client:
            with anyio.move_on_after(0.1):
                await client.invoke(large)


async def test_bytes_that_nobody_takes_are_bounded() -> None:
    text = delta("x" * 10_000)
    sent = 0

    async def play(end: Peer) -> None:
        nonlocal sent
        call = await end.call()
        await end.say(call.stream_id, *[text] * 100)
        await trio.sleep(0.1)
        sent = 100 * 10_000 - end.engine.queued(call.stream_id)
        await trio.sleep_forever()

    async with (
        peer(play) as target,
        connect(target, limits=Limits()) as client,
        client.invoke_stream(REQUEST),
    ):
        await trio.sleep(0.3)
    assert 0 < sent <= 256 * 1024
