"""The driver and its transport run wherever AnyIO does, since programs that embed the service choose their
loop."""

import anyio
import anyio.abc
import pytest

from adapters.http.transport.opening import open_transport
from domain.model.chat import Timeouts
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import Finished
from tests.support.http_calls import HELLO, call
from tests.support.http_peer import CHUNKED, LAST, drained, model_over, piece


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_calls_are_answered_kept_timed_and_cancelled_on_either_loop(loop: str) -> None:
    anyio.run(_play, backend=loop)


async def _play() -> None:
    accepted = 0

    async def serve(stream: anyio.abc.SocketStream) -> None:
        nonlocal accepted
        accepted += 1
        async with stream:
            for _ in range(2):
                await stream.receive()
                await stream.send(CHUNKED + piece(HELLO) + LAST)
            await stream.receive()
            await stream.send(CHUNKED)
            await anyio.sleep(60)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        async with open_transport() as transport:
            model = model_over(transport, f"http://127.0.0.1:{port}/v1")
            for _ in range(2):
                assert isinstance((await drained(model, call()))[-1], Finished)
            with pytest.raises(ProviderFailure) as caught:
                await drained(model, call(timeouts=Timeouts(first_token_s=0.05)))
            assert caught.value.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
            assert accepted == 1
            for _ in range(2):
                assert isinstance((await drained(model, call()))[-1], Finished)
            with anyio.move_on_after(0.05) as scope:
                await drained(model, call())
            assert scope.cancelled_caught
        tasks.cancel_scope.cancel()
