"""A call leaves nothing to the garbage collector, whose pauses all other calls would pay for."""

import gc
from collections import Counter
from collections.abc import Mapping

from adapters.telemetry.console.registry import Registry
from adapters.telemetry.prometheus.metrics import Metrics
from domain.services.watching import together
from tests.support.scripted_upstream import Asked, json_answer, open_upstream, sse_answer
from tests.support.system_gateway import Stub, ask, in_thread, open_gateway, stub

OURS = ("domain.", "adapters.", "entrypoints.")
CALLS = 5
SAID = {"role": "assistant", "content": "Hello"}
WHOLE = {"id": "c-1", "model": "m", "choices": [{"message": SAID, "finish_reason": "stop"}]}
STREAM = (
    b'data: {"id":"c-1","model":"m","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
    b'data: {"id":"c-1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


def answer(asked: Asked) -> bytes:
    return sse_answer(STREAM) if asked.body.get("stream") else json_answer(WHOLE)


def play(server: Stub) -> None:
    for _ in range(CALLS):
        assert server.invoke(ask("far", "m")).content == "Hello"
        assert "".join(each.content for each in server.stream(ask("far", "m"))) == "Hello"


def left_over() -> Mapping[str, int]:
    """Return how many values of ours only the garbage collector could free, by their kind."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        kinds = (type(each) for each in gc.garbage)
        return Counter(each.__qualname__ for each in kinds if each.__module__.startswith(OURS))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


async def test_calls_that_are_watched_leave_nothing_to_the_garbage_collector() -> None:
    watching = together([Metrics(), Registry()])
    async with open_upstream(answer) as upstream:
        far = {"kind": "compatible", "models": ["m"], "base_url": f"{upstream.url}/v1"}
        settings = {"local": {"enabled": False}, "providers": {"far": far}}
        async with open_gateway(settings, telemetry=watching) as gateway:
            with stub(gateway.address) as server:
                await in_thread(play, server)
                gc.collect()
                gc.disable()
                try:
                    await in_thread(play, server)
                    assert left_over() == {}
                finally:
                    gc.enable()
