"""A call goes from attempt to attempt until one of them answers: retries and fallbacks are one loop.

Laws: what is said of an attempt before its first content is held back, so that nobody sees one that failed;
once content was delivered there is no other attempt, unless the call wants its answer to begin anew. One
deadline bounds all of it: a wait that does not fit is not begun, and the caller is told now. A wait holds
nothing. Where nothing can be tried again, the call is handed on as it is. Decisions are those of
`domain.policy.course`.
"""

import math
import random
import sys
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType

import anyio
import anyio.lowlevel
import attrs

from domain.model.call import ChatCall
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, Finished, RouteChanged, Started
from domain.model.routing import MidStream
from domain.model.target import Target
from domain.model.usage import Attempt, AttemptOutcome
from domain.policy.course import Course, at, resort
from domain.policy.retry import RetryPolicy, remedy
from domain.policy.retry_budget import BudgetPolicy, RetryBudget
from domain.services.hedged import DECISIVE
from domain.services.replay import Replay
from ports.chat_model import ChatModel

_SKIPPED = AttemptOutcome.SKIPPED_COOLDOWN


def _full(retried: "Retried") -> Mapping[str, RetryBudget]:
    return defaultdict(partial(RetryBudget.full, retried.budget))


@attrs.frozen(eq=False)
class Retried:
    """A model that is asked again, here or elsewhere, while that can help.

    Attributes:
        inner: Opens one attempt, at what the call's request names.
        policy: Where the call does not say.
        budget: What part of each provider's traffic may be repetition.
        chance: Gives numbers in [0, 1).
        budgets: By provider.
    """

    inner: ChatModel
    policy: RetryPolicy = RetryPolicy()
    budget: BudgetPolicy = BudgetPolicy()
    chance: Callable[[], float] = random.random
    budgets: Mapping[str, RetryBudget] = attrs.field(
        init=False, default=attrs.Factory(_full, takes_self=True)
    )

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            ChatError: On entry, if no attempt answers; else from a step of the one that did.
        """
        most = call.request.routing.max_attempts or self.policy.max_attempts
        if most == 1 and len(call.plan) < 2:
            return self.inner.stream(call)
        self.budgets[call.request.provider].earn()
        # Before a provider is asked: an answer that may outlast its caller has none afterwards. Of others it
        # is asked when they have failed, for it is dear.
        lasts = call.ledger.asked is not None
        return _Answer(self, call, most, anyio.current_effective_deadline() if lasts else math.inf)

    def resends(self, call: ChatCall) -> bool:
        """Return whether what a provider has accepted of `call` may be sent again."""
        asked = call.request.routing.retry_after_accept
        return self.policy.accepted if asked is None else asked

    def course(self, call: ChatCall, most: int) -> Course:
        """Return the beginning of the way of `call`."""
        return Course.of(
            self.policy,
            call.plan,
            most=most,
            budget_of=self.budgets.__getitem__,
            chance=self.chance(),
        )


@attrs.define(eq=False)
class _Answer(AsyncIterator[ChatEvent]):
    """One call: the block that it is, and the iterator of what it says.

    Attributes:
        _failure: Why the latest attempt was not the one, if there was any.
    """

    _of: Retried
    _call: ChatCall
    _most: int
    _deadline_s: float
    _failure: "_Failure | None" = None
    _course: Course | None = None
    _open: AbstractAsyncContextManager[AsyncIterator[ChatEvent]] | None = None
    _events: AsyncIterator[ChatEvent] = attrs.field(init=False)
    _held: deque[ChatEvent] = attrs.field(factory=deque)
    _entered: int = 0

    # --- the block ----------------------------------------------------------------------------------------

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        """Open attempts until one answers, read it up to what decides that it does, and hold that.

        In one function, for a call that waits comes back through every one that waits for it.
        """
        held, decisive, decided = self._held, DECISIVE[self._call.delivery], False
        while not decided:
            if self._failure is not None:
                await self._move_on(self._failure)
            try:
                opened = self._of.inner.stream(self._call)
                self._events = events = await opened.__aenter__()
                self._open = opened
                async for event in events:
                    held.append(event)
                    if type(event) in decisive:
                        break
                decided = True
            except ChatError as error:
                begun = any(type(each) is Started for each in held)
                self._failure = _Failure(error, begun)
                held.clear()
                await self.__aexit__(type(error), error, error.__traceback__)
            finally:
                if not decided:
                    # Nothing is open any more but where it was cancelled, or broke.
                    await self.__aexit__(*sys.exc_info())  # noqa: ASYNC102 - as `async with`
        if held and type(held[-1]) is Finished:
            # Nothing follows, and nothing can break off any more.
            return Replay(held)
        restarts = self._call.request.routing.mid_stream is MidStream.RESTART_WITH_MARKER
        return _Restarting(self) if restarts else self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Leave the attempt that is open, if there is one."""
        opened, self._open = self._open, None
        # The attempt's own block shields what it must.
        return None if opened is None else await opened.__aexit__(kind, error, trace)  # noqa: ASYNC102

    # --- the iterator -------------------------------------------------------------------------------------

    def __anext__(self) -> Awaitable[ChatEvent]:
        # Most events cost no coroutine of this layer.
        return self._given() if self._held else anext(self._events)

    async def _given(self) -> ChatEvent:
        return self._held.popleft()

    async def renew(self, error: ChatError) -> None:
        """Have the answer begin anew, which broke off by `error`.

        Raises:
            ChatError: It cannot.
        """
        previous = self._call.request
        await self.__aexit__(type(error), error, error.__traceback__)
        self._failure = _Failure(error, begun=True, resend=True)
        await self.__aenter__()
        request = self._call.request
        self._held.appendleft(
            RouteChanged(
                previous=Target(previous.provider, previous.model),
                next=Target(request.provider, request.model),
                reason=error.reason,
            )
        )

    # --- the attempts -------------------------------------------------------------------------------------

    async def _move_on(self, failure: "_Failure") -> None:
        # A call that is over is cancelled, and has not failed.
        await anyio.lowlevel.checkpoint_if_cancelled()
        if self._course is None:
            self._course = self._of.course(self._call, self._most)
        course, error, ledger = self._course, failure.error, self._call.ledger
        now_s = anyio.current_time()
        resend = failure.resend or self._of.resends(self._call)
        helps = remedy(error, begun=failure.begun, resend=resend)
        asked = self._newly_asked()
        course.failed(error, helps, now_s, asked=len(asked))
        if len(asked) > 1:
            course.beside(asked, helps, now_s)
        wait_s = course.go(now_s, self._until_s())
        if wait_s is None or ledger.left is not None:
            raise course.error or error
        if ledger.watch is not None:
            ledger.watch.resorted(resort(self._call, course.at.target, error, wait_s))
        if wait_s:
            try:
                await anyio.sleep(wait_s)
            finally:
                ledger.paused_s += anyio.current_time() - now_s
            if ledger.left is not None:
                # Nobody waits any more for what an attempt would say.
                raise error
        ledger.queued_s = 0.0
        self._call = at(self._call, course.at.target)

    def _newly_asked(self) -> list[Attempt]:
        """Return the requests that providers got since this was asked last."""
        attempts, before = self._call.ledger.attempts, self._entered
        self._entered = len(attempts)
        return [each for each in attempts[before:] if each.outcome is not _SKIPPED]

    def _until_s(self) -> float:
        until_s = anyio.current_effective_deadline()
        return self._deadline_s if until_s == math.inf else until_s


@attrs.frozen
class _Failure:
    """Why an attempt is not the one.

    Attributes:
        begun: Whether its answer had begun.
        resend: Whether the request may be sent again although it was accepted.
    """

    error: ChatError
    begun: bool
    resend: bool = False


@attrs.frozen(eq=False)
class _Restarting(AsyncIterator[ChatEvent]):
    """The iterator of a call whose answer begins anew where it broke off."""

    _answer: _Answer

    async def __anext__(self) -> ChatEvent:
        try:
            return await anext(self._answer)
        except ChatError as error:
            await self._answer.renew(error)
        return await anext(self._answer)
