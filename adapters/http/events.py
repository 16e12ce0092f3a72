"""A streamed answer's events, read as they are asked for.

Laws: a timeout opens and closes within one read, and there is none where an event is ready; silence is
measured between signs of life, so that bytes which mean nothing do not break it, nor do events which say
nothing new; of `TURN` events that were ready one lets other tasks have their turn, and every read does; what
was said before an error is given before it; our secret is in nothing but what the model itself says.

A sign of life is a piece of the answer, shown or hidden (a model whose thoughts the caller does not want to
see is at work all the same), and once it has begun, more tokens than were counted before. A thought of which
nothing is said, where the wire tells that it has begun, is waited for as long as the first content.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import anyio
import anyio.lowlevel
import attrs
import httpx

from adapters.http.endpoint import Endpoint
from adapters.http.translation import AWAITING, OVERDUE, READING
from adapters.http.upstream import Upstream
from adapters.wire.codec import StreamDecoder
from adapters.wire.failures import truncated
from domain.model.errors import ChatError
from domain.model.events import (
    CONTENT_EVENTS,
    ChatEvent,
    Finished,
    Started,
    UsageReported,
    WarningRaised,
)
from domain.policy.patience import Patience

TURN = 64
"""Events given in a row before other tasks get their turn. Whoever sends them on has turns of its own."""


@attrs.define(eq=False)
class Given(AsyncIterator[ChatEvent]):
    """The iterator of events that are all there.

    Attributes:
        _failure: What comes after them; ``None``: nothing.
    """

    _ready: deque[ChatEvent]
    _failure: ChatError | None = None
    _given: int = 0

    async def __anext__(self) -> ChatEvent:
        if not self._ready:
            if self._failure is not None:
                raise self._failure
            raise StopAsyncIteration
        self._given += 1
        if self._given % TURN == 0:
            await anyio.lowlevel.checkpoint()
        return self._ready.popleft()


@attrs.define(eq=False)
class Events(AsyncIterator[ChatEvent]):
    """The iterator of one streamed answer.

    Attributes:
        _until_s: When the wait for the next sign of life ends, on the event loop's clock.
        warnings: Given after `Started`.
        finished: Whether `Finished` has been read.
    """

    _upstream: Upstream
    _decoder: StreamDecoder
    _endpoint: Endpoint
    _patience: Patience
    _until_s: float
    _warnings: Sequence[WarningRaised] = ()
    _clock: Callable[[], float] = anyio.current_time
    finished: bool = False
    _content_seen: bool = False
    _alive: bool = False
    _hidden: int = 0
    _thinks: bool = False
    _tokens: int = 0
    _failure: ChatError | None = None
    _ready: deque[ChatEvent] = attrs.field(factory=deque)
    _given: int = 0

    async def __anext__(self) -> ChatEvent:
        if not self._ready:
            await self._fill()
        else:
            self._given += 1
            if self._given == TURN:
                self._given = 0
                await anyio.lowlevel.checkpoint()
        return self._ready.popleft()

    async def _fill(self) -> None:
        """Read until something is ready."""
        self._given = 0
        try:
            while not self._ready:
                if self._failure is not None:
                    raise self._failure
                if self.finished:
                    raise StopAsyncIteration
                data = await self._read()
                if data:
                    self._take(self._decoder.feed(data))
                else:
                    self._end()
        except ChatError as error:
            # It had accepted the request.
            error.upstream_status = error.upstream_status or self._upstream.status
            raise

    async def _read(self) -> bytes:
        decoder = self._decoder
        if self._alive or decoder.hidden != self._hidden:
            self._alive = False
            self._hidden = decoder.hidden
            self._content_seen = True
            self._wait()
        elif decoder.thinks is not self._thinks and self._content_seen:
            self._wait()
        try:
            return await self._upstream.read(self._until_s)
        except OVERDUE:
            raise self._silent() from None
        except httpx.TransportError as error:
            stage = READING if self._content_seen else AWAITING
            raise stage.meaning(error) from error

    def _silent(self) -> ChatError:
        if not self._content_seen:
            return self._patience.no_first_token()
        return self._patience.endless_thought() if self._thinks else self._patience.idle()

    def _wait(self) -> None:
        """Begin the wait for the next sign of life."""
        self._thinks = self._decoder.thinks
        patience = self._patience
        self._until_s = self._clock() + (patience.thought_s if self._thinks else patience.idle_s)

    def _end(self) -> None:
        self._take(self._decoder.end())
        if not (self.finished or self._failure):
            self._failure = truncated("it ended without an end")

    def _take(self, events: Iterable[ChatEvent]) -> None:
        ready = self._ready
        try:
            for event in events:
                if type(event) in CONTENT_EVENTS:
                    self._alive = True
                    ready.append(event)
                else:
                    self._take_rare(event)
        except ChatError as error:
            self._failure = self._endpoint.discreet(error)

    def _take_rare(self, event: ChatEvent) -> None:
        self._ready.append(self._endpoint.shown(event))
        if isinstance(event, Started):
            self._ready.extend(self._warnings)
        elif isinstance(event, Finished):
            self.finished = True
        elif isinstance(event, UsageReported):
            tokens = event.usage.output_tokens or 0
            self._alive = self._alive or (self._content_seen and tokens > self._tokens)
            self._tokens = max(tokens, self._tokens)
