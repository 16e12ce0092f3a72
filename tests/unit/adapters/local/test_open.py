"""Laws of loading and closing the embedded model."""

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from adapters.local.config import Load, LocalConfig
from adapters.local.engine import CLOSE_S, Loaded, Loading
from adapters.local.llama import Llama
from adapters.local.provider import open_local
from domain.model.errors import ChatError, ErrorReason, NotConfigured, ProviderFailure
from domain.model.events import ChatEvent, Finished
from domain.model.json_value import JsonObject
from tests.support.local_fake import GIVE_UP_S, FakeLlama, Held, answer, call, plays, text
from tests.support.local_open import happened, opened, read

EAGER = LocalConfig(load=Load.EAGER)


class SlowLoader:
    """Loads when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.loads = 0

    def __call__(self, _: LocalConfig) -> Llama:
        self.loads += 1
        self.begun.release()
        assert self.go.acquire(timeout=GIVE_UP_S)
        return FakeLlama(plays(answer("a")))


async def test_nothing_is_loaded_before_the_first_call() -> None:
    loads: list[LocalConfig] = []

    def loader(config: LocalConfig) -> Llama:
        loads.append(config)
        return FakeLlama(plays(answer("a")))

    async with open_local(loader=loader) as local:
        assert local.models()
        assert loads == []
        await read(local)
        await read(local)
    assert len(loads) == 1


async def test_eager_means_before_the_block() -> None:
    loader = SlowLoader()
    loader.go.release()
    async with open_local(EAGER, loader=loader):
        assert loader.loads == 1


async def test_first_calls_share_one_load_and_one_that_gives_up_does_not_end_it() -> None:
    loader, answers = SlowLoader(), list[list[ChatEvent]]()

    async def ask() -> None:
        answers.append(await read(local))

    async with open_local(loader=loader) as local, trio.open_nursery() as callers:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as first:
                first.start_soon(ask)
                await happened(loader.begun)
                scope.cancel()
        callers.start_soon(ask)
        callers.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        loader.go.release()
    assert loader.loads == 1
    assert [type(events[-1]) for events in answers] == [Finished, Finished]


async def test_a_load_that_fails_is_told_and_tried_again_by_the_next_call() -> None:
    results: list[ChatError | FakeLlama] = [
        NotConfigured("install it"),
        FakeLlama(plays(answer("a"))),
    ]

    def loader(_: LocalConfig) -> Llama:
        result = results.pop(0)
        if isinstance(result, ChatError):
            raise result
        return result

    async with open_local(loader=loader) as local:
        with pytest.raises(NotConfigured, match="install it"):
            await read(local)
        assert local.engine.free_slots == 2
        assert isinstance((await read(local))[-1], Finished)


async def test_eager_tells_on_entry_what_is_missing() -> None:
    def loader(_: LocalConfig) -> Llama:
        raise NotConfigured("install it")

    with pytest.raises(NotConfigured, match="install it"):
        async with open_local(EAGER, loader=loader):
            raise AssertionError("it is not there")


async def test_progress_is_told_before_and_after() -> None:
    told: list[Loading | Loaded] = []
    loader = SlowLoader()
    loader.go.release()
    async with open_local(EAGER, loader=loader, progress=told.append):
        pass
    assert [type(each) for each in told] == [Loading, Loaded]


async def test_closing_ends_every_answer_with_an_error_and_drops_the_model() -> None:
    held = Held()
    llama = FakeLlama(held)
    gone = weakref.ref(llama)
    models = [llama]
    del llama
    reading = trio.Event()

    async def reader() -> None:
        async with local.stream(call()) as events:
            await anext(events)
            reading.set()
            with pytest.raises(ProviderFailure) as caught:
                async for _ in events:
                    pass
        assert caught.value.reason is ErrorReason.PROVIDER_STREAM_TRUNCATED

    async with trio.open_nursery() as callers:
        async with open_local(loader=lambda _: models.pop()) as local:
            callers.start_soon(reader)
            await reading.wait()
            held.run_free()
        gc.collect()
        assert gone() is None


async def test_closing_waits_for_a_stuck_thread_only_so_long(
    autojump_clock: trio.testing.MockClock,
) -> None:
    go, ended = threading.Event(), threading.Semaphore(0)

    def script(_: JsonObject, callback: Callable[[Any], bool]) -> object:
        assert go.wait(GIVE_UP_S)
        assert callback(text("x"))
        ended.release()
        return None

    async with opened(script) as local:
        async with local.stream(call()):
            pass
        before_s = trio.current_time()
    assert trio.current_time() - before_s == CLOSE_S
    go.set()
    assert ended.acquire(timeout=GIVE_UP_S)


async def test_a_load_that_outlives_its_provider_is_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    loader = SlowLoader()
    async with open_local(loader=loader) as local:
        with trio.move_on_after(1):
            await read(local)
    loader.go.release()


async def test_all_that_wait_for_quiet_hear_of_it() -> None:
    held = Held()
    async with opened(held) as local:
        async with local.stream(call()) as events:
            await anext(events)
        async with trio.open_nursery() as waiting:
            for _ in range(3):
                waiting.start_soon(local.engine.quiet)
            await trio.testing.wait_all_tasks_blocked()
            held.step()


async def test_a_closed_provider_refuses() -> None:
    async with opened(plays(answer("a"))) as local:
        pass
    with pytest.raises(ChatError) as caught:
        await read(local)
    assert caught.value.reason is ErrorReason.SERVICE_DRAINING


async def test_a_call_that_waits_for_a_slot_is_refused_when_the_provider_closes() -> None:
    held, refused = Held(), list[ErrorReason]()

    async def wait() -> None:
        try:
            await read(local)
        except ChatError as error:
            refused.append(error.reason)

    async with (
        trio.open_nursery() as callers,
        opened(held, slots=1) as local,
        local.stream(call()) as events,
    ):
        await anext(events)
        callers.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        held.run_free()
        local.engine.stop()
    assert refused == [ErrorReason.SERVICE_DRAINING]
