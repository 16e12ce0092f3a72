"""Patience with a model: bounds on the wait for its first content and between two pieces of content.

The total is not here: it is the ambient deadline, which bounds queueing, retries and the stream alike. Each
timeout opens and closes within one step, so that no scope survives a suspension. Only waiting for the model
counts: the time that the consumer takes between two steps is its own.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import attrs

from domain.model.call import ChatCall
from domain.model.events import CONTENT_EVENTS, ChatEvent
from domain.policy.patience import Patience
from ports.chat_model import ChatModel


@attrs.frozen
class Timed:
    """A model that is not waited for longer than it is worth.

    Attributes:
        inner: Holds no scope or task group open across the end of its entry
            (as `ports.provider` demands).
        default: Used where the call says nothing.
    """

    inner: ChatModel
    default: Patience = Patience()

    @asynccontextmanager
    async def stream(self, call: ChatCall) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            ProviderFailure: The model was silent for too long.
        """
        patience = self.default.of(call)
        until_s = anyio.current_time() + patience.first_token_s
        async with AsyncExitStack() as stack:
            # Not fail_after: a TimeoutError may also be the model's own.
            events = None
            with anyio.move_on_after(patience.first_token_s):
                events = await stack.enter_async_context(self.inner.stream(call))
            if events is None:
                raise patience.no_first_token()
            yield _Steps(events, patience, until_s - anyio.current_time())


@attrs.define
class _Steps(AsyncIterator[ChatEvent]):
    _events: AsyncIterator[ChatEvent]
    _patience: Patience
    _first_token_s: float
    _content_seen: bool = False

    async def __anext__(self) -> ChatEvent:
        if not self._content_seen:
            return await self._before_content()
        with anyio.move_on_after(self._patience.idle_s):
            return await anext(self._events)
        raise self._patience.idle()

    async def _before_content(self) -> ChatEvent:
        # Each wait after the first content has its own bound; those before it share what is left of one.
        began_s = anyio.current_time()
        with anyio.move_on_after(self._first_token_s):
            event = await anext(self._events)
            self._first_token_s -= anyio.current_time() - began_s
            self._content_seen = type(event) in CONTENT_EVENTS
            return event
        raise self._patience.no_first_token()
