"""The scripted provider's embeddings: each model plays its script, and its vectors are made from the texts.

Laws: the same text has the same vector everywhere, of length 1; other texts have others. Playing is
deterministic; leaving a call closes its play.
"""

import math
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from hashlib import shake_128

import anyio
import anyio.lowlevel
import attrs

from adapters.scripted.beats import failure_of
from adapters.scripted.provider import PLAYS_KEPT
from adapters.scripted.script import (
    MOST_DIMENSIONS,
    Embed,
    EmbeddingScript,
    Fail,
    Stall,
    Vectors,
    Wait,
)
from domain.model.embedding import EmbeddingCall, EmbeddingModelInfo, EmbeddingResponse
from domain.model.errors import ModelUnknown
from domain.model.usage import Usage, UsageSource


@attrs.define(eq=False)
class EmbeddingPlay:
    """One call, as it was played.

    Attributes:
        opened_s: On the event loop's clock.
        closed_s: ``None`` while it is played.
    """

    call: EmbeddingCall
    opened_s: float
    closed_s: float | None = None


@attrs.frozen(eq=False, kw_only=True)
class ScriptedEmbeddings:
    """Plays scripts; see `ports.embedding_model.EmbeddingProvider`.

    Attributes:
        scripts: By model.
        plays_kept: How many; a server keeps none, since each holds all that a call was.
        plays: The latest, oldest first.
    """

    name: str = "scripted"
    scripts: Mapping[str, EmbeddingScript]
    plays_kept: int = PLAYS_KEPT
    plays: deque[EmbeddingPlay] = attrs.field(
        init=False,
        default=attrs.Factory(lambda own: deque(maxlen=own.plays_kept), takes_self=True),
    )

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return the models that have a script."""
        return tuple(self._info(model) for model in self.scripts)

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return what `model` takes; None: it has no script."""
        return self._info(model) if model in self.scripts else None

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Play the script.

        Raises:
            ModelUnknown: The model has no script.
            ChatError: As the script says.
        """
        model = call.request.model
        script = self.scripts.get(model)
        if script is None:
            raise ModelUnknown(f"{self.name} has no script for {model!r}")
        play = EmbeddingPlay(call, anyio.current_time())
        self.plays.append(play)
        try:
            for step in script:
                if isinstance(step, Wait):
                    await anyio.sleep(step.wait_s)
                elif isinstance(step, Stall):
                    await anyio.sleep_forever()
                elif isinstance(step, Fail):
                    raise failure_of(step.fail)
            await anyio.lowlevel.checkpoint()
            return self._answer(call)
        finally:
            play.closed_s = anyio.current_time()

    def _answer(self, call: EmbeddingCall) -> EmbeddingResponse:
        request = call.request
        length = request.dimensions or self._shape(request.model).dimensions
        return EmbeddingResponse(
            id=f"scripted-{call.request_id}",
            provider=self.name,
            model=request.model,
            embeddings=tuple(_vector(text, length) for text in request.inputs),
            usage=Usage(
                input_tokens=sum(len(text.split()) for text in request.inputs),
                source=UsageSource.PROVIDER_FINAL,
            ),
            upstream_status=200,
        )

    def _shape(self, model: str) -> Vectors:
        said = [step.embed for step in self.scripts[model] if isinstance(step, Embed)]
        return said[-1] if said else Vectors()

    def _info(self, model: str) -> EmbeddingModelInfo:
        shape = self._shape(model)
        return EmbeddingModelInfo(
            provider=self.name,
            model=model,
            dimensions=shape.dimensions,
            lengths=(1, MOST_DIMENSIONS),
            max_inputs=shape.max_inputs,
            empty_inputs=True,
        )


def _vector(text: str, length: int) -> "array[float]":
    drawn = shake_128(text.encode(errors="replace")).digest(2 * length)
    # Odd numbers around zero: never all of them zero.
    numbers = [2 * int.from_bytes(drawn[at : at + 2]) - 65_535 for at in range(0, len(drawn), 2)]
    size = math.hypot(*numbers)
    return array("f", [number / size for number in numbers])
