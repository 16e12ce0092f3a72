"""Thousands of mixed calls, a fifth of them cut short; then nothing may be left and nothing missing.

    just bench soak [CALLS] [--connections N] [--seed N] [--engine nghttp2|h2]

Google's asyncio client calls a real server in a process of its own. Whole answers, streams, silent providers
and failing ones; a tenth of the calls is cancelled, a tenth has a deadline it cannot keep.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import grpc
import grpc.aio

from entrypoints.grpc.pb import llm_service_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
TASKS = 64
WARM = 1_000
GROWTH = 0.05
PATIENCE_S = 20.0
ENDINGS = frozenset({"OK", "CANCELLED", "DEADLINE_EXCEEDED", "INVALID_ARGUMENT"})


@attrs.frozen
class Planned:
    """One call.

    Attributes:
        cancel_s: When it is cancelled, in seconds; ``None``: it is not.
        deadline_s: When its own time ends.
    """

    model: str
    whole: bool
    cancel_s: float | None = None
    deadline_s: float = 30.0


def plan(calls: int, seed: int) -> list[Planned]:
    """Return the calls to be made; the same for the same seed."""
    chance = random.Random(seed)
    planned: list[Planned] = []
    for _ in range(calls):
        draw = chance.random()
        whole = chance.random() < 0.3
        if draw < 0.1:
            model = chance.choice(("burst", "paced", "silent"))
            planned.append(Planned(model, whole, cancel_s=chance.uniform(0, 0.03)))
        elif draw < 0.2:
            model = chance.choice(("paced", "silent"))
            planned.append(Planned(model, whole, deadline_s=chance.uniform(0.001, 0.03)))
        elif draw < 0.25:
            planned.append(Planned("refusing", whole))
        else:
            planned.append(Planned(chance.choice(("burst", "paced")), whole))
    return planned


@attrs.frozen
class Server:
    """A running server."""

    address: str
    _process: "subprocess.Popen[str]"

    def told(self) -> dict[str, int]:
        """Return what it holds now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._process.stdout.readline())
        return found

    def at_rest(self, before: Mapping[str, int]) -> dict[str, int]:
        """Return what it holds once its last call has ended, and its connections are closed."""
        end = time.monotonic() + PATIENCE_S
        while True:
            found = self.told()
            left = any(found[name] > before[name] for name in ("files", "tasks"))
            if time.monotonic() > end or not (left or found["starts"] != found["ends"]):
                return found
            time.sleep(0.05)


@contextmanager
def running(engine: str) -> Iterator[Server]:
    """Have a server run while the block does."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.soak_server", engine],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            yield Server(process.stdout.readline().strip(), process)
        finally:
            process.kill()


async def crowd(address: str, calls: Sequence[Planned], connections: int) -> Counter[str]:
    """Make `calls`, many at once; return how often each ending came."""
    left = iter(calls)
    endings: Counter[str] = Counter()
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(connections)]

    async def work(channel: grpc.aio.Channel) -> None:
        for each in left:
            endings[await _ended(channel, each)] += 1

    await asyncio.gather(*(work(channels[n % connections]) for n in range(TASKS)))
    for channel in channels:
        await channel.close()
    return endings


async def _ended(channel: grpc.aio.Channel, asked: Planned) -> str:
    request = pb.LLMRequest(
        provider="play",
        model=asked.model,
        messages=[pb.ChatMessage(role="user", content="hello")],
    )
    service, out = "/llmservice.v1.LLMService/", pb.LLMRequest.SerializeToString
    call: Any
    if asked.whole:
        method: Any = channel.unary_unary(service + "Invoke", out, pb.LLMResponse.FromString)
    else:
        method = channel.unary_stream(
            service + "InvokeStream", out, pb.LLMStreamResponse.FromString
        )
    call = method(request, timeout=asked.deadline_s)
    if asked.cancel_s is not None:
        asyncio.get_running_loop().call_later(asked.cancel_s, call.cancel)
    try:
        if asked.whole:
            await call
        else:
            types = [event.type async for event in call]
            if types[-1:] != [pb.STREAM_EVENT_TYPE_FINISH]:
                return "OK without FINISH"
    except asyncio.CancelledError:  # noqa: ASYNC103 - the call was cancelled, not the task
        if not call.cancelled():
            raise
    except grpc.aio.AioRpcError as error:
        code = error.code().name
        return code if code in ENDINGS else f"{code}: {error.details()}"
    return "OK" if not call.cancelled() else "CANCELLED"


def soak(calls: int, connections: int, seed: int, engine: str) -> dict[str, Any]:
    """Make the calls; return the figures, and in ``wrong`` what is not as it must be."""
    planned = plan(calls, seed)
    with running(engine) as server:
        before = server.told()
        began = time.perf_counter()
        endings = asyncio.run(crowd(server.address, planned[:WARM], connections))
        warm = server.at_rest(before)
        endings += asyncio.run(crowd(server.address, planned[WARM:], connections))
        took_s = time.perf_counter() - began
        after = server.at_rest(before)
    return {
        "calls": calls,
        "seconds": round(took_s, 1),
        "endings": dict(endings),
        "before": before,
        "warm": warm,
        "after": after,
        "wrong": list(_wrong(calls, endings, before, warm, after)),
    }


def _wrong(
    calls: int,
    endings: Mapping[str, int],
    before: Mapping[str, int],
    warm: Mapping[str, int],
    after: Mapping[str, int],
) -> Iterator[str]:
    if sum(endings.values()) != calls:
        yield f"{calls} calls had {sum(endings.values())} endings"
    for ending in endings.keys() - ENDINGS:
        yield f"{endings[ending]} calls ended with {ending}"
    if after["starts"] != after["ends"]:
        yield f"{after['starts']} calls began and {after['ends']} ended"
    if after["records"] != after["starts"]:
        yield f"{after['starts']} calls left {after['records']} usage records"
    for name in ("tasks", "files"):
        if after[name] > before[name]:
            yield f"{after[name] - before[name]} {name} are left"
    if after["rss"] > warm["rss"] * (1 + GROWTH):
        yield f"memory grew from {warm['rss']:,} to {after['rss']:,} bytes"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="?", type=int, default=5_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("nghttp2", "h2"), default="nghttp2")
    asked = parser.parse_args()
    found = soak(asked.calls, asked.connections, asked.seed, asked.engine)
    print(json.dumps(found, indent=1))
    sys.exit(bool(found["wrong"]))
