"""What a call was is free when it is over, and not when the collector comes by: it comes seldom."""

import gc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.telemetry.console.registry import Flight
from domain.model.call import ChatCall, Ledger
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.watching import WatchedCall
from tests.support.console import open_watched
from tests.support.system_gateway import ask, in_thread, stub

SETTINGS: dict[str, Any] = {
    "providers": {
        "demo": {"kind": "scripted", "models": {"short": [{"say": "one two three four"}]}}
    }
}
CALLS = 20
OF_CALLS = (ServerCall, WatchedCall, Flight, ChatCall, Ledger)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Have nothing collected while the test runs."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def kept() -> Counter[str]:
    found = (type(each) for each in gc.get_objects())
    return Counter(each.__name__ for each in found if each in OF_CALLS)


@pytest.mark.usefixtures("no_collector")
async def test_a_call_leaves_nothing_for_the_collector_with_everything_watched() -> None:
    async with open_watched(SETTINGS) as watched:

        def calls() -> None:
            with stub(watched.address) as client:
                for _ in range(CALLS):
                    assert client.invoke(ask("demo", "short"), timeout=30).content
                    assert list(client.stream(ask("demo", "short"), timeout=30))

        before = kept()
        await in_thread(calls)
        # The very last one may still be on its way out.
        most = kept() - before
        assert all(count <= 1 for count in most.values()), most
