"""The loaded model and its slots.

Laws: it is loaded once, whoever asks first and whoever gives up waiting; a slot is taken first come, first
served, and is free when the thread that used it has ended, not when its reader leaves; closing stops every
answer and waits for the threads no longer than it is told to.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import anyio
import attrs

from adapters.local.config import LocalConfig
from adapters.local.generation import Generation
from adapters.local.llama import Llama, Loader
from adapters.local.threads import Threads
from domain.model.errors import ChatError, ErrorReason, ServiceFailure
from domain.model.json_value import JsonObject

CLOSE_S = 2.0
"""Longest that closing waits for answers to notice that they are stopped, in seconds; 0.4 is usual."""


@attrs.frozen
class Loading:
    """The model is about to be loaded: no other thread runs, for 0.4-1.1 s with the bundled one.

    Attributes:
        model: Public name.
    """

    model: str


@attrs.frozen
class Loaded:
    """The model is there.

    Attributes:
        load_s: What that took, in seconds.
    """

    model: str
    load_s: float


Take = Callable[[Any], bool]
"""Is given each piece of an answer, in the thread that makes it; True: the rest is not wanted."""
Ask = Callable[[Llama, JsonObject, Take], object]
"""Makes the answer to a body; blocks. What it returns, if anything, is the last piece."""


def ask_chat(llama: Llama, body: JsonObject, take: Take) -> object:
    """Make an answer to a chat."""
    return llama.handle_chat_completions(body, take)


Progress = Callable[[Loading | Loaded], None]
"""Told about the load, in the thread that loads: it must not raise, nor touch the event loop."""


@attrs.define(eq=False)
class _Load:
    """One try at loading; all that call meanwhile wait for the same."""

    done: anyio.Event = attrs.field(factory=anyio.Event)
    llama: Llama | None = None
    failure: ChatError | None = None


@attrs.define(eq=False)
class Engine:
    """Makes answers, in threads. Used from one event loop."""

    _config: LocalConfig
    _loader: Loader
    _progress: Progress
    _threads: Threads
    _slots: anyio.CapacityLimiter
    _ask: Ask = ask_chat
    _load: _Load | None = None
    _running: set[Generation] = attrs.field(factory=set)
    _closed: bool = False

    @property
    def free_slots(self) -> int:
        """How many answers could begin now."""
        return int(self._slots.available_tokens)

    async def ready(self) -> None:
        """Wait until the model is loaded; a load that failed is tried again by the next call.

        Raises:
            NotConfigured: Something that it needs is missing.
            ProviderFailure: It cannot be loaded.
        """
        self._must_be_open()
        load = self._load
        if load is None or load.failure is not None:
            load = _Load()
            self._threads.start("local-load", partial(self._run_load, load), load.done.set)
            self._load = load
        await load.done.wait()
        self._must_be_open()
        if load.failure is not None:
            raise load.failure
        if load.llama is None:
            raise ServiceFailure("the embedded model's loader died", ErrorReason.SERVICE_INTERNAL)

    async def generate(self, body: JsonObject, refused: Callable[[str], ChatError]) -> Generation:
        """Begin the answer to `body` as soon as there is a slot, and the model is loaded.

        `refused` makes an error of the words with which all of `body` is refused.

        Raises:
            ChatError: As `ready`. No slot is held.

        Resource handling:
            The caller must `stop` what it gets; the slot then frees itself.
        """
        generation = Generation(partial(self._answer, body), refused, self._threads.post)
        # Before the load: those that wait for it would else be woken in any order.
        await self._slots.acquire_on_behalf_of(generation)
        with ExitStack() as held:
            held.callback(self._slots.release_on_behalf_of, generation)
            await self.ready()
            self._threads.start("local-answer", generation.run, partial(self._free, generation))
            held.pop_all()
        self._running.add(generation)
        return generation

    def stop(self) -> None:
        """Stop every answer; none begins any more."""
        self._closed = True
        for generation in self._running:
            generation.stop()

    async def quiet(self) -> None:
        """Wait until no thread runs."""
        await self._threads.quiet()

    def drop(self) -> None:
        """Let go of the model: its listener closes now, or with the last thread that uses it."""
        self._load = None

    def _must_be_open(self) -> None:
        if self._closed:
            raise ServiceFailure("the embedded model is closed", ErrorReason.SERVICE_DRAINING)

    def _run_load(self, load: _Load) -> None:
        begin_s = time.monotonic()
        self._progress(Loading(self._config.model))
        try:
            load.llama = self._loader(self._config)
        except ChatError as error:
            load.failure = error.with_traceback(None)
        else:
            self._progress(Loaded(self._config.model, time.monotonic() - begin_s))

    def _answer(self, body: JsonObject, take: Take) -> object:
        # The only reference in this thread: it is gone before the loop hears that the thread has ended.
        load = self._load
        if load is None or load.llama is None:
            return None
        return self._ask(load.llama, body, take)

    def _free(self, generation: Generation) -> None:
        self._running.discard(generation)
        self._slots.release_on_behalf_of(generation)
        generation.end()


@asynccontextmanager
async def kept(engine: Engine) -> AsyncIterator[None]:
    """Keep `engine` open; leaving the block stops every answer, waits up to `CLOSE_S`, drops the model."""
    try:
        yield
    finally:
        engine.stop()
        with anyio.move_on_after(CLOSE_S, shield=True):
            await engine.quiet()
        engine.drop()
