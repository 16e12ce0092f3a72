"""What is sent again, and what is not."""

import math

import pytest
import trio
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from entrypoints.client.client import connect
from entrypoints.client.errors import CallFailed, StatusCode
from entrypoints.client.retry import Again, Tried, again
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.transport.engine import NO_ERROR, REFUSED_STREAM
from entrypoints.grpc.transport.headers import status_trailers
from entrypoints.grpc.transport.messages import frame_message
from tests.support.client_peer import OK, RESPONSE, Peer, peer
from tests.support.client_server import delta

pytestmark = pytest.mark.usefixtures("both_engines")
REQUEST = pb.LLMRequest(model="m")
WHOLE = frame_message(pb.LLMResponse(content="c").SerializeToString())
UNAVAILABLE = CallFailed(StatusCode.UNAVAILABLE, "")
GOAWAY_FRAME = bytes.fromhex("000008070000000000")


async def answer(end: Peer, stream_id: int) -> None:
    end.engine.respond(stream_id, RESPONSE)
    end.engine.send(stream_id, WHOLE)
    end.engine.trailers(stream_id, OK)
    await end.flush()


async def refuse(end: Peer, stream_id: int, *, after_s: float | None = None) -> None:
    """End the call with UNAVAILABLE."""
    details = Status(code=14)
    if after_s is not None:
        retry = RetryInfo(retry_delay=Duration(nanos=int(after_s * 1e9)))
        packed = PbAny()
        packed.Pack(retry)
        details.details.append(packed)
    trailers = status_trailers(StatusCode.UNAVAILABLE, "later", details.SerializeToString())
    end.engine.respond(stream_id, [*RESPONSE, *trailers], ended=True)
    await end.flush()


async def test_a_refused_stream_is_sent_again_unasked() -> None:
    seen = 0

    async def play(end: Peer) -> None:
        nonlocal seen
        while True:
            call = await end.call()
            seen += 1
            if seen == 1:
                end.engine.reset(call.stream_id, REFUSED_STREAM)
                await end.flush()
            else:
                await answer(end, call.stream_id)

    async with peer(play) as target, connect(target) as client:
        assert (await client.invoke(REQUEST)).content == "c"
    assert seen == 2


async def test_a_server_that_refuses_for_ever_is_not_asked_for_ever() -> None:
    seen = 0

    async def play(end: Peer) -> None:
        nonlocal seen
        while True:
            call = await end.call()
            seen += 1
            end.engine.reset(call.stream_id, REFUSED_STREAM)
            await end.flush()

    async with peer(play) as target, connect(target) as client:
        with pytest.raises(CallFailed) as caught:
            await client.invoke(REQUEST)
    assert caught.value.unprocessed
    assert seen == 4


async def test_what_a_leaving_server_has_not_begun_is_sent_to_its_successor() -> None:
    connections: list[Peer] = []

    async def play(end: Peer) -> None:
        connections.append(end)
        call = await end.call()
        if len(connections) == 1:
            # "I have dealt with no stream": a server that leaves before it looked at this one.
            await end.stream.send_all(GOAWAY_FRAME + bytes(8))
            await trio.sleep_forever()
        await answer(end, call.stream_id)
        await trio.sleep_forever()

    with trio.fail_after(15):
        async with peer(play) as target, connect(target) as client:
            assert (await client.invoke(REQUEST)).content == "c"
    assert len(connections) == 2


async def test_what_a_leaving_server_has_begun_is_not_sent_twice() -> None:
    seen = 0

    async def play(end: Peer) -> None:
        nonlocal seen
        await end.call()
        seen += 1
        end.engine.goaway(NO_ERROR)
        await end.flush()

    async with peer(play) as target, connect(target) as client:
        with pytest.raises(CallFailed) as caught:
            await client.invoke(REQUEST)
    assert (seen, caught.value.unprocessed) == (1, False)


@pytest.mark.parametrize("retries", [0, 1])
async def test_unavailable_is_retried_only_if_asked_for(retries: int) -> None:
    seen = 0

    async def play(end: Peer) -> None:
        nonlocal seen
        while True:
            call = await end.call()
            seen += 1
            if seen == 1:
                await refuse(end, call.stream_id, after_s=0.01)
            else:
                await answer(end, call.stream_id)

    async with peer(play) as target, connect(target, retries=retries) as client:
        if retries:
            assert (await client.invoke(REQUEST)).content == "c"
        else:
            with pytest.raises(CallFailed) as caught:
                await client.invoke(REQUEST)
            assert caught.value.retry_after_s == 0.01
    assert seen == 1 + retries


async def test_a_lost_connection_may_be_retried_too() -> None:
    connections = 0

    async def play(end: Peer) -> None:
        nonlocal connections
        connections += 1
        call = await end.call()
        if connections > 1:
            await answer(end, call.stream_id)
            await trio.sleep_forever()

    async with peer(play) as target, connect(target, retries=1) as client:
        assert (await client.invoke(REQUEST)).content == "c"


async def test_what_was_delivered_is_never_asked_for_again() -> None:
    seen = 0

    async def play(end: Peer) -> None:
        nonlocal seen
        call = await end.call()
        seen += 1
        await end.say(call.stream_id, delta("a"))

    async with (
        peer(play) as target,
        connect(target, retries=5) as client,
        client.invoke_stream(REQUEST) as events,
    ):
        assert (await anext(events)).content == "a"
        with pytest.raises(CallFailed) as caught:
            await anext(events)
    assert caught.value.code is StatusCode.UNAVAILABLE
    assert seen == 1


async def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    async def play(end: Peer) -> None:
        while True:
            await refuse(end, (await end.call()).stream_id, after_s=0.9)

    async with peer(play) as target, connect(target, retries=5) as client:
        began = trio.current_time()
        with pytest.raises(CallFailed) as caught:
            await client.invoke(REQUEST, timeout_s=0.5)
        assert caught.value.code is StatusCode.UNAVAILABLE
        assert trio.current_time() - began < 0.4


# --- the decision -----------------------------------------------------------------


def decided(failure: CallFailed, tried: Tried = Tried(), **more: float) -> Again | None:  # noqa: B008
    known = {"retries": 3, "left_s": math.inf, "chance": 1.0, **more}
    return again(
        failure,
        tried,
        retries=int(known["retries"]),
        left_s=known["left_s"],
        chance=known["chance"],
    )


def test_pauses_grow_up_to_a_bound() -> None:
    pauses = [decided(UNAVAILABLE, Tried(asked=n), retries=100) for n in (0, 1, 2, 50)]
    assert [each.pause_s for each in pauses if each is not None] == [0.1, 0.2, 0.4, 5.0]


def test_chance_spreads_pauses_over_their_upper_half() -> None:
    low, high = decided(UNAVAILABLE, chance=0.0), decided(UNAVAILABLE, chance=1.0)
    assert low is not None
    assert high is not None
    assert (low.pause_s, high.pause_s) == (0.05, 0.1)


def test_the_servers_word_is_taken() -> None:
    told = CallFailed(StatusCode.UNAVAILABLE, "", retry_after_s=7.0)
    assert decided(told) == Again(7.0, Tried(asked=1))
    assert decided(told, left_s=7.0) is None


@pytest.mark.parametrize("code", [code for code in StatusCode if code.name != "UNAVAILABLE"])
def test_nothing_else_is_retried(code: StatusCode) -> None:
    assert decided(CallFailed(code, "", retry_after_s=0.0)) is None


def test_transparent_tries_are_counted_apart() -> None:
    refused = CallFailed(StatusCode.UNAVAILABLE, "", unprocessed=True)
    assert decided(refused, retries=0) == Again(0.0, Tried(transparent=1))
    assert decided(refused, Tried(transparent=3), retries=0) is None
    asked = decided(refused, Tried(transparent=3))
    assert asked is not None
    assert asked.tried == Tried(transparent=3, asked=1)


@pytest.mark.parametrize(
    ("outcomes", "retry_after_s", "sent"),
    [
        ([pb.ATTEMPT_OUTCOME_FAILED] * 3, None, False),
        ([pb.ATTEMPT_OUTCOME_SKIPPED_COOLDOWN, pb.ATTEMPT_OUTCOME_FAILED], None, False),
        ([pb.ATTEMPT_OUTCOME_SKIPPED_COOLDOWN], None, True),
        ([pb.ATTEMPT_OUTCOME_FAILED], 2.0, True),
    ],
)
def test_what_the_server_has_tried_itself_is_sent_again_only_where_it_says_when(
    outcomes: list[pb.AttemptOutcome], retry_after_s: float | None, sent: bool
) -> None:
    failure = CallFailed(
        StatusCode.UNAVAILABLE,
        "",
        retry_after_s=retry_after_s,
        attempts=tuple(pb.Attempt(outcome=each) for each in outcomes),
    )
    found = again(failure, Tried(), retries=5, left_s=math.inf, chance=0.5)
    assert (found is not None) is sent
