"""An answer that is slow to begin is asked for at another route too; the first content wins.

Laws: a call that is not hedged goes through as it is. Who loses is cancelled at once, and its attempt is
recorded as lost before the winner's answer goes on. There is no second request where the call may make no
more, where its route's budget is used up, where it would have to wait for a limit, or where nobody waits for
the answer any more. Of a race that nobody wins, the caller hears the more telling error. Tasks live only
while the block is entered.
"""

import sys
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import anyio
import attrs

from domain.groups import single_error_unwrapped
from domain.model.call import ChatCall, Delivery
from domain.model.errors import ChatError
from domain.model.events import CONTENT_EVENTS, ChatEvent, Finished
from domain.model.usage import AttemptOutcome
from domain.model.watch import Resort, ResortKind
from domain.policy.course import at, more_telling
from domain.policy.hedge import FirstContentTimes, HedgePolicy, hedge_after_s, second
from domain.policy.retry_budget import RetryBudget
from ports.chat_model import ChatModel

DECISIVE: Mapping[Delivery, frozenset[type]] = {
    Delivery.STREAMED: CONTENT_EVENTS | {Finished},
    # Nobody has seen anything of it before its end.
    Delivery.WHOLE: frozenset({Finished}),
}
"""Events that show that an attempt answers, by how the answer is delivered."""

_MAX_ROUTES = 1_024


@attrs.frozen(eq=False)
class Hedged:
    """A model that is asked twice where it is slow.

    Attributes:
        inner: Opens one attempt, at what the call's request names.
        policy: Where the call does not say.
        max_attempts: Requests that a call may make, where it does not say.
    """

    inner: ChatModel
    policy: HedgePolicy = HedgePolicy()
    max_attempts: int = 3
    _budgets: dict[str, RetryBudget] = attrs.field(factory=dict, init=False)
    _times: "OrderedDict[tuple[str, str], FirstContentTimes]" = attrs.field(
        factory=OrderedDict, init=False
    )

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            ChatError: On entry, if no route answers; else from a step of the one that did.
        """
        if self.policy.off and call.request.routing.hedge_after_s is None:
            return self.inner.stream(call)
        return _Race(self, call)

    def after_s(self, call: ChatCall) -> float | None:
        """Return how long `call` waits for content before a second route is asked; None: for ever."""
        request = call.request
        times = self._times.get((request.provider, request.model))
        return hedge_after_s(request.routing.hedge_after_s, self.policy, times)

    def took(self, call: ChatCall, took_s: float) -> None:
        """Take note of how long the route of `call` took, or was waited for."""
        route = call.request.provider, call.request.model
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = FirstContentTimes()
            if len(self._times) > _MAX_ROUTES:
                # Callers can make models up.
                self._times.popitem(last=False)
        times.add(took_s)

    def another(self, call: ChatCall, now_s: float) -> ChatCall | None:
        """Return `call` as it goes to a second route; None: it may not."""
        ledger, routing = call.ledger, call.request.routing
        made = sum(each.outcome is not AttemptOutcome.SKIPPED_COOLDOWN for each in ledger.attempts)
        most = routing.max_attempts or self.max_attempts
        # The first is on its way, and not in the ledger yet.
        if made + 2 > most or ledger.left is not None:
            return None
        target = second(call.plan)
        budget = self.budget_of(target.provider)
        if not budget.spend(now_s):
            return None
        going = at(call, target)
        request = going.request
        # It is of no use where it has to wait.
        timeouts = attrs.evolve(request.timeouts, max_queue_s=0.0)
        apart = attrs.evolve(ledger.apart(), counted=True)
        return attrs.evolve(going, request=attrs.evolve(request, timeouts=timeouts), ledger=apart)

    def budget_of(self, provider: str) -> RetryBudget:
        """Return what may be asked of `provider` twice."""
        found = self._budgets.get(provider)
        if found is None:
            found = self._budgets[provider] = RetryBudget.full(self.policy.budget)
        return found


@attrs.define(eq=False)
class _Race(AbstractAsyncContextManager[AsyncIterator[ChatEvent]], AsyncIterator[ChatEvent]):
    """One call: the block that it is, and the iterator of what its winner says."""

    _of: Hedged
    _call: ChatCall
    _runners: "list[_Runner]" = attrs.field(factory=list)
    _news: anyio.Event = attrs.field(factory=anyio.Event)
    _winner: "_Runner | None" = None

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        of, call = self._of, self._call
        of.budget_of(call.request.provider).earn()
        decided = False
        try:
            with single_error_unwrapped():
                async with anyio.create_task_group() as tasks:
                    start = tasks.start_soon
                    first = self._runner(attrs.evolve(call, ledger=call.ledger.apart()))
                    start(first.run)
                    with anyio.move_on_after(of.after_s(call)):
                        await self._decision()
                    if not first.over and (hedge := of.another(call, anyio.current_time())):
                        self._tell(hedge)
                        start(self._runner(hedge).run)
                    await self._decision()
                    self._end()
            winner = self._winner
            if winner is None:
                raise self._error()
            decided = True
        finally:
            call.ledger.counted = call.ledger.counted or self._runners[0].call.ledger.counted
            for each in self._runners:
                if not decided or each is not self._winner:
                    # An attempt's own block shields what it must.
                    await each.close(*sys.exc_info())  # noqa: ASYNC102
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        assert self._winner is not None, "left without having been entered"
        return await self._winner.close(kind, error, trace)  # noqa: ASYNC102 - as above

    def __anext__(self) -> Awaitable[ChatEvent]:
        winner = self._winner
        assert winner is not None, "read without having been entered"
        return self._given(winner) if winner.held else anext(winner.events)

    async def _given(self, winner: "_Runner") -> ChatEvent:
        event = winner.held.popleft()
        if type(event) is Finished:
            # It was said before the others had ended.
            return attrs.evolve(event, attempts=tuple(self._call.ledger.attempts))
        return event

    def _runner(self, call: ChatCall) -> "_Runner":
        runner = _Runner(self._of.inner, call, anyio.current_time(), self._hear)
        self._runners.append(runner)
        return runner

    def _hear(self) -> None:
        self._news.set()

    async def _decision(self) -> None:
        """Wait until somebody has won, or nobody can any more."""
        while not any(each.won for each in self._runners):
            if all(each.over for each in self._runners):
                return
            self._news = anyio.Event()
            await self._news.wait()

    def _end(self) -> None:
        """Declare the winner, and have all others end."""
        now_s = anyio.current_time()
        for each in self._runners:
            if each.won and self._winner is None:
                self._winner = each
            elif each.error is None:
                each.call.ledger.lost = True
                each.scope.cancel()
            if each.error is None:
                self._of.took(each.call, now_s - each.start_s)

    def _error(self) -> ChatError:
        first, *others = self._runners
        assert first.error is not None, "undecided"
        # That the second was not let in, whoever said so, is no news beside what became of the first.
        told = [each.error for each in others if each.error is not None and each.asked]
        return more_telling(first.error, told[0]) if told else first.error

    def _tell(self, hedge: ChatCall) -> None:
        watch = self._call.ledger.watch
        if watch is not None:
            request = hedge.request
            watch.resorted(
                Resort(
                    kind=ResortKind.HEDGE,
                    provider=request.provider,
                    model=request.model,
                    reason=None,
                    pause_s=0.0,
                )
            )


@attrs.define(eq=False)
class _Runner:
    """One attempt in a race: it is opened, and read up to what decides that it answers.

    Attributes:
        held: What it has said, and nobody has heard.
        over: Whether it is decided that it answers, or that it does not.
        won: Whether it answers.
        error: Why it does not.
    """

    _inner: ChatModel
    call: ChatCall
    start_s: float
    _tell: Callable[[], None]
    scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    events: AsyncIterator[ChatEvent] = attrs.field(init=False)
    held: deque[ChatEvent] = attrs.field(factory=deque)
    over: bool = False
    won: bool = False
    error: ChatError | None = None
    _open: AbstractAsyncContextManager[AsyncIterator[ChatEvent]] | None = None

    @property
    def asked(self) -> bool:
        """Whether its provider was, as far as is settled."""
        made = self.call.ledger.attempts
        return any(each.outcome is not AttemptOutcome.SKIPPED_COOLDOWN for each in made)

    async def run(self) -> None:
        """Run; what goes wrong with the attempt is kept, what is a bug comes out."""
        with self.scope:
            async with _Opening(self):
                opened = self._inner.stream(self.call)
                self.events = events = await opened.__aenter__()
                self._open = opened
                decisive = DECISIVE[self.call.delivery]
                # An iteration ends by an error, or after what decides.
                while type(event := await anext(events)) not in decisive:
                    self.held.append(event)
                self.held.append(event)
                self.won = True
        self.over = True
        self._tell()

    async def close(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Leave the attempt, if it is open."""
        opened, self._open = self._open, None
        return None if opened is None else await opened.__aexit__(kind, error, trace)


@attrs.frozen(eq=False)
class _Opening:
    """The block in which an attempt is opened: an error closes it and is kept."""

    _runner: _Runner

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            return False
        runner = self._runner
        # The attempt's own block shields what it must.
        await runner.close(kind, error, trace)  # noqa: ASYNC102
        if isinstance(error, ChatError):
            runner.error = error
        return runner.error is not None
