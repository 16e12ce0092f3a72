"""Opens the embedded model's provider around a scripted llama.cpp, and waits for what its threads do."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from adapters.local.config import LocalConfig
from adapters.local.provider import Local, open_local
from domain.model.events import ChatEvent
from tests.support.local_fake import GIVE_UP_S, FakeLlama, Script, call


@asynccontextmanager
async def opened(script: Script, **config: Any) -> AsyncIterator[Local]:
    """Open the provider with a model that plays `script` for every call."""
    async with open_local(LocalConfig(**config), loader=lambda _: FakeLlama(script)) as local:
        yield local


async def happened(semaphore: threading.Semaphore) -> None:
    """Wait until another thread has released `semaphore`."""
    assert await trio.to_thread.run_sync(partial(semaphore.acquire, timeout=GIVE_UP_S))


async def read(local: Local, **request: Any) -> list[ChatEvent]:
    """Read one answer to its end."""
    async with local.stream(call(**request)) as events:
        return [event async for event in events]
