"""Laws of how the real embedded model is left: cancelled, shared, closed and ended with its program."""

import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from adapters.local.config import LocalConfig
from adapters.local.engine import CLOSE_S
from adapters.local.llama import load_llama
from adapters.local.presence import BUNDLED_SHA256, missing
from adapters.local.provider import Local, open_local
from domain.model.errors import ChatError, ErrorReason
from domain.model.events import Finished, Started, TextDelta
from tests.support.local_fake import call
from tests.support.local_llama_http import shared_llama
from tests.support.local_open import read

CONFIG = LocalConfig()
pytestmark = pytest.mark.skipif(missing(CONFIG) is not None, reason=missing(CONFIG) or "")

GENEROUS_S = 0.5
"""What must happen at once happens within this, on a busy machine."""

ENDLESS: dict[str, Any] = {"max_tokens": 1500, "provider_options": {"local": {"ignore_eos": True}}}


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    await trio.to_thread.run_sync(shared_llama)
    async with open_local(CONFIG, loader=lambda _: shared_llama()) as provider:
        yield provider


async def test_leaving_returns_at_once_and_frees_the_slot_within_a_token(local: Local) -> None:
    async with local.stream(call(**ENDLESS)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
        left_s = time.monotonic()
    back_s = time.monotonic() - left_s
    await local.engine.quiet()
    free_s = time.monotonic() - left_s
    assert back_s < GENEROUS_S
    assert free_s < GENEROUS_S
    assert local.engine.free_slots == CONFIG.slots


async def test_leaving_while_the_prompt_is_read_frees_the_slot_within_a_batch(local: Local) -> None:
    async with local.stream(call(content="alpha beta gamma " * 400)) as events:
        assert isinstance(await anext(events), Started)
        left_s = time.monotonic()
    assert time.monotonic() - left_s < GENEROUS_S
    await local.engine.quiet()
    # The whole prompt takes 4-9 s.
    assert time.monotonic() - left_s < 3.0


async def test_answers_share_the_model_and_one_more_waits(local: Local) -> None:
    send, began = trio.open_memory_channel[int](3)
    scopes = [trio.CancelScope() for _ in range(3)]

    async def ask(index: int) -> None:
        with scopes[index]:
            async with local.stream(call(**ENDLESS)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        await send.send(index)
                        break
                await trio.sleep_forever()

    async with trio.open_nursery() as callers:
        for index in range(3):
            callers.start_soon(ask, index)
        with trio.fail_after(20):
            two = {await began.receive(), await began.receive()}
            assert local.engine.free_slots == 0
            scopes[two.pop()].cancel()
            assert await began.receive() not in two
        callers.cancel_scope.cancel()
    await local.engine.quiet()
    assert local.engine.free_slots == CONFIG.slots


async def test_leaving_at_any_point_leaves_every_slot_free(local: Local) -> None:
    async def ask(steps: int) -> None:
        async with local.stream(call(f"{steps} times " * 10, **ENDLESS)) as events:
            for _ in range(steps):
                await anext(events)

    async with trio.open_nursery() as callers:
        for steps in (3, 0, 7, 1, 2, 5, 0, 4, 1, 9, 2, 3):
            callers.start_soon(ask, steps)
    await local.engine.quiet()
    assert local.engine.free_slots == CONFIG.slots
    assert isinstance((await read(local, max_tokens=2))[-1], Finished)


async def test_an_answer_that_nobody_reads_is_made_and_frees_its_slot(local: Local) -> None:
    async with local.stream(call(max_tokens=16, temperature=0)) as events:
        await local.engine.quiet()
        assert local.engine.free_slots == CONFIG.slots
        everything = [event async for event in events]
    # Started, what the prompt cost, all the text in one piece, Finished.
    assert len(everything) == 4


async def test_closing_ends_an_answer_and_the_listener() -> None:
    config = LocalConfig(context_tokens=1024, slots=1, sha256=BUNDLED_SHA256)
    llamas = [await trio.to_thread.run_sync(load_llama, config)]
    address = llamas[0].listening_address
    reading, ended = trio.Event(), list[ErrorReason]()

    async def reader(provider: Local) -> None:
        try:
            async with provider.stream(call(**ENDLESS)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        reading.set()
        except ChatError as error:
            ended.append(error.reason)

    async with trio.open_nursery() as callers:
        async with open_local(config, loader=lambda _: llamas.pop()) as provider:
            # Whoever reads on while the provider closes is what is looked at here.
            callers.start_soon(reader, provider)  # noqa: ASYNC111
            await reading.wait()
            begin_s = time.monotonic()
        assert time.monotonic() - begin_s < CLOSE_S
    assert ended == [ErrorReason.PROVIDER_STREAM_TRUNCATED]
    with pytest.raises(urllib.error.URLError, match="refused"):
        await trio.to_thread.run_sync(urllib.request.urlopen, f"{address}/health")


PROGRAM = """
import sys, trio
from adapters.local.provider import open_local
from domain.model.errors import InvalidRequest
from tests.support.local_fake import call

async def main():
    assert "xllamacpp" not in sys.modules
    async with open_local() as local:
        async with local.stream(call(max_tokens=1500)) as events:
            for _ in range(4):
                await anext(events)
        try:
            async with local.stream(call(content="word " * 3000)) as events:
                await anext(events)
        except InvalidRequest:
            print("refused")
        async with local.stream(call(max_tokens=1500)) as events:
            await anext(events)
            if sys.argv[1] == "interrupted":
                raise KeyboardInterrupt

try:
    trio.run(main)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("how", "out"), [("ended", "refused\n"), ("interrupted", "refused\ninterrupted\n")]
)
async def test_a_program_ends_cleanly_and_llama_prints_nothing(how: str, out: str) -> None:
    done = await trio.run_process(
        [sys.executable, "-c", PROGRAM, how],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, out, "")
