"""Answers that are kept, and given again instead of asking a provider.

Laws: only what the caller asked for is kept or given, and only to the same caller, in the same scope, for the
same request. What is kept is finished and settled. A call that asks for nothing goes through as it is.
Between the two halves others may share a call: `Recalled` looks, `Kept`
keeps.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType

import anyio.lowlevel
import attrs

from domain.model.call import ChatCall
from domain.model.events import ChatEvent, Finished, Started
from domain.model.response_cache import CacheMode, CacheStatus, ResponseCachePolicy
from domain.policy.keeping import KEPT, compact, fit, weight
from domain.services.replay import Replay
from domain.services.signed import Sign
from ports.chat_model import ChatModel
from ports.response_cache import ResponseCache


@attrs.frozen(kw_only=True)
class Keeping:
    """How answers are kept.

    Attributes:
        cache: Where; ``None``: nowhere. Whoever opened it closes it.
        default_ttl_s: For how long, where a call does not say; at most `max_ttl_s` where it does.
        max_answer_bytes: Longer ones are not kept.
        with_tools: Whether answers are, to calls that offer tools.
    """

    cache: ResponseCache | None = None
    default_ttl_s: float = 3_600.0
    max_ttl_s: float = 86_400.0
    max_answer_bytes: int = 1_048_576
    with_tools: bool = False

    def ttl_s(self, policy: ResponseCachePolicy) -> float:
        """Return for how long what a call with `policy` writes is kept."""
        return min(self.default_ttl_s if policy.ttl_s is None else policy.ttl_s, self.max_ttl_s)


@attrs.frozen
class Recalled:
    """A model that is not asked twice.

    Attributes:
        sign: Gives the digest under which the answer to a call is kept.
    """

    inner: ChatModel
    keeping: Keeping
    sign: Sign

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer."""
        policy = call.request.response_cache
        if policy is None or (policy.mode is CacheMode.OFF and not policy.coalesce):
            return self.inner.stream(call)
        return _Answer(self, call, policy)


@attrs.define(eq=False)
class _Answer(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """The answer to a call that wants a kept one. A class: a generator costs each call twice as much."""

    _of: Recalled
    _call: ChatCall
    _policy: ResponseCachePolicy
    _inner: AbstractAsyncContextManager[AsyncIterator[ChatEvent]] | None = None

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        # A call that is over before it began does nothing.
        await anyio.lowlevel.checkpoint_if_cancelled()
        of, call, policy = self._of, self._call, self._policy
        status = CacheStatus.BYPASS
        cache, may = of.keeping.cache, fit(call.request, of.keeping.with_tools)
        if may and policy.mode is CacheMode.OFF:
            # What might be on its way is looked for, and that is all that was asked.
            status = CacheStatus.MISS
        elif may and cache is not None and policy.mode.reads:
            status = CacheStatus.MISS
            kept = await cache.get(of.sign(call))
            if kept is not None and (policy.max_age_s is None or kept.age_s <= policy.max_age_s):
                call.ledger.cache_status = CacheStatus.HIT
                return Replay(kept.events)
        call.ledger.cache_status = status
        inner = of.inner.stream(call)
        events = await inner.__aenter__()
        self._inner = inner
        return _Told(events, status)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        inner = self._inner
        # What is below bounds its own way out.
        return None if inner is None else await inner.__aexit__(kind, exception, trace)  # noqa: ASYNC102


@attrs.define
class _Told(AsyncIterator[ChatEvent]):
    """Says at the beginning where the answer comes from."""

    _events: AsyncIterator[ChatEvent]
    _status: CacheStatus

    async def __anext__(self) -> ChatEvent:
        event = await anext(self._events)
        if type(event) is Started and event.cache_status is not CacheStatus.COALESCED:
            # Not evolved, which costs a call three times as much.
            return Started(
                id=event.id,
                provider=event.provider,
                model=event.model,
                upstream_status=event.upstream_status,
                upstream_request_id=event.upstream_request_id,
                cache_status=self._status,
            )
        return event


@attrs.frozen
class Kept:
    """A model whose answers are kept, if their callers want it."""

    inner: ChatModel
    keeping: Keeping
    sign: Sign

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer; leaving the block keeps it, if it was finished."""
        policy, cache = call.request.response_cache, self.keeping.cache
        if (
            policy is None
            or cache is None
            or not policy.mode.writes
            or not fit(call.request, self.keeping.with_tools)
        ):
            return self.inner.stream(call)
        return self._kept(call, cache, self.keeping.ttl_s(policy))

    @asynccontextmanager
    async def _kept(
        self, call: ChatCall, cache: ResponseCache, ttl_s: float
    ) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        async with self.inner.stream(call) as events:
            copy = _Copied(events, self.keeping.max_answer_bytes)
            yield copy
        # Outside: what is kept is settled. A call that is cancelled by now keeps nothing.
        if copy.complete:
            await cache.put(self.sign(call), compact(copy.seen), ttl_s)


@attrs.define
class _Copied(AsyncIterator[ChatEvent]):
    """Passes events on and keeps a copy, as long as that is short."""

    _events: AsyncIterator[ChatEvent]
    _room: int
    seen: list[ChatEvent] = attrs.field(factory=list)
    complete: bool = False

    async def __anext__(self) -> ChatEvent:
        event = await anext(self._events)
        if self._room > 0:
            self._room -= weight(event)
            self.seen.append(event)
            if self._room <= 0:
                self.seen.clear()
            elif type(event) is Finished:
                self.complete = event.reason in KEPT
        return event
