"""The embedded model's HTTP listener: an OpenAI-compatible upstream that nobody here wrote.

It also speaks `/v1/messages` (Anthropic) and `/v1/responses`. One load serves the whole test process, and the
tests of the adapter itself; two answers are made at once, further requests wait inside llama.cpp.
"""

import atexit
import functools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
import attrs

from adapters.local.config import LocalConfig
from adapters.local.llama import Llama, load_llama

MODEL = LocalConfig().model
_API_KEY = secrets.token_hex(16)


@attrs.frozen
class LlamaHttp:
    """Where it is.

    Attributes:
        base_url: As a `compatible` provider wants it, e.g. ``http://127.0.0.1:40213/v1``.
        api_key: The bearer token; any other gets status 401.
        model: Any name does; this is a fitting one.
    """

    base_url: str
    api_key: str
    model: str = MODEL


@functools.cache
def shared_llama() -> Llama:
    """Return the one loaded model of this process; loads it at the first call (0.5-1 s)."""
    # Closed before the interpreter is: its destructor then meets a living Python.
    atexit.register(shared_llama.cache_clear)
    return load_llama(LocalConfig(), api_key=_API_KEY, http_threads=8)


@asynccontextmanager
async def open_llama_http() -> AsyncIterator[LlamaHttp]:
    """Give the listener of the shared model; it stays open until the process ends."""
    llama = await anyio.to_thread.run_sync(shared_llama)
    yield LlamaHttp(f"{llama.listening_address}/v1", _API_KEY)
