"""The clients that `tests.benchmarks.http` compares: one process each, which asks what it is told to.

usage: python -m tests.benchmarks.http_clients NAME; reads lines of JSON (URL, streamed, calls at once,
seconds) and answers each with one: calls made, seconds, processor seconds. Runs where only the client that it
is about is installed.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import Any, TypeAlias

Once: TypeAlias = Callable[[], Awaitable[None]]
Opened: TypeAlias = Callable[[str, bool], AbstractAsyncContextManager[Once]]
"""Opens a client; what it gives makes one call, and understands its answer."""
PROMPT = "Tell me something about the weather in the mountains, and keep it short."


def body(streamed: bool) -> dict[str, Any]:
    """Return what is asked."""
    asked: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": 256,
    }
    return asked | ({"stream": True} if streamed else {})


class Clock:
    """Measures a crowd of tasks that each call `once` again and again."""

    def __init__(self, once: Once, seconds: float) -> None:
        self._once, self._seconds = once, seconds
        self._end = 0.0
        self.calls = 0

    async def warm(self) -> None:
        """Make one call that does not count."""
        await self._once()

    async def work(self) -> None:
        """Call until the time is up."""
        while time.perf_counter() < self._end:
            await self._once()
            self.calls += 1

    def start(self) -> None:
        """Begin to measure."""
        self._began, self._cpu = time.perf_counter(), time.process_time()
        self._end = self._began + self._seconds

    def found(self) -> dict[str, float]:
        """Return what was measured."""
        took_s = time.perf_counter() - self._began
        return {"calls": self.calls, "s": took_s, "cpu_s": time.process_time() - self._cpu}


async def on_trio(
    opened: Opened, url: str, streamed: bool, at_once: int, seconds: float
) -> dict[str, float]:
    """Ask with a client that runs on trio."""
    trio = import_module("trio")
    async with opened(url, streamed) as once:
        clock = Clock(once, seconds)
        for work in (clock.warm, clock.work):
            clock.start()
            async with trio.open_nursery() as nursery:
                for _ in range(at_once):
                    nursery.start_soon(work)
        return clock.found()


async def on_asyncio(
    opened: Opened, url: str, streamed: bool, at_once: int, seconds: float
) -> dict[str, float]:
    """Ask with a client that runs on asyncio."""
    async with opened(url, streamed) as once:
        clock = Clock(once, seconds)
        for work in (clock.warm, clock.work):
            clock.start()
            await asyncio.gather(*(work() for _ in range(at_once)))
        return clock.found()


@asynccontextmanager
async def ours(url: str, streamed: bool) -> AsyncIterator[Once]:
    """Open our driver over our transport."""
    driver = import_module("tests.benchmarks.http_driver")
    async with driver.opened(url, streamed) as once:
        yield once


@asynccontextmanager
async def httpx_as_it_comes(url: str, streamed: bool) -> AsyncIterator[Once]:
    """Open httpx's client, on trio."""
    httpx: Any = import_module("httpx")
    asked = body(streamed)
    url += "/chat/completions"

    async def whole() -> None:
        answer = await client.post(url, json=asked)
        answer.json()["choices"][0]["message"]["content"]

    async def stream() -> None:
        async with client.stream("POST", url, json=asked) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    json.loads(line[6:])

    async with httpx.AsyncClient(
        timeout=60, limits=httpx.Limits(max_connections=None), trust_env=False
    ) as client:
        yield stream if streamed else whole


@asynccontextmanager
async def aiohttp_as_it_comes(url: str, streamed: bool) -> AsyncIterator[Once]:
    """Open aiohttp's client, on asyncio."""
    aiohttp: Any = import_module("aiohttp")
    asked = body(streamed)
    url += "/chat/completions"

    async def whole() -> None:
        async with client.post(url, json=asked) as answer:
            (await answer.json())["choices"][0]["message"]["content"]

    async def stream() -> None:
        async with client.post(url, json=asked) as answer:
            async for line in answer.content:
                if line.startswith(b"data: {"):
                    json.loads(line[6:])

    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=aiohttp.TCPConnector(limit=0)
    ) as client:
        yield stream if streamed else whole


def main(name: str) -> None:
    """Ask what stdin says."""
    for line in sys.stdin:
        found = CLIENTS[name](*json.loads(line))
        print(json.dumps(found), flush=True)


def _trio(opened: Opened) -> Callable[..., dict[str, float]]:
    return lambda *asked: import_module("trio").run(on_trio, opened, *asked)


CLIENTS: dict[str, Callable[..., dict[str, float]]] = {
    "ours": _trio(ours),
    "httpx": _trio(httpx_as_it_comes),
    "aiohttp": lambda *asked: asyncio.run(on_asyncio(aiohttp_as_it_comes, *asked)),
}

if __name__ == "__main__":
    main(sys.argv[1])
