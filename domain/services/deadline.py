"""Patience with a model: bounds on the wait for its first content and between two pieces of content.

The total is not here: it is the ambient deadline, which bounds queueing, retries and the stream alike. Each
timeout opens and closes within one step, so that no scope survives a suspension.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import attrs

from domain.model.call import ChatCall
from domain.model.errors import ProviderFailure
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
            try:
                with anyio.fail_after(patience.first_token_s):
                    events = await stack.enter_async_context(self.inner.stream(call))
            except TimeoutError:
                raise patience.no_first_token() from None
            yield _Steps(events, patience, until_s)


@attrs.define
class _Steps(AsyncIterator[ChatEvent]):
    _events: AsyncIterator[ChatEvent]
    _patience: Patience
    _until_s: float
    _content_seen: bool = False

    async def __anext__(self) -> ChatEvent:
        # After the first content each wait has its own bound; before it all of them share one.
        wait_s = (
            self._patience.idle_s if self._content_seen else self._until_s - anyio.current_time()
        )
        try:
            with anyio.fail_after(wait_s):
                event = await anext(self._events)
        except TimeoutError:
            raise self._too_late() from None
        if type(event) in CONTENT_EVENTS:
            self._content_seen = True
        return event

    def _too_late(self) -> ProviderFailure:
        return self._patience.idle() if self._content_seen else self._patience.no_first_token()
