"""The scripted provider: each model plays its script.

Laws: playing is deterministic; leaving a call's block closes its play, which says when and how, so that
a test can see that the upstream was closed; a checkpoint at least every `TURN` events.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import attrs

from adapters.scripted.beats import Beat, Pause, beats, joined
from adapters.scripted.script import Script
from domain.model.call import ChatCall, Delivery
from domain.model.errors import ChatError, ModelUnknown
from domain.model.events import ChatEvent, Finished
from domain.model.model_info import Feature, ModelInfo

TURN = 16
"""Events given in a row before other tasks get their turn."""
PLAYS_KEPT = 1_000
"""Of a test's own provider."""


@attrs.define(eq=False)
class Play:
    """One answer, as it was played.

    Attributes:
        opened_s: On the event loop's clock.
        closed_s: ``None`` while the block is open.
        given: Events handed to the caller.
        finished: Whether `Finished` was among them.
    """

    call: ChatCall
    opened_s: float
    closed_s: float | None = None
    given: int = 0
    finished: bool = False


@attrs.frozen(eq=False, kw_only=True)
class Scripted:
    """Plays scripts; see `ports.provider.Provider`.

    Attributes:
        scripts: By model.
        plays_kept: How many; a server keeps none, since each holds all that a call was.
        plays: The latest, oldest first.
    """

    name: str = "scripted"
    scripts: Mapping[str, Script]
    plays_kept: int = PLAYS_KEPT
    plays: deque[Play] = attrs.field(
        init=False,
        default=attrs.Factory(lambda own: deque(maxlen=own.plays_kept), takes_self=True),
    )

    def models(self) -> Sequence[ModelInfo]:
        """Return the models that have a script."""
        return tuple(self._info(model) for model in self.scripts)

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what `model` takes, which is everything; None: it has no script."""
        return self._info(model) if model in self.scripts else None

    @asynccontextmanager
    async def stream(self, call: ChatCall, /) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            ModelUnknown: The model has no script.
            ChatError: From a step of the iteration, as the script says.
        """
        script = self.scripts.get(call.request.model)
        if script is None:
            raise ModelUnknown(f"{self.name} has no script for {call.request.model!r}")
        row = beats(script, call, self.name)
        play = Play(call, anyio.current_time())
        self.plays.append(play)
        try:
            yield _Events(joined(row) if call.delivery is Delivery.WHOLE else row, play)
        finally:
            play.closed_s = anyio.current_time()

    def _info(self, model: str) -> ModelInfo:
        return ModelInfo(provider=self.name, model=model, features=frozenset(Feature))


@attrs.define
class _Events(AsyncIterator[ChatEvent]):
    _row: Iterator[Beat]
    _play: Play

    async def __anext__(self) -> ChatEvent:
        for beat in self._row:
            if isinstance(beat, Pause):
                await anyio.sleep(beat.wait_s)
            elif isinstance(beat, ChatError):
                raise beat
            else:
                self._play.given += 1
                self._play.finished = isinstance(beat, Finished)
                if self._play.given % TURN == 0:
                    await anyio.lowlevel.checkpoint()
                return beat
        raise StopAsyncIteration
