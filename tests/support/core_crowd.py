"""Schedules of calls over the composed core, and an eye on all that must hold while they are played."""

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext

import anyio
import attrs
import trio

from adapters.storage.memory_limiter import MemoryLimiter
from domain.model.call import ChatCall
from domain.model.caller import Caller, CallerLimits
from domain.model.chat import OnDisconnect, Timeouts
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, Finished
from domain.model.model_info import Feature, ModelInfo
from domain.model.usage import AttemptOutcome, Usage, UsageRecord
from domain.policy.admission import LimitTable
from domain.policy.drain import DrainBounds
from domain.policy.limits import SERVICE, Limit, LimitKind
from domain.policy.patience import Patience
from domain.services.admission import Admission, Admitted
from domain.services.deadline import Timed
from domain.services.drained import Drained
from domain.services.drains import Drains, open_drains
from domain.services.route import Routed
from domain.services.routes import Routes
from domain.services.service import Service
from domain.services.settle import Settled
from domain.services.stacked import Stacked
from ports.prices import Cost
from tests.support.core_cancel import Cut
from tests.support.core_limits import (
    assert_at_rest,
    assert_rate,
    assert_reasons_to_wait,
)
from tests.support.core_model import Step, Upstream, question
from tests.support.core_prices import EVERYBODY, Everybody

WALL_S = 1_795_374_000.0
OURS = CallerLimits(
    requests_per_minute=6, tokens_per_minute=100, parallel_calls=2, budget_nano_usd_per_day=600
)
CALLERS = (Caller("a", limits=OURS), Caller("b", limits=OURS), Caller("free"))
MODEL_PARALLEL, SERVICE_PARALLEL, MOST_DRAINED = 3, 4, 2
LOG_S = 1.5
"""Longer than a way out may be held up."""


@attrs.frozen(kw_only=True)
class Planned:
    """A call of a schedule.

    Attributes:
        entry: What happens before its answer is opened.
        steps: What its provider does.
        listens: Events that its caller takes before it does as `then` says.
        pause_s: Of the caller, after each event.
        deadline_s: From the call's start; infinite: none.
        cancel_s: When the caller cancels, from the call's start; infinite: never.
    """

    start_s: int
    caller: Caller
    drain: bool
    max_tokens: int
    entry: tuple[Step, ...]
    steps: tuple[Step, ...]
    listens: int
    then: type[Exception] | None
    pause_s: float
    queue_s: float
    deadline_s: float
    cancel_s: float
    log: type[Exception] | float


@attrs.frozen
class TokenPrices:
    """A token costs one."""

    unprepared: Everybody = EVERYBODY

    async def prepare(self, provider: str, /) -> None:
        """Know it already, after a moment."""
        await anyio.lowlevel.checkpoint()

    def cost(self, provider: str, model: str, usage: Usage, /) -> Cost | None:
        """Return it."""
        return Cost(tokens(usage), "1")

    def bound_nano_usd(
        self, provider: str, model: str, input_tokens: int, output_tokens: int, /
    ) -> int | None:
        """Return it."""
        return input_tokens + output_tokens


def tokens(usage: Usage) -> int:
    """Return all of `usage`."""
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


@attrs.define(eq=False)
class Crowd:
    """A provider, its log and its callers; sees to the laws while they are at it.

    Attributes:
        started: Request ids of the attempts that reached the provider.
        open_: Of those that are there now.
        records: All that the log was offered.
        heard: Request ids of those whose caller heard the end.
    """

    plans: Sequence[Planned]
    name: str = "upstream"
    books: MemoryLimiter = attrs.field(factory=lambda: MemoryLimiter(wall_clock=lambda: WALL_S))
    drains: Drains | None = None
    started: list[tuple[float, str]] = attrs.field(factory=list)
    open_: set[str] = attrs.field(factory=set)
    records: list[tuple[float, UsageRecord]] = attrs.field(factory=list)
    heard: set[str] = attrs.field(factory=set)

    # --- the provider -------------------------------------------------------------------------------------

    @asynccontextmanager
    async def stream(self, call: ChatCall, /) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        """Play what is planned for `call`."""
        plan = self._plan(call.request_id)
        self.started.append((trio.current_time(), call.request_id))
        self.open_.add(call.request_id)
        self._assert_within()
        try:
            async with Upstream(plan.steps, plan.entry).stream(call) as events:
                yield events
        finally:
            self.open_.remove(call.request_id)

    def models(self) -> Sequence[ModelInfo]:
        """Return none; it has them all."""
        return ()

    def info(self, model: str, /) -> ModelInfo:
        """Return what it takes."""
        return ModelInfo(provider=self.name, model=model, features=frozenset(Feature))

    def _plan(self, request_id: str) -> Planned:
        return self.plans[int(request_id)]

    def _assert_within(self) -> None:
        assert len(self.open_) <= MODEL_PARALLEL
        for caller in CALLERS:
            if caller.limits.parallel_calls is not None:
                mine = [each for each in self.open_ if self._plan(each).caller is caller]
                assert len(mine) <= caller.limits.parallel_calls
        assert self.drains is not None
        assert self.drains.draining <= MOST_DRAINED

    # --- the log ------------------------------------------------------------------------------------------

    def ready(self) -> None:
        """Take whatever comes."""

    @property
    def waits(self) -> bool:
        """See `ports.usage_log.UsageLog`."""
        return True

    async def append(self, record: UsageRecord, /) -> None:
        """Take `record`; then fail or hang, as planned."""
        self.records.append((trio.current_time(), record))
        trouble = self._plan(record.request_id).log
        if isinstance(trouble, type):
            raise trouble
        await anyio.sleep(trouble)

    # --- the callers --------------------------------------------------------------------------------------

    async def play(self, groups: Sequence[Sequence[int]], cut: Cut | None = None) -> None:
        """Have all calls made; those of a group share their fate, and the first may be cut."""
        bounds = DrainBounds(max_streams=MOST_DRAINED, max_s=40, max_bytes=30)
        async with open_drains(bounds, 1_000, _only_planned) as self.drains:
            service = self._service(self.drains)
            async with trio.open_nursery() as nursery:
                for number, group in enumerate(groups):
                    nursery.start_soon(self._group, service, group, cut if number == 0 else None)
        self._assert_over()

    def _service(self, drains: Drains) -> Service:
        parallel = LimitKind.PARALLEL_CALLS
        table = LimitTable(
            service=(Limit(SERVICE, parallel, SERVICE_PARALLEL),),
            models={"upstream/*": (Limit("model:upstream/*", parallel, MODEL_PARALLEL),)},
        )
        prices = TokenPrices()
        timed = Timed(self, Patience(first_token_s=25.0, idle_s=12.0))
        settled = Settled(timed, self.name, self, prices=prices)
        admission = Admission(table=table, limiter=self.books, prices=prices)
        providers = {self.name: Stacked(self, Admitted(settled, self, admission))}
        return Service(Routed(providers, Drained(Routes(providers), drains)))

    async def _group(self, service: Service, group: Sequence[int], cut: Cut | None) -> None:
        with nullcontext() if cut is None else cut.here():
            try:
                async with trio.open_nursery() as nursery:
                    for number in group:
                        nursery.start_soon(self._call, service, number)
            except* CrashError:
                pass

    async def _call(self, service: Service, number: int) -> None:
        plan = self.plans[number]
        await anyio.sleep(plan.start_s)
        request = attrs.evolve(
            question(model="upstream/model"),
            max_tokens=plan.max_tokens,
            on_disconnect=OnDisconnect.DRAIN if plan.drain else None,
            timeouts=Timeouts(max_queue_s=plan.queue_s),
        )
        call = ChatCall(request=request, caller=plan.caller, request_id=str(number))
        with anyio.move_on_after(plan.deadline_s), trio.CancelScope() as scope:
            # Not a deadline: nobody below is to know.
            async with trio.open_nursery() as nursery:
                if math.isfinite(plan.cancel_s):
                    nursery.start_soon(_cancel_after, plan.cancel_s, scope)
                with _RaisedByProvider():
                    await self._listen(service, call, plan)
                nursery.cancel_scope.cancel()
        assert_reasons_to_wait(self.books, WALL_S)

    async def _listen(self, service: Service, call: ChatCall, plan: Planned) -> None:
        taken = 0
        async with service.stream(call) as events:
            async for event in events:
                taken += 1
                if isinstance(event, Finished):
                    self.heard.add(call.request_id)
                elif taken >= plan.listens:
                    if plan.then is not None:
                        raise plan.then
                    return
                await anyio.sleep(plan.pause_s)

    # --- in the end ---------------------------------------------------------------------------------------

    def _assert_over(self) -> None:
        assert not self.open_
        begun = sorted(number for _, number in self.started)
        assert begun == sorted(record.request_id for _, record in self.records)
        assert_at_rest(self.books)
        for caller in CALLERS:
            if caller.limits is OURS:
                self._assert_rates(caller)
        for _, record in self.records:
            attempt = record.attempt
            assert attempt.index == 0
            if record.request_id in self.heard:
                assert attempt.outcome is AttemptOutcome.SERVED
            if attempt.outcome is AttemptOutcome.DRAINED:
                assert self._plan(record.request_id).drain

    def _assert_rates(self, caller: Caller) -> None:
        starts = [at for at, number in self.started if self._plan(number).caller is caller]
        assert_rate([(at_s, 1) for at_s in starts], OURS.requests_per_minute or 0)
        mine = [
            (at, tokens(each.attempt.usage))
            for at, each in self.records
            if each.caller == caller.name
        ]
        assert_rate(mine, OURS.tokens_per_minute or 0)
        assert sum(size for _, size in mine) <= (OURS.budget_nano_usd_per_day or 0)


class CrashError(Exception):
    """A bug in a caller."""


class _RaisedByProvider:
    """Takes what a call may well end with."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, ChatError | ValueError)


async def _cancel_after(delay_s: float, scope: trio.CancelScope) -> None:
    await trio.sleep(delay_s)
    scope.cancel()


def _only_planned(error: Exception) -> None:
    assert isinstance(error, ValueError)
