"""A whole gateway as a process that tells on request what it holds; see `tests.benchmarks.soak`.

usage: python -m tests.support.soak_server ENGINE; prints its address, then a line of JSON for each line read
"""

import gc
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import attrs
import trio
from loguru import logger

from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.storage.memory_usage_query import MemoryUsageQuery
from domain.model.call import ChatCall
from domain.model.events import ChatEvent
from domain.model.response import ChatResponse
from domain.model.usage import UsageRecord
from domain.services.service import Service
from entrypoints.account import Account
from entrypoints.compose import open_service
from entrypoints.grpc.serve import serve_grpc
from entrypoints.settings.loading import structure

MODELS = {
    "burst": [{"chunks": {"count": 40, "text": "x "}}],
    "paced": [{"chunks": {"count": 10, "every_s": 0.002, "text": "x "}}],
    "silent": [{"say": "x"}, {"wait_s": 60.0}, {"say": "x"}],
    "refusing": [{"say": "x"}, {"fail": {"reason": "PROVIDER_REJECTED_REQUEST"}}],
}
_PAGE = os.sysconf("SC_PAGE_SIZE")


@attrs.define
class CountingLog:
    """An account of nothing but its length."""

    records: int = 0

    def ready(self) -> None:
        """There is always room for one more."""

    @property
    def waits(self) -> bool:
        """See `ports.usage_log.UsageLog`."""
        return True

    async def append(self, record: UsageRecord, /) -> None:
        self.records += 1


@attrs.define
class Counting:
    """A service that knows how many calls began and how many ended."""

    service: Service
    starts: int = 0
    ends: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.service, name)

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        return self._counted(call)

    @asynccontextmanager
    async def _counted(self, call: ChatCall) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        self.starts += 1
        try:
            async with self.service.stream(call) as events:
                yield events
        finally:
            self.ends += 1

    async def answer(self, call: ChatCall, /) -> ChatResponse:
        self.starts += 1
        try:
            return await self.service.answer(call)
        finally:
            self.ends += 1


def _held(counting: Counting, log: CountingLog) -> dict[str, int]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "starts": counting.starts,
        "ends": counting.ends,
        "records": log.records,
        "tasks": trio.lowlevel.current_statistics().tasks_living,
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "rss": pages * _PAGE,
    }


async def main(engine: str) -> None:
    logger.remove()
    settings = structure(
        {
            "grpc": {"port": 0, "http2_engine": engine},
            "local": {"enabled": False},
            "providers": {"play": {"kind": "scripted", "models": MODELS}},
        }
    )
    log = CountingLog()
    async with (
        open_service(
            settings, environment={}, account=Account(log, MemoryUsageQuery(MemoryUsageLog()))
        ) as service,
        trio.open_nursery() as nursery,
    ):
        counting = Counting(service)
        address = await nursery.start(serve_grpc, cast("Service", counting), settings.grpc)
        print(address, flush=True)
        async for _ in trio.lowlevel.FdStream(os.dup(0)):
            print(json.dumps(_held(counting, log)), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
