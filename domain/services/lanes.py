"""The keys of one provider, as lanes of one road.

Laws: each call takes the next key that does not rest; how it ended is told to the book, whatever ended it;
a route that is known to be of no use now is not asked.
"""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
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
        # Whoever asks one place of a plan after the other hands on what is left of it.
        keys = call.plan[0].keys if call.plan else ()
        return _Passage(
            self.lanes,
            call,
            _Visiting(self.book, self.provider, call.request.model, call.ledger, keys, self.clock),
        )


@attrs.define(eq=False)
class _Passage(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """One call on its lane. A class, because a generator costs every call 3 us more."""

    _lanes: Mapping[str, ChatModel]
    _call: ChatCall
    _visiting: "_Visiting"
    _inner: AbstractAsyncContextManager[AsyncIterator[ChatEvent]] | None = None

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        key = self._visiting.__enter__()
        entered = False
        try:
            self._inner = self._lanes[key].stream(self._call)
            events = await self._inner.__aenter__()
            entered = True
            return events
        finally:
            if not entered:
                self._visiting.__exit__(*sys.exc_info())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        assert self._inner is not None
        try:
            # What is below bounds its own way out.
            return await self._inner.__aexit__(kind, exception, trace)  # noqa: ASYNC102
        finally:
            # Now the attempt is in the ledger.
            self._visiting.__exit__(kind, exception, trace)


@attrs.frozen
class LanedEmbedding:
    """A provider that embeds, with a lane for each of its keys; see `Laned`."""

    provider: str
    lanes: Mapping[str, EmbeddingModel]
    book: RouteBook

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors, by the key whose turn it is.

        Raises:
            ProviderFailure: The route is left alone now; says until when, and what failed last.
        """
        with _Visiting(self.book, self.provider, call.request.model, call.ledger) as key:
            return await self.lanes[key].embed(call)


@attrs.define(eq=False)
class _Visiting:
    """The block of one visit; gives the key to use, and tells the book how it ended."""

    _book: RouteBook
    _provider: str
    _model: str
    _ledger: Ledger
    _only: tuple[str, ...] = ()
    _clock: Callable[[], float] = anyio.current_time
    _visit: Visit | None = None
    _before: int = 0

    def __enter__(self) -> str:
        now_s = 0.0
        if not self._book.untroubled(self._provider, self._model):
            now_s = self._clock()
            standing = self._book.standing(self._provider, self._model, now_s, self._only)
            if standing.sure:
                skip(self._ledger, self._provider, self._model, standing)
                raise left_alone(self._provider, self._model, standing)
        self._before = len(self._ledger.attempts)
        self._visit = self._book.begin(self._provider, self._model, now_s, self._only)
        return self._visit.key

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._visit is not None, "left without having been entered"
        attempts = self._ledger.attempts
        attempt = attempts[-1] if len(attempts) > self._before else None
        told_s = exception.retry_after_s if isinstance(exception, ChatError) else None
        self._book.end(self._visit, self._clock(), attempt, told_s)


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
