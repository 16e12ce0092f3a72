"""Calls come in as their limits allow."""

from collections.abc import Callable, Sequence

import anyio
import attrs
import pytest
import trio
import trio.testing

from adapters.storage.memory_limiter import MemoryLimiter
from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.call import ChatCall
from domain.model.caller import Caller, CallerLimits
from domain.model.chat import Timeouts
from domain.model.errors import (
    ErrorReason,
    InvalidRequest,
    LimitExceeded,
    NotConfigured,
    ProviderFailure,
)
from domain.model.usage import Usage
from domain.policy.admission import LimitTable
from domain.policy.limits import Limit, LimitKind
from domain.services.admission import Admission, Admitted
from domain.services.settle import Settled
from ports.prices import Cost
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import ANSWER, STARTED, Upstream, ask, drain, question
from tests.support.core_prices import EVERYBODY, Everybody

BROKEN = ProviderFailure("gone", ErrorReason.PROVIDER_CONNECTION_FAILED)


@attrs.frozen
class PerToken:
    """A price list on which every token costs the same."""

    nano_usd: int | None = 1_000
    unprepared: Everybody = EVERYBODY

    async def prepare(self, provider: str, /) -> None:
        pass

    def cost(self, provider: str, model: str, usage: Usage, /) -> Cost | None:
        if self.nano_usd is None:
            return None
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        return Cost(tokens * self.nano_usd, "test")

    def bound_nano_usd(
        self, provider: str, model: str, input_tokens: int, output_tokens: int, /
    ) -> int | None:
        return None if self.nano_usd is None else (input_tokens + output_tokens) * self.nano_usd


@attrs.define
class Gate:
    """An admitted upstream, and what it wrote."""

    upstream: Upstream = attrs.field(factory=Upstream)
    table: LimitTable = LimitTable()
    prices: PerToken = PerToken()
    unpriced: bool = False
    limiter: MemoryLimiter = attrs.field(factory=MemoryLimiter)
    log: MemoryUsageLog = attrs.field(factory=MemoryUsageLog)

    async def ask(self, call: ChatCall) -> int:
        """Return how many events came."""
        admission = Admission(
            table=self.table,
            limiter=self.limiter,
            prices=self.prices,
            allow_unpriced=self.unpriced,
        )
        settled = Settled(self.upstream, "upstream", self.log)
        async with Admitted(settled, self.upstream, admission).stream(call) as events:
            return len(await drain(events))


def by(limits: CallerLimits, *, max_tokens: int | None = 10) -> ChatCall:
    request = attrs.evolve(question(model="model"), max_tokens=max_tokens)
    return attrs.evolve(ask(request), caller=Caller("alice", limits=limits))


async def test_a_call_without_limits_is_let_through(autojump_clock: trio.testing.MockClock) -> None:
    gate = Gate()
    assert await gate.ask(ask()) == len(ANSWER)
    assert not gate.limiter._plans.gates


LIMITED: Sequence[tuple[CallerLimits, ErrorReason]] = [
    (CallerLimits(requests_per_minute=1), ErrorReason.POLICY_RATE_LIMITED),
    (CallerLimits(tokens_per_minute=20), ErrorReason.POLICY_RATE_LIMITED),
]


@pytest.mark.parametrize(("limits", "reason"), LIMITED)
async def test_what_a_caller_may_use_a_minute_comes_back_with_time(
    autojump_clock: trio.testing.MockClock, limits: CallerLimits, reason: ErrorReason
) -> None:
    gate = Gate()
    await gate.ask(by(limits))
    impatient = by(limits)
    impatient = attrs.evolve(
        impatient, request=attrs.evolve(impatient.request, timeouts=Timeouts(max_queue_s=0))
    )
    with pytest.raises(LimitExceeded) as caught:
        await gate.ask(impatient)
    assert caught.value.reason is reason
    assert gate.upstream.opened == 1
    assert len(gate.log.records) == 1, "what was refused by us is no attempt"
    assert caught.value.retry_after_s is not None
    await anyio.sleep(caught.value.retry_after_s)
    await gate.ask(impatient)


async def test_a_call_counts_once_among_its_callers_requests_however_often_it_is_tried(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gate = Gate()
    call = by(CallerLimits(requests_per_minute=1, parallel_calls=1))
    began = trio.current_time()
    for _ in range(3):
        assert await gate.ask(call) == len(ANSWER)
    assert trio.current_time() == began
    with pytest.raises(LimitExceeded):
        await gate.ask(
            attrs.evolve(
                by(call.caller.limits),
                request=attrs.evolve(call.request, timeouts=Timeouts(max_queue_s=0)),
            )
        )


async def test_what_was_reserved_and_not_used_is_free_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    # The answer has 8 tokens; 100 and more are reserved each time.
    gate = Gate()
    limits = CallerLimits(tokens_per_minute=120)
    began = trio.current_time()
    await gate.ask(by(limits, max_tokens=100))
    assert trio.current_time() == began
    await gate.ask(by(limits, max_tokens=99))
    assert trio.current_time() == began


async def test_a_call_without_a_bound_of_its_own_reserves_no_more_than_there_can_be(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gate = Gate()
    assert await gate.ask(by(CallerLimits(tokens_per_minute=50), max_tokens=None)) == len(ANSWER)


async def test_how_long_a_call_waited_is_in_its_record(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gate = Gate(Upstream(steps=(STARTED, 4.0, *ANSWER[1:])))
    limits = CallerLimits(parallel_calls=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.ask, by(limits))
        await anyio.sleep(1)
        nursery.start_soon(gate.ask, by(limits))
    assert [each.attempt.queued_s for each in gate.log.records] == [0.0, pytest.approx(3)]


async def test_a_wait_ends_with_the_deadline_of_the_call(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gate = Gate(Upstream(steps=(STARTED, 100.0, *ANSWER[1:])))
    limits = CallerLimits(parallel_calls=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.ask, by(limits))
        await anyio.sleep(1)
        began = trio.current_time()
        with pytest.raises((LimitExceeded, TimeoutError)), anyio.fail_after(2):
            await gate.ask(by(limits))
        assert trio.current_time() - began == pytest.approx(2)
        nursery.cancel_scope.cancel()
    assert gate.upstream.opened == 1


async def test_a_budget_is_spent_by_what_calls_cost(autojump_clock: trio.testing.MockClock) -> None:
    gate = Gate()
    # Nothing here prices the answer, so nothing is spent; what is reserved must fit all the same.
    limits = CallerLimits(budget_nano_usd_per_day=5_000)
    with pytest.raises(LimitExceeded) as caught:
        await gate.ask(by(attrs.evolve(limits, budget_nano_usd_per_day=0)))
    assert caught.value.reason is ErrorReason.POLICY_BUDGET_EXCEEDED
    assert await gate.ask(by(limits)) == len(ANSWER)


async def test_a_model_without_a_price_needs_leave_where_there_is_a_budget(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = CallerLimits(budget_nano_usd_per_month=5_000)
    gate = Gate(prices=PerToken(None))
    with pytest.raises(LimitExceeded, match="upstream/model is not") as caught:
        await gate.ask(by(limits))
    assert not caught.value.retryable
    assert await Gate(prices=PerToken(None), unpriced=True).ask(by(limits)) == len(ANSWER)


async def test_providers_models_and_the_service_have_limits_of_their_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    kind = LimitKind.REQUESTS_PER_MINUTE
    tables = {
        "provider:upstream": LimitTable(
            providers={"upstream": [Limit("provider:upstream", kind, 1)]}
        ),
        "model:upstream/mod*": LimitTable(
            models={
                "upstream/mod*": [Limit("model:upstream/mod*", kind, 1)],
                "other/*": [Limit("model:other/*", kind, 0)],
            }
        ),
        "service": LimitTable(service=[Limit("service", kind, 1)]),
    }
    for subject, table in tables.items():
        gate = Gate(table=table)
        await gate.ask(ask())
        with pytest.raises(LimitExceeded) as caught:
            await gate.ask(ask())
        assert [each.subject for each in caught.value.violations] == [subject]


FAULTS: Sequence[tuple[Callable[[], Upstream], type[Exception]]] = [
    (lambda: Upstream(entry=(BROKEN,)), ProviderFailure),
    (lambda: Upstream(entry=(NotConfigured("no key"),)), NotConfigured),
    (lambda: Upstream(entry=(InvalidRequest(),)), InvalidRequest),
    (lambda: Upstream(steps=(STARTED, BROKEN)), ProviderFailure),
    (lambda: Upstream(steps=(STARTED, RuntimeError("a bug"))), RuntimeError),
    (lambda: Upstream(steps=(STARTED,)), ProviderFailure),
]


@pytest.mark.parametrize(
    ("upstream", "error"),
    FAULTS,
    ids=["entry", "no key", "nonsense", "broken", "bug", "cut"],
)
async def test_a_call_that_fails_gives_back_what_it_reserved(
    autojump_clock: trio.testing.MockClock,
    upstream: Callable[[], Upstream],
    error: type[Exception],
) -> None:
    gate = Gate(upstream())
    limits = CallerLimits(tokens_per_minute=40, parallel_calls=1)
    with pytest.raises(error):
        await gate.ask(by(limits))
    gate.upstream = Upstream()
    began = trio.current_time()
    assert await gate.ask(by(limits)) == len(ANSWER)
    assert trio.current_time() == began


def test_cancelled_at_any_await_a_call_leaves_nothing_reserved() -> None:
    async def scenario(cut: Cut) -> None:
        gate = Gate(Upstream(steps=(STARTED, 1.0, *ANSWER[1:])))
        limits = CallerLimits(tokens_per_minute=1_000, parallel_calls=1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gate.ask, by(limits))
            await trio.testing.wait_all_tasks_blocked()
            with cut.here():
                await gate.ask(by(limits))
        assert gate.upstream.opened == gate.upstream.closed == len(gate.log.records)
        assert all(
            (each.line, each.wanted, each.meter.reserved) == ([], 0, 0)
            for each in gate.limiter._plans.gates.values()
        )
        assert not any(plan.calls for _, plan in gate.limiter._plans.known.values())

    cancel_at_every_await(scenario, at_least=6)
