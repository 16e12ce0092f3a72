"""Two providers on real sockets race for an answer: who loses is hung up on at once, and recorded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
from google.protobuf.duration_pb2 import Duration

from domain.model.usage import AttemptOutcome
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.http_peer import request_on
from tests.support.scripted_upstream import open_upstream
from tests.support.speaker import Said
from tests.support.speakers import SPEAKERS
from tests.support.system_gateway import ask, in_thread, open_gateway, refusal, stub
from tests.support.system_stream import checked

HELLO = Said("Hello, from the second")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


@attrs.define
class Silent:
    """A provider that accepts, and says nothing.

    Attributes:
        hung_up: Set when whoever asked is gone.
    """

    url: str
    hung_up: trio.Event = attrs.field(factory=trio.Event)


@asynccontextmanager
async def silent() -> AsyncIterator[Silent]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    host, port = listener.socket.getsockname()
    provider = Silent(f"http://{host}:{port}")

    async def serve(stream: trio.SocketStream) -> None:
        assert await request_on(stream) is not None
        await stream.send_all(HEAD)
        assert await stream.receive_some() == b""
        provider.hung_up.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, serve, [listener])
        yield provider
        nursery.cancel_scope.cancel()


def hedged(after_s: float) -> pb.RoutingPolicy:
    fallbacks = [pb.Target(provider="b", model="m")]
    after = Duration()
    after.FromNanoseconds(round(after_s * 1e9))
    return pb.RoutingPolicy(fallbacks=fallbacks, hedge_after=after)


async def test_the_loser_is_hung_up_on_and_both_have_their_record() -> None:
    speaker = SPEAKERS["compatible"]
    async with silent() as slow, open_upstream(partial(speaker.answer, HELLO)) as quick:
        providers = {
            name: {"kind": "compatible", "base_url": f"{url}/v1", "models": ["m"]}
            for name, url in {"a": slow.url, "b": quick.url}.items()
        }
        settings = {"local": {"enabled": False}, "providers": providers}
        async with open_gateway(settings) as gateway:

            def work() -> list[pb.LLMStreamResponse]:
                with stub(gateway.address) as client:
                    return list(client.stream(ask("a", "m", routing=hedged(0.05)), timeout=20))

            events = await in_thread(work)
            with trio.fail_after(1):
                await slow.hung_up.wait()
        checked(events)
        assert "".join(each.content for each in events) == HELLO.text
        assert [(each.provider, each.outcome) for each in events[-1].finish.attempts] == [
            ("a", pb.ATTEMPT_OUTCOME_HEDGE_LOST),
            ("b", pb.ATTEMPT_OUTCOME_SERVED),
        ]
        assert [each.attempt.outcome for each in gateway.log.records] == [
            AttemptOutcome.HEDGE_LOST,
            AttemptOutcome.SERVED,
        ]


@pytest.mark.parametrize("after_s", [-1.0, 100_000.0])
async def test_a_time_that_makes_no_sense_is_refused_by_name(after_s: float) -> None:
    models = {"m": [{"say": "x"}]}
    providers = {name: {"kind": "scripted", "models": models} for name in ("a", "b")}
    async with open_gateway({"local": {"enabled": False}, "providers": providers}) as gateway:

        def work() -> dict[str, str]:
            with stub(gateway.address) as client:
                asked = ask("a", "m", routing=hedged(after_s))
                return dict(refusal(lambda: client.invoke(asked, timeout=20)).fields)

        assert list(await in_thread(work)) == ["routing.hedge_after"]
