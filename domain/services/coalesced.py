"""The same call, in flight more than once, is made once.

Laws: only calls of one caller, in one scope, for the same request, delivered the same way, share; and only if
all of them ask for it. The first is the one whose attempt it is; what the others hear costs them nothing. For
all else see `broadcast`.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import attrs

from domain.model.call import ChatCall, Delivery
from domain.model.events import ChatEvent
from domain.model.response_cache import CacheStatus, ResponseCachePolicy
from domain.model.routing import DEFAULT_ROUTING
from domain.policy.keeping import JOINED, fit
from domain.policy.replay_buffer import ReplayBuffer
from domain.services.broadcast import Broadcast
from domain.services.hearing import Hearing, Rules
from domain.services.signed import Sign
from domain.services.stage import Stage
from ports.chat_model import ChatModel

Key = tuple[object, ...]
_Opened = AbstractAsyncContextManager[AsyncIterator[ChatEvent], bool | None]
_AS_IT_IS: Rules = {}


@attrs.frozen(eq=False)
class Coalesced:
    """A model that is asked once for what several ask at the same time.

    Attributes:
        sign: Gives the digest of a call.
        stage: Where shared answers are played; whoever opened it closes it.
        buffer_bytes: What is kept of each for slower and later callers.
        with_tools: Whether answers to calls that offer tools are shared too.
    """

    inner: ChatModel
    sign: Sign
    stage: Stage
    buffer_bytes: int
    with_tools: bool = False
    _flying: dict[Key, Broadcast] = attrs.field(factory=dict, init=False)

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer."""
        policy = call.request.response_cache
        if policy is None or not policy.coalesce or not fit(call.request, self.with_tools):
            return self.inner.stream(call)
        return _Shared(self, call, policy)

    def opened(self, call: ChatCall, policy: ResponseCachePolicy) -> _Opened:
        """Return the block in which `call` hears the answer that it shares."""
        # A streamed answer that came whole would come late; what is written is the first one's to say. Nobody
        # is told to discard what it has heard, or tried for less long, who would not be if it were alone.
        routing = call.request.routing
        # Of what has its hash at hand: it is asked for four times.
        where = None if routing is DEFAULT_ROUTING else routing
        whole = call.delivery is Delivery.WHOLE
        key = (self.sign(call), whole, policy.mode.writes, policy.ttl_s, where)
        answer = self._flying.get(key)
        if answer is not None and answer.open:
            call.ledger.cache_status = CacheStatus.COALESCED
            return Hearing(answer, call.ledger, JOINED)
        if (answer := self.stage.playing(call)) is not None:
            # It is played under its idempotency key already, to more than its caller from now on.
            self._offer(key, answer)
            return self.inner.stream(call)
        answer = Broadcast(self.inner, call, ReplayBuffer(self.buffer_bytes), [])
        self._offer(key, answer)
        self.stage.play(answer)
        return Hearing(answer, call.ledger, _AS_IT_IS)

    def _offer(self, key: Key, answer: Broadcast) -> None:
        def ended(answer: Broadcast) -> None:
            # A later one may have taken its place.
            if self._flying.get(key) is answer:
                del self._flying[key]

        self._flying[key] = answer
        answer.endings.append(ended)


@attrs.define(eq=False)
class _Shared(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """The answer to a call that shares. A class: a generator costs each call twice as much."""

    _of: Coalesced
    _call: ChatCall
    _policy: ResponseCachePolicy
    _open: _Opened = attrs.field(init=False)

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        self._open = opened = self._of.opened(self._call, self._policy)
        return await opened.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        # What is below bounds its own way out.
        return await self._open.__aexit__(kind, exception, trace)  # noqa: ASYNC102
