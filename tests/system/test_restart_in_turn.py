"""Servers that share a port are replaced one after the other while clients call without pause.

Processes and signals, as an operator has them: the new one is started, and once it serves, an old one is told
to go. What a server has taken on it finishes; what none has is UNAVAILABLE, and succeeds when sent again.
"""

import json
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import anyio
import attrs
import grpc
import pytest

from entrypoints.client.client import connect
from tests.support.cli_runs import Running, serving
from tests.support.system_gateway import ask, stub

CONFIG = """
[account]
database = "memory"

[local]
enabled = false

[grpc]
reuse_port = true

[providers.demo]
kind = "scripted"

[providers.demo.models]
quick = [{ say = "Hello" }]
paced = [{ say = "one" }, { wait_s = 0.2 }, { say = " two" }, { wait_s = 0.2 }, { say = " three" }]
"""
RETRYING = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


@attrs.define
class Callers:
    """Clients that call until they are told to stop; each returns how often it has.

    What a stream that has begun does not finish was taken on by a server: that is never tried again here.
    """

    address: str
    over: threading.Event = attrs.field(factory=threading.Event)

    def on_one_channel(self) -> int:
        """Grpcio, that tries again by itself."""
        done = 0
        with stub(self.address, options=[("grpc.service_config", RETRYING)]) as channel:
            while not self.over.is_set():
                model = ("quick", "paced")[done % 2]
                text = "".join(
                    each.content for each in channel.stream(ask("demo", model), timeout=20)
                )
                assert text in {"Hello", "one two three"}
                done += 1
        return done

    def on_new_channels(self) -> int:
        """Grpcio, with a connection for every call, so that many are made while a server closes its door."""
        done = 0
        while not self.over.is_set():
            for attempt in range(8):
                try:
                    with stub(self.address) as channel:
                        assert channel.invoke(ask("demo", "quick"), timeout=20).content == "Hello"
                    break
                except grpc.RpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                    time.sleep(0.02 * 2**attempt)
            else:
                raise AssertionError("unavailable, however often it was asked for")
            done += 1
        return done

    def of_our_own(self) -> int:
        """The client of this project."""

        async def call() -> int:
            done = 0
            async with connect(self.address, retries=4) as client:
                while not self.over.is_set():
                    async with client.invoke_stream(ask("demo", "paced"), timeout_s=20) as events:
                        text = "".join([each.content async for each in events])
                    assert text == "one two three"
                    done += 1
            return done

        return anyio.run(call)


@pytest.mark.skipif(sys.platform != "linux", reason="ports are shared among listeners on Linux")
def test_a_restart_in_turn_loses_no_call_that_was_taken_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        number = iter(range(10))

        def start(*words: str) -> Running:
            folder = tmp_path / str(next(number))
            folder.mkdir()
            return stack.enter_context(serving(folder, CONFIG, *words))

        first = start()
        port = first.address.rpartition(":")[2]
        second = start(f"--port={port}")
        callers = Callers(first.address)
        kinds = [callers.on_one_channel] * 4 + [callers.on_new_channels] * 2
        with ThreadPoolExecutor(len(kinds) + 1) as threads:
            ends: list[Future[int]] = [
                threads.submit(each) for each in (*kinds, callers.of_our_own)
            ]
            try:
                third = start(f"--port={port}")
                assert [first.stop(), second.stop()] == [0, 0]
            finally:
                callers.over.set()
            done = [each.result() for each in ends]
        assert third.stop() == 0
        lines = [
            json.loads(line) for each in (first, second, third) for line in each.log().splitlines()
        ]
    calls = [line for line in lines if line["message"] == "call"]
    assert min(done) > 3
    assert len(calls) >= sum(done)
    assert {line["code"] for line in calls} == {"OK"}
    assert {line["level"] for line in lines} == {"INFO"}
    assert [line["cut"] for line in lines if line["message"] == "stopped"] == [0, 0, 0]
