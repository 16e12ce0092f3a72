"""The same call under the same key is made once, whenever it comes again.

Laws: who comes while it is in flight joins it; who comes later is told what everyone was told, event by
event; neither asks a provider, and neither costs anything more. Another request under the same key is a
conflict. Who says what it has already is told the rest, and never makes a call. A call that names no key goes
through as it is.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import anyio.lowlevel
import attrs

from domain.model.call import ChatCall
from domain.model.events import ChatEvent
from domain.model.response_cache import CacheStatus
from domain.model.routing import MidStream
from domain.policy.resuming import next_after, unknown
from domain.services.broadcast import Broadcast
from domain.services.hearing import TURN, Hearing, Rules
from domain.services.keybook import Keybook, Outcome
from domain.services.signed import Sign
from ports.chat_model import ChatModel

_AS_IT_IS: Rules = {}
_RESTARTS = b"restarts"


@attrs.frozen
class Idempotent:
    """A model that is asked once for each key.

    Attributes:
        sign: Gives the digest of a call.
        book: Knows the keys.
    """

    inner: ChatModel
    sign: Sign
    book: Keybook

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            IdempotencyConflict: On entry: the key is another request's.
            InvalidRequest: On entry: the call is to be resumed, and cannot be.
        """
        return _Once(self, call) if call.request.idempotency_key else self.inner.stream(call)

    def found(self, call: ChatCall) -> tuple[Outcome | Broadcast, int]:
        """Return what answers `call`, and the number of the event that it begins with; raises as `stream`."""
        name, signature = (call.caller.name, call.request.idempotency_key), self.sign(call)
        if call.request.routing.mid_stream is not MidStream.FAIL:
            # Its answer may say what to discard, which is another answer.
            signature += _RESTARTS
        if call.resume_from is None:
            known = self.book.find(name, signature)
            return known or self.book.begin(name, signature, self.inner, call), 0
        held = self.book.find_rest(name, signature)
        if held is None:
            raise unknown()
        return held, next_after(call.resume_from, held.kept.first, held.kept.count)


@attrs.define(eq=False)
class _Once(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """The answer to a call with a key. A class: a generator costs each call twice as much."""

    _of: Idempotent
    _call: ChatCall
    _hearing: Hearing | None = None

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        # A call that is over before it began does nothing.
        await anyio.lowlevel.checkpoint_if_cancelled()
        call = self._call
        found, start = self._of.found(call)
        if isinstance(found, Outcome):
            call.ledger.cache_status = CacheStatus.HIT
            return _Replay(found, start)
        if found.call is not call:
            call.ledger.cache_status = CacheStatus.COALESCED
        self._hearing = hearing = Hearing(found, call.ledger, _AS_IT_IS, start)
        return await hearing.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._hearing is not None:
            # It bounds its own way out.
            await self._hearing.__aexit__(kind, exception, trace)  # noqa: ASYNC102


@attrs.define
class _Replay(AsyncIterator[ChatEvent]):
    """Tells what everyone was told."""

    _outcome: Outcome
    _number: int

    async def __anext__(self) -> ChatEvent:
        kept, number = self._outcome.kept, self._number
        if number == kept.count:
            error = self._outcome.error
            raise StopAsyncIteration if error is None else error.copied()
        self._number = number + 1
        if self._number % TURN == 0:
            await anyio.lowlevel.checkpoint()
        return kept.events[number - kept.first]
