"""Laws of the slots: who gets one, who waits, and when one is free again."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.local.generation import Generation
from adapters.local.provider import Local
from adapters.local.threads import poster
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.events import Started, TextDelta
from domain.model.json_value import JsonObject
from tests.support.local_fake import Held, call, progress, text
from tests.support.local_open import happened, opened


async def ask(  # noqa: ASYNC114 - started in this file only
    local: Local,
    name: str,
    served: list[str],
    scope: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Hold a call open until `scope` is cancelled; `served` tells when it got its slot."""
    with scope:
        task_status.started()
        async with local.stream(call()):
            served.append(name)
            await trio.sleep_forever()


async def leave(held: Held, scope: trio.CancelScope) -> None:
    """End a call, and then let its thread come to notice it."""
    scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    held.step()


async def test_leaving_returns_at_once_and_the_slot_is_free_when_the_thread_notices() -> None:
    held = Held()
    async with opened(held, slots=1) as local:
        block = local.stream(call())
        events = await block.__aenter__()
        assert isinstance(await anext(events), Started)
        # The thread is now stuck where llama.cpp calls nobody back.
        with trio.testing.assert_no_checkpoints():
            await block.__aexit__(None, None, None)
        assert local.engine.free_slots == 0
        held.step()
        await happened(held.noticed)
        await local.engine.quiet()
        assert local.engine.free_slots == 1


async def test_a_cancelled_reader_leaves_at_once_too() -> None:
    held = Held()
    async with opened(held, slots=1) as local:
        with trio.CancelScope() as scope:
            async with local.stream(call()) as events:
                await anext(events)
                await anext(events)
                scope.cancel()
                await anext(events)
        assert scope.cancelled_caught
        assert local.engine.free_slots == 0
        held.step()


async def test_calls_wait_for_a_slot_and_get_it_in_the_order_they_came() -> None:
    held, served = Held(), list[str]()
    scopes = {name: trio.CancelScope() for name in "abcd"}
    async with opened(held, slots=1) as local, trio.open_nursery() as callers:
        for name, scope in scopes.items():
            await callers.start(ask, local, name, served, scope)
            await trio.testing.wait_all_tasks_blocked()
        for name, scope in scopes.items():
            await happened(held.begun)
            await trio.testing.wait_all_tasks_blocked()
            assert served[-1] == name
            await leave(held, scope)
    assert served == list("abcd")


async def test_a_call_that_gives_up_waiting_loses_its_place_and_holds_nothing() -> None:
    held, served = Held(), list[str]()
    scopes = {name: trio.CancelScope() for name in "abc"}
    async with opened(held, slots=1) as local, trio.open_nursery() as callers:
        for name, scope in scopes.items():
            await callers.start(ask, local, name, served, scope)
            await trio.testing.wait_all_tasks_blocked()
        await happened(held.begun)
        scopes["b"].cancel()
        await leave(held, scopes["a"])
        await happened(held.begun)
        await trio.testing.wait_all_tasks_blocked()
        assert served == ["a", "c"]
        await leave(held, scopes["c"])
        await local.engine.quiet()
        assert local.engine.free_slots == 1


async def test_a_slow_reader_holds_no_slot_and_misses_nothing() -> None:
    complete = threading.Semaphore(0)

    def script(_: JsonObject, callback: Callable[[Any], bool]) -> object:
        callback(progress())
        assert not any(callback(text("x")) for _ in range(2000))
        complete.release()
        return None

    async with opened(script, slots=1) as local, local.stream(call()) as events:
        await happened(complete)
        await local.engine.quiet()
        assert local.engine.free_slots == 1
        await anext(events)
        await anext(events)
        assert await anext(events) == TextDelta("x" * 2000)


async def test_cancelling_gets_through_to_an_answer_that_nobody_reads() -> None:
    held = Held()
    async with opened(held, slots=1) as local:
        async with local.stream(call()):
            await happened(held.begun)
            held.run_free()
        await happened(held.noticed)
        await local.engine.quiet()
        assert local.engine.free_slots == 1


def test_a_loop_that_has_ended_stops_its_answers() -> None:
    said: list[bool] = []

    def ask(callback: Callable[[Any], bool]) -> object:
        said.append(callback(progress()))
        return None

    def refused(problem: str) -> ChatError:
        return ProviderFailure(problem, ErrorReason.PROVIDER_REJECTED_REQUEST)

    async def main() -> Generation:  # noqa: ASYNC124 - it must run in a loop
        return Generation(ask, refused, poster())

    trio.run(main).run()
    assert said == [True]


@settings(max_examples=30)
@given(
    slots=st.integers(1, 3),
    order=st.permutations(range(7)),
    steps=st.lists(st.integers(1, 3), min_size=7, max_size=7),
)
async def test_cancels_in_any_order_leave_every_slot_free(
    slots: int, order: Sequence[int], steps: Sequence[int]
) -> None:
    held = Held()
    scopes = [trio.CancelScope() for _ in order]
    async with opened(held, slots=slots) as local:
        async with trio.open_nursery() as callers:
            for scope in scopes:
                await callers.start(ask, local, "", [], scope)
            for index, count in zip(order, steps, strict=True):
                held.step(count)
                scopes[index].cancel()
        held.run_free()
        await local.engine.quiet()
        assert local.engine.free_slots == slots
