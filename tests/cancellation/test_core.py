"""The core, cancelled at every await: everything is given back and settled before control returns."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import anyio
import anyio.lowlevel
import attrs
import pytest

from domain.model.call import ChatCall
from domain.model.chat import UnsupportedParams
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import ChatEvent, TextDelta
from domain.model.model_info import Feature
from domain.model.usage import AttemptOutcome
from domain.policy.patience import Patience
from domain.services.deadline import Timed
from domain.services.fan_out import fan_out
from domain.services.route import Routed
from domain.services.service import Service
from domain.services.settle import Settled
from domain.services.stacked import Stacked
from ports.chat_model import ChatModel
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import (
    ANSWER,
    FINISHED,
    STARTED,
    SlowLog,
    Step,
    Upstream,
    ask,
    drain,
    question,
)

SLOW: tuple[Step, ...] = (1.0, STARTED, 1.0, TextDelta("a"), 1.0, TextDelta("b"), 1.0, FINISHED)
ENDINGS = frozenset({AttemptOutcome.SERVED, AttemptOutcome.CANCELLED})


@attrs.define(eq=False)
class World:
    """An accounted upstream that takes its time with everything."""

    upstream: Upstream = attrs.field(
        factory=lambda: Upstream(steps=SLOW, entry=(0.5, 0.5), close_s=0.25)
    )
    log: SlowLog = attrs.field(factory=lambda: SlowLog(takes_s=0.5))

    @property
    def settled(self) -> Settled:
        return Settled(Timed(self.upstream, Patience()), "upstream", self.log)

    def check(self, call: ChatCall, cut: Cut) -> None:
        """Assert what must hold when the block was left, by whatever way."""
        assert self.upstream.closed == self.upstream.opened
        assert len(self.log.begun) == self.upstream.opened
        assert self.log.records == self.log.begun
        assert [record.attempt for record in self.log.records] == call.ledger.attempts
        assert {each.outcome for each in call.ledger.attempts} <= ENDINGS
        if not cut.done:
            assert [each.outcome for each in call.ledger.attempts] == [AttemptOutcome.SERVED]


def test_a_settled_call_leaves_one_record_wherever_it_is_cancelled() -> None:
    async def scenario(cut: Cut) -> None:
        world, call, passed = World(), ask(), []
        with cut.here():
            async with world.settled.stream(call) as events:
                async for event in events:
                    passed.append(event)
                    await anyio.sleep(0.1)
        world.check(call, cut)
        served = any(each.outcome is AttemptOutcome.SERVED for each in call.ledger.attempts)
        assert served is (len(passed) == len(ANSWER))

    cancel_at_every_await(scenario, at_least=20)


def test_a_call_through_the_whole_service_leaves_one_record_wherever_it_is_cancelled() -> None:
    async def scenario(cut: Cut) -> None:
        world = World()
        world.upstream.features = frozenset(Feature) - {Feature.TOP_K}
        provider = Stacked(world.upstream, world.settled)
        request = attrs.evolve(
            question(), top_k=3, unsupported_params=UnsupportedParams.WARN_AND_DROP
        )
        call = ask(request)
        with cut.here():
            response = await Service(Routed({"upstream": provider})).answer(call)
            assert response.content == "ab"
            assert [each.code for each in response.warnings] == ["PARAM_DROPPED"]
        world.check(call, cut)

    cancel_at_every_await(scenario, at_least=20)


def test_answers_side_by_side_are_all_closed_and_settled_wherever_they_are_cancelled() -> None:
    async def scenario(cut: Cut) -> None:
        world = World()
        calls = [ask(request_id=str(index)) for index in range(3)]
        with cut.here():
            async with fan_out(world.settled, calls) as parts:
                seen = [part async for part in parts]
            assert len(seen) == 3 * len(ANSWER)
        assert world.upstream.closed == world.upstream.opened
        assert len(world.log.records) == len(world.log.begun) == world.upstream.opened
        assert sum(len(call.ledger.attempts) for call in calls) == world.upstream.opened
        if not cut.done:
            assert world.upstream.opened == 3

    cancel_at_every_await(scenario, at_least=60)


def test_a_failing_answer_among_several_harms_nothing_wherever_they_are_cancelled() -> None:
    @attrs.define
    class Uneven:
        good: ChatModel
        bad: ChatModel

        def stream(
            self, call: ChatCall, /
        ) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
            return (self.bad if call.request_id == "1" else self.good).stream(call)

    async def scenario(cut: Cut) -> None:
        good, bad = World(), World()
        bad.upstream.steps = (
            STARTED,
            2.0,
            ProviderFailure("broken", ErrorReason.PROVIDER_SERVER_ERROR),
        )
        calls = [ask(request_id=str(index)) for index in range(3)]
        failed = False
        with cut.here():
            try:
                async with fan_out(Uneven(good.settled, bad.settled), calls) as parts:
                    async for _ in parts:
                        pass
            except ProviderFailure:
                failed = True
        assert failed or cut.done
        for world in (good, bad):
            assert world.upstream.closed == world.upstream.opened
            assert len(world.log.records) == world.upstream.opened

    cancel_at_every_await(scenario, at_least=40)


def test_a_consumer_that_leaves_early_is_settled_wherever_it_is_cancelled() -> None:
    async def scenario(cut: Cut) -> None:
        world, call = World(), ask()
        with cut.here():
            async with world.settled.stream(call) as events:
                await anext(events)
        assert world.upstream.closed == world.upstream.opened
        assert [each.outcome for each in call.ledger.attempts] == [
            AttemptOutcome.CANCELLED
        ] * world.upstream.opened

    cancel_at_every_await(scenario, at_least=8)


def test_an_impatient_call_is_cancelled_or_timed_out_but_never_both() -> None:
    async def scenario(cut: Cut) -> None:
        world, call, timed_out = World(), ask(), False
        model = Settled(Timed(world.upstream, Patience(first_token_s=1.5)), "upstream", world.log)
        with cut.here() as scope:
            try:
                async with model.stream(call) as events:
                    await drain(events)
            except ProviderFailure as error:
                timed_out = error.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
                assert timed_out
        assert world.upstream.closed == world.upstream.opened
        assert len(world.log.records) == world.upstream.opened
        outcomes = [each.outcome for each in call.ledger.attempts]
        if timed_out:
            assert outcomes == [AttemptOutcome.TIMED_OUT_FIRST_TOKEN]
        else:
            assert scope.cancelled_caught
            assert outcomes == [AttemptOutcome.CANCELLED] * world.upstream.opened

    cancel_at_every_await(scenario, at_least=6)


# ------------------------------------------------------------------ the harness itself


def test_the_harness_finds_a_leak_at_a_single_await() -> None:
    async def leaky(cut: Cut) -> None:
        held: list[str] = []
        with cut.here():
            await anyio.lowlevel.checkpoint()
            held.append("a")
            await anyio.lowlevel.checkpoint()  # cancelled here, it is never given back
            held.pop()
            await anyio.lowlevel.checkpoint()
        assert held == []

    with pytest.raises(AssertionError) as caught:
        cancel_at_every_await(leaky, at_least=1)
    assert caught.value.__notes__ == ["cancelled at step 2, asleep"]


def test_the_harness_finds_a_scenario_that_does_nothing() -> None:
    async def idle(cut: Cut) -> None:
        with cut.here():
            await anyio.lowlevel.checkpoint()

    with pytest.raises(AssertionError, match="only 2 steps"):
        cancel_at_every_await(idle, at_least=3)
