"""The room in which shared answers are played."""

import gc
import weakref
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest
import trio
import trio.testing

from domain.model.call import Ledger
from domain.model.errors import ServiceFailure
from domain.model.events import ChatEvent
from domain.policy.replay_buffer import ReplayBuffer
from domain.services.broadcast import Broadcast
from domain.services.hearing import Hearing
from domain.services.stage import IDLE, Stage, open_stage
from tests.support.core_model import ANSWER, Step, Upstream, ask, drain

WHOSE: ContextVar[str] = ContextVar("WHOSE", default="nobody's")


def answer(*steps: Step) -> Broadcast:
    return Broadcast(Upstream(steps=steps or ANSWER), ask(), ReplayBuffer(10_000), [])


async def heard(stage: Stage, played: Broadcast) -> list[ChatEvent]:
    stage.play(played)
    async with Hearing(played, Ledger(), {}) as events:
        return await drain(events)


def never(error: Exception) -> None:
    raise error


async def test_a_task_plays_one_answer_after_another() -> None:
    tasks: set[int] = set()

    def note() -> None:
        tasks.add(id(trio.lowlevel.current_task()))

    async with open_stage(never) as stage:
        for _ in range(5):
            assert await heard(stage, answer(note, *ANSWER)) == list(ANSWER)
    assert len(tasks) == 1


async def test_a_task_that_waits_keeps_nothing_of_what_it_played() -> None:
    async with open_stage(never) as stage:
        played = answer()
        seen = weakref.ref(played)
        await heard(stage, played)
        await anyio.lowlevel.checkpoint()
        del played
        gc.collect()
        assert seen() is None


async def test_only_so_many_tasks_wait() -> None:
    async with open_stage(never) as stage:
        async with trio.open_nursery() as nursery:
            for _ in range(IDLE + 10):
                nursery.start_soon(heard, stage, answer(0.0, *ANSWER))
        await anyio.lowlevel.checkpoint()
        assert len(stage._idle) == IDLE


async def test_an_answer_is_in_nobodys_context() -> None:
    found: list[str] = []
    async with open_stage(never) as stage:
        WHOSE.set("the caller's")
        for _ in range(2):
            await heard(stage, answer(lambda: found.append(WHOSE.get()), *ANSWER))
    assert found == ["nobody's"] * 2


async def test_what_comes_when_the_stage_is_left_is_told_so() -> None:
    async with open_stage(never) as stage:
        await heard(stage, answer())
        assert len(stage._idle) == 1
    assert stage._idle == []
    with pytest.raises(RuntimeError):
        stage.play(answer())


async def test_what_is_still_played_when_the_stage_is_left_is_told_that_the_service_goes_away() -> (
    None
):
    async def listen(stage: Stage) -> None:
        with pytest.raises(ServiceFailure, match="going away"):
            await heard(stage, answer(60.0))

    async with trio.open_nursery() as nursery, open_stage(never) as stage:
        await heard(stage, answer())
        nursery.start_soon(listen, stage)  # noqa: ASYNC111 - it is to be left
        await trio.testing.wait_all_tasks_blocked()
