"""A connection that died without a word."""

from typing import Any

import pytest
import trio

from entrypoints.client.client import connect
from entrypoints.client.errors import CallFailed, StatusCode
from entrypoints.client.limits import Limits
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.transport.messages import frame_message
from tests.support.client_peer import OK, RESPONSE, Peer, peer

pytestmark = pytest.mark.usefixtures("both_engines")
REQUEST = pb.LLMRequest(model="m")
WHOLE = frame_message(pb.LLMResponse(content="c").SerializeToString())
LIMITS = Limits(keepalive_s=0.05, keepalive_timeout_s=0.1)


async def test_a_server_that_is_gone_is_noticed() -> None:
    async def play(end: Peer) -> None:
        await end.call()
        # It neither reads nor leaves: its machine has lost its power.
        await trio.sleep_forever()

    with trio.fail_after(15):
        async with peer(play) as target, connect(target, limits=LIMITS) as client:
            with pytest.raises(CallFailed, match="no sign of life") as caught:
                await client.invoke(REQUEST)
    assert caught.value.code is StatusCode.UNAVAILABLE


async def test_a_server_that_thinks_is_let_think() -> None:
    async def play(end: Peer) -> None:
        call = await end.call()
        with trio.move_on_after(0.5):
            # Reads, and so answers each PING, and says nothing else.
            await end.call()
        end.engine.respond(call.stream_id, RESPONSE)
        end.engine.send(call.stream_id, WHOLE)
        end.engine.trailers(call.stream_id, OK)
        await end.flush()
        await trio.sleep_forever()

    with trio.fail_after(15):
        async with peer(play) as target, connect(target, limits=LIMITS) as client:
            assert (await client.invoke(REQUEST)).content == "c"


async def test_nobody_is_asked_while_nothing_is_owed() -> None:
    received = 0

    async def play(end: Peer) -> None:
        nonlocal received
        await end.flush()
        while data := await end.stream.receive_some(65536):
            received += len(data)

    async with peer(play) as target, connect(target, limits=LIMITS):
        await trio.sleep(0.02)
        greeting = received
        await trio.sleep(0.3)
        assert received == greeting


@pytest.mark.parametrize("name", ["keepalive_s", "keepalive_timeout_s", "connect_s"])
def test_times_are_positive(name: str) -> None:
    wrong: dict[str, Any] = {name: 0.0}
    with pytest.raises(ValueError, match=name):
        Limits(**wrong)
