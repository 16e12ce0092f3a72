"""A model that plays what a test tells it, a log to see what was written, and short ways to ask."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import attrs

from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.events import ChatEvent, Finished, FinishReason, Started, TextDelta
from domain.model.model_info import Feature, ModelInfo
from domain.model.usage import Usage, UsageRecord, UsageSource

Step = ChatEvent | float | Exception | Callable[[], None]
"""An event is given, a number is slept in seconds, an exception is raised, a function is called."""

STARTED = Started(
    id="answer-1",
    provider="upstream",
    model="model-v1",
    upstream_status=200,
    upstream_request_id="req-1",
)
USAGE = Usage(input_tokens=3, output_tokens=5, source=UsageSource.PROVIDER_FINAL)
FINISHED = Finished(reason=FinishReason.STOP, native_reason="end_turn", usage=USAGE)
ANSWER: tuple[ChatEvent, ...] = (STARTED, TextDelta("Hello"), TextDelta(" world"), FINISHED)


def question(text: str = "hi", *, model: str = "upstream/model") -> ChatRequest:
    """Return the smallest sensible request."""
    return ChatRequest(model=model, messages=(Message(role=Role.USER, parts=(Text(text=text),)),))


def ask(request: ChatRequest | None = None, *, request_id: str = "call-1") -> ChatCall:
    """Return a call for `request`, or for any."""
    return ChatCall(
        request=question(model="model") if request is None else request, request_id=request_id
    )


@attrs.define(eq=False)
class Upstream:
    """A provider that plays steps.

    Attributes:
        steps: What the iteration does; it ends after the last.
        entry: What happens before the block is entered; events are not for here.
        declared: Models it lists.
        only_declared: Whether it has no others.
        close_s: How long closing takes, in seconds.
        opened: How often an upstream connection was opened.
        closed: How many of them are closed again.
        calls: As they arrived.
    """

    steps: Sequence[Step] = ANSWER
    entry: Sequence[Step] = ()
    name: str = "upstream"
    declared: tuple[str, ...] = ()
    only_declared: bool = False
    features: frozenset[Feature] = frozenset(Feature)
    close_s: float = 0.0
    opened: int = 0
    closed: int = 0
    calls: list[ChatCall] = attrs.field(factory=list)

    @asynccontextmanager
    async def stream(self, call: ChatCall, /) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        """Play the steps."""
        self.calls.append(call)
        self.opened += 1
        try:
            for step in self.entry:
                await _play(step)
            yield Steps(iter(self.steps))
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(self.close_s)
            self.closed += 1

    def models(self) -> Sequence[ModelInfo]:
        """Return the declared ones."""
        return [self._info(model) for model in self.declared]

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what it takes."""
        if self.only_declared and model not in self.declared:
            return None
        return self._info(model)

    def _info(self, model: str) -> ModelInfo:
        return ModelInfo(provider=self.name, model=model, features=self.features)


@attrs.define(eq=False)
class Steps(AsyncIterator[ChatEvent]):
    """Plays steps up to the next event."""

    _steps: Iterator[Step]

    async def __anext__(self) -> ChatEvent:
        for step in self._steps:
            event = await _play(step)
            if event is not None:
                return event
        raise StopAsyncIteration


async def _play(step: Step) -> ChatEvent | None:
    await anyio.lowlevel.checkpoint()
    if isinstance(step, int | float):
        await anyio.sleep(step)
        return None
    if isinstance(step, Exception):
        raise step
    if callable(step):
        step()
        return None
    return step


@attrs.define(eq=False)
class SlowLog:
    """A usage log that takes its time.

    Attributes:
        takes_s: How long each record takes, in seconds.
        begun: Records offered.
        records: Records written.
        refuses: Raised when asked whether it is ready.
        fails: Raised instead of writing a record.
    """

    takes_s: float = 0.0
    begun: list[UsageRecord] = attrs.field(factory=list)
    records: list[UsageRecord] = attrs.field(factory=list)
    refuses: Exception | None = None
    fails: Exception | None = None

    def ready(self) -> None:
        """Refuse, if told to."""
        if self.refuses is not None:
            raise self.refuses

    @property
    def waits(self) -> bool:
        """See `ports.usage_log.UsageLog`."""
        return True

    async def append(self, record: UsageRecord, /) -> None:
        """Write `record`, in a while."""
        self.begun.append(record)
        await anyio.sleep(self.takes_s)
        if self.fails is not None:
            raise self.fails
        self.records.append(record)


async def drain(events: AsyncIterator[ChatEvent]) -> list[ChatEvent]:
    """Return all `events`."""
    return [event async for event in events]
