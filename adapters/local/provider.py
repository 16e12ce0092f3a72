"""The embedded model as a provider.

Laws: opening is cheap; the model is loaded at the first call, or before with `Load.EAGER`, which suits a
server, since nothing else runs while it loads. Leaving a call's block returns at once. Leaving the provider's
block stops every answer and closes llama.cpp's listener.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

import anyio
import anyio.lowlevel
import attrs

from adapters.local.answer import AnswerDecoder
from adapters.local.config import Load, LocalConfig
from adapters.local.engine import Engine, Loaded, Loading, Progress, kept
from adapters.local.generation import Generation
from adapters.local.llama import Loader, load_llama
from adapters.local.request import encode
from adapters.local.threads import Threads, poster
from domain.model.call import ChatCall
from domain.model.events import ChatEvent, Finished, TextDelta
from domain.model.model_info import Feature, ModelInfo

FEATURES = frozenset(
    {
        Feature.JSON_OBJECT,
        Feature.JSON_SCHEMA,
        Feature.TEMPERATURE,
        Feature.TOP_P,
        Feature.TOP_K,
        Feature.SEED,
        Feature.STOP,
        Feature.PENALTIES,
    }
)
"""What works with this model; each was tried. It was asked for tools too, and never called one."""


def _silent(_: Loading | Loaded) -> None:
    pass


@asynccontextmanager
async def open_local(
    config: LocalConfig = LocalConfig(),  # noqa: B008  # a frozen value
    *,
    loader: Loader = load_llama,
    progress: Progress = _silent,
) -> AsyncIterator["Local"]:
    """Open the embedded model.

    Args:
        config: Which model, and how much room it gets.
        loader: Gives the loaded model; blocks, in a thread.
        progress: Told when loading begins and ends.

    Raises:
        NotConfigured: With `Load.EAGER`: something that it needs is missing. Otherwise calls say so.
        ProviderFailure: With `Load.EAGER`: it cannot be loaded. Otherwise calls say so.

    Resource handling:
        Leaving the block stops every answer, waits up to `CLOSE_S` for their threads, and closes the model. A
        thread that is still busy then closes it when it notices.
    """
    engine = Engine(
        config, loader, progress, Threads(poster()), anyio.CapacityLimiter(config.slots)
    )
    async with kept(engine):
        if config.load is Load.EAGER:
            await engine.ready()
        yield Local(config, engine)


@attrs.frozen(eq=False)
class Local:
    """The embedded model; see `ports.provider.Provider`.

    Attributes:
        engine: Whoever opened it closes it.
    """

    config: LocalConfig
    engine: Engine

    @property
    def name(self) -> str:
        """The configured name."""
        return self.config.name

    def models(self) -> Sequence[ModelInfo]:
        """Return the one model, loaded or not."""
        return (
            ModelInfo(
                provider=self.config.name,
                model=self.config.model,
                features=FEATURES,
                context_tokens=self.config.slot_tokens,
                max_output_tokens=self.config.slot_tokens,
            ),
        )

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what the one model takes; None: it is not called `model`."""
        return next((info for info in self.models() if info.model == model), None)

    @asynccontextmanager
    async def stream(self, call: ChatCall, /) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        """Open the answer: load the model if need be, and wait for a slot.

        Raises:
            InvalidRequest: The model cannot read a part of it; or, from the first step, its prompt is too
                long, or its JSON schema makes no sense.
            NotConfigured: Something that the model needs is missing.
            ProviderFailure: The model cannot be loaded, or failed.

        Resource handling:
            Leaving the block returns at once; the slot frees itself within one token, or one batch of the
            prompt.
        """
        body = encode(call.request, self.config)
        decoder = AnswerDecoder(self.config, body)
        generation = await self.engine.generate(body, decoder.refused)
        try:
            yield _Events(generation, decoder)
        finally:
            generation.stop()


@attrs.define
class _Events(AsyncIterator[ChatEvent]):
    _generation: Generation
    _decoder: AnswerDecoder
    _ready: deque[ChatEvent] = attrs.field(factory=deque)
    _finished: bool = False

    async def __anext__(self) -> ChatEvent:
        if self._finished:
            raise StopAsyncIteration
        if self._ready:
            await anyio.lowlevel.checkpoint()
        while not self._ready:
            chunks = await self._generation.chunks()
            events = (event for chunk in chunks for event in self._decoder.feed(chunk))
            self._ready.extend(_joined(events))
        event = self._ready.popleft()
        self._finished = isinstance(event, Finished)
        return event


def _joined(events: Iterable[ChatEvent]) -> Iterator[ChatEvent]:
    """Give `events` with neighbouring text in one piece."""
    for kind, group in groupby(events, type):
        if kind is TextDelta:
            yield TextDelta("".join(each.text for each in group if isinstance(each, TextDelta)))
        else:
            yield from group
