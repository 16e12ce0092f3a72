"""The keys of one provider, as lanes of one road.

Laws: each call takes the next key that does not rest; how it ended is told to the book, whatever ended it;
a route that is known to be of no use now is not asked.
"""

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import anyio
import attrs

from domain.model.call import ChatCall, Ledger
from domain.model.embedding import EmbeddingCall, EmbeddingResponse
from domain.model.errors import ChatError, ErrorReason, ProviderFailure, RouteBroken
from domain.model.events import ChatEvent
from domain.model.usage import Attempt, AttemptOutcome
from domain.policy.route_book import RouteBook, Visit
from domain.policy.route_state import Standing
from ports.chat_model import ChatModel
from ports.embedding_model import EmbeddingModel


@attrs.frozen
class Laned:
    """A provider with a lane for each of its keys.

    Attributes:
        provider: Its configured name.
        lanes: By the key's alias, empty where no key is wanted; each settles its attempts.
        book: Knows which keys rest, and whether the route works.
        clock: The event loop's, in seconds.
    """

    provider: str
    lanes: Mapping[str, ChatModel]
    book: RouteBook
    clock: Callable[[], float] = anyio.current_time

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer by the key whose turn it is.

        Raises:
            ProviderFailure: On entry: the route is left alone now; says until when, and what failed last.
        """
        return _Passage(self, call)


@attrs.define(eq=False)
class _Passage(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """One call on its lane. A class, because a generator costs every call 3 us more."""

    _of: Laned
    _call: ChatCall
    _before: int = 0
    # Both from the moment on that the call has its key.
    _visit: Visit = attrs.field(init=False)
    _inner: AbstractAsyncContextManager[AsyncIterator[ChatEvent]] = attrs.field(init=False)

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        of, call = self._of, self._call
        ledger = call.ledger
        # Whoever asks one place of a plan after the other hands on what is left of it.
        keys = call.plan[0].keys if call.plan else ()
        self._visit = visit = _begun(of, call.request.model, ledger, keys)
        self._before = len(ledger.attempts)
        entered = False
        try:
            self._inner = inner = of.lanes[visit.key].stream(call)
            events = await inner.__aenter__()
            entered = True
            return events
        finally:
            if not entered:
                _ended(of, self._visit, ledger.attempts[self._before :], sys.exc_info()[1])

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        try:
            # What is below bounds its own way out.
            return await self._inner.__aexit__(kind, exception, trace)  # noqa: ASYNC102
        finally:
            # Now the attempt is in the ledger.
            _ended(self._of, self._visit, self._call.ledger.attempts[self._before :], exception)


@attrs.frozen
class LanedEmbedding:
    """A provider that embeds, with a lane for each of its keys; see `Laned`."""

    provider: str
    lanes: Mapping[str, EmbeddingModel]
    book: RouteBook
    clock: Callable[[], float] = anyio.current_time

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors, by the key whose turn it is.

        Raises:
            ProviderFailure: The route is left alone now; says until when, and what failed last.
        """
        ledger = call.ledger
        visit = _begun(self, call.request.model, ledger, ())
        before = len(ledger.attempts)
        try:
            return await self.lanes[visit.key].embed(call)
        finally:
            _ended(self, visit, ledger.attempts[before:], sys.exc_info()[1])


def _begun(of: Laned | LanedEmbedding, model: str, ledger: Ledger, keys: tuple[str, ...]) -> Visit:
    """Return a visit, which has to be `_ended`, with the key to use: one of `keys`, if there are any."""
    now_s = 0.0
    if not of.book.untroubled(of.provider, model):
        now_s = of.clock()
        standing = of.book.standing(of.provider, model, now_s, keys)
        if standing.sure:
            skip(ledger, of.provider, model, standing)
            raise left_alone(of.provider, model, standing)
    return of.book.begin(of.provider, model, now_s, keys)


def _ended(
    of: Laned | LanedEmbedding,
    visit: Visit,
    attempts: Sequence[Attempt],
    exception: BaseException | None,
) -> None:
    """Tell the book how `visit` ended: what came of it, and the error that is on its way."""
    told_s = exception.retry_after_s if isinstance(exception, ChatError) else None
    of.book.end(visit, of.clock(), attempts[-1] if attempts else None, told_s)


def skip(ledger: Ledger, provider: str, model: str, standing: Standing) -> None:
    """Enter in `ledger` that a route was passed over."""
    ledger.enter(
        Attempt(
            index=len(ledger.whole.attempts),
            provider=provider,
            model=model,
            outcome=AttemptOutcome.SKIPPED_COOLDOWN,
            error_reason=standing.reason,
        )
    )


def left_alone(provider: str, model: str, standing: Standing) -> ProviderFailure:
    """Return the error of a route that is left alone now."""
    reason = standing.reason or ErrorReason.PROVIDER_OVERLOADED
    failure = RouteBroken if standing.broken else ProviderFailure
    return failure(
        f"{provider}/{model} is left alone for {standing.wait_s:.1f} s yet, after {reason.name}:"
        " try again then, or ask another model",
        reason,
        retryable=True,
        retry_after_s=standing.wait_s,
    )
