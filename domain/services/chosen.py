"""Which of the places where a call may be answered is asked first.

Laws: what is left alone now is passed over while anything else is left, and the ledger says so; where all
are, the caller is told at once, and when the first of them is back. A call that can go to one place only
pays for nothing.
"""

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import anyio
import attrs

from domain.model.call import ChatCall
from domain.model.errors import ProviderFailure
from domain.model.events import ChatEvent
from domain.model.target import Target
from domain.policy.catalogue import PublicModel
from domain.policy.route_book import RouteBook
from domain.policy.route_state import Standing
from domain.policy.routing import Strategy, fastest, weighted
from domain.services.lanes import left_alone, skip
from ports.chat_model import ChatModel


@attrs.frozen
class Chosen:
    """A model whose calls come with their plan in the order in which it is worth a try.

    Attributes:
        inner: Asks the places of a plan, in its order.
        catalogue: By public name.
        book: Knows how routes do.
        draw: Gives numbers by chance, from 0 up to 1.
        clock: The event loop's, in seconds.
    """

    inner: ChatModel
    catalogue: Mapping[str, PublicModel]
    book: RouteBook
    draw: Callable[[], float] = random.random
    clock: Callable[[], float] = anyio.current_time

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            ProviderFailure: All places are left alone now; says when the first is back.
        """
        plan = call.plan
        if len(plan) == 1 and len(plan[0].keys or self.book.keys.get(plan[0].provider, ())) < 2:
            # The way of most calls, which is kept short.
            only = plan[0]
            if not self.book.untroubled(only.provider, only.model):
                now_s = self.clock()
                standing = self.book.standing(only.provider, only.model, now_s, only.keys)
                if standing.sure:
                    raise self._nowhere(call, [(standing, only)])
            return self.inner.stream(call)
        return self.inner.stream(self._ordered(call))

    def _ordered(self, call: ChatCall) -> ChatCall:
        now_s = self.clock()
        free: list[Target] = []
        resting: list[tuple[Standing, Target]] = []
        for each in self._by_strategy(call, now_s):
            standing = self.book.standing(each.provider, each.model, now_s, each.keys)
            if standing.wait_s <= 0.0:
                free += self._lanes(each, now_s)
            else:
                resting.append((standing, each))
        if resting:
            free += self._for_want_of_better(call, free, resting, now_s)
        return _led(call, tuple(free))

    def _for_want_of_better(
        self,
        call: ChatCall,
        free: Sequence[Target],
        resting: list[tuple[Standing, Target]],
        now_s: float,
    ) -> Sequence[Target]:
        """Return what nobody knows to be of no use of what is `resting`, the soonest first."""
        resting.sort(key=_back_s)
        unsure = [each for standing, each in resting if not standing.sure]
        if not free and not unsure:
            raise self._nowhere(call, resting)
        for standing, each in resting:
            if free or standing.sure:
                skip(call.ledger, each.provider, each.model, standing)
        return [lane for each in unsure for lane in self._lanes(each, now_s)]

    def _lanes(self, target: Target, now_s: float) -> Sequence[Target]:
        """Return `target` by each of its keys that is worth a try."""
        if len(target.keys or self.book.keys.get(target.provider, ())) < 2:
            return (target,)
        keys = self.book.lanes(target.provider, target.model, now_s, target.keys)
        return [Target(target.provider, target.model, (key,)) for key in keys]

    def _nowhere(
        self, call: ChatCall, resting: Sequence[tuple[Standing, Target]]
    ) -> ProviderFailure:
        for standing, each in resting:
            skip(call.ledger, each.provider, each.model, standing)
        standing, first = resting[0]
        return left_alone(first.provider, first.model, standing)

    def _by_strategy(self, call: ChatCall, now_s: float) -> tuple[Target, ...]:
        public = self.catalogue.get(call.public)
        if public is None or public.strategy is Strategy.ORDERED:
            return call.plan
        equal = [each for each in call.plan if each in public.routes]
        rest = [each for each in call.plan if each not in public.routes]
        if public.strategy is Strategy.WEIGHTED:
            weights = dict(zip(public.routes, public.weights, strict=True))
            first = weighted(equal, [weights[each] for each in equal], self.draw)
        else:
            scores = [self.book.score(each.provider, each.model, now_s) for each in equal]
            first = fastest(equal, scores, self.draw)
        return (*first, *rest)


def _back_s(resting: tuple[Standing, Target]) -> float:
    return resting[0].wait_s


def _led(call: ChatCall, plan: tuple[Target, ...]) -> ChatCall:
    """Return `call` with its plan, and asking for what comes first there."""
    if plan == call.plan:
        return call
    return call.planned(plan, call.public)
