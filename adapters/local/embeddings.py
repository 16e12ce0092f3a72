"""The embedded model's embeddings: the mean over a text's tokens, scaled to length 1.

Laws: as for answers (`adapters.local.provider`): loading is lazy, at the first call that embeds and not with
answers; leaving a call returns at once. Texts are read one by one, so that a call which is given up stops
before the next of them; a text that is being read cannot be stopped.

Toy quality, but not noise: of six sentences on three subjects, those on the same subject had a cosine of
0.90-0.91 to one another, and of 0.69-0.85 to the others.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs

from adapters.local.config import LocalConfig
from adapters.local.engine import Engine, Loaded, Loading, Progress, Take, kept
from adapters.local.llama import Llama, Loader, load_embedder
from adapters.local.threads import Threads, poster
from adapters.wire.failures import protocol_error
from adapters.wire.lookup import count_in
from adapters.wire.vectors import vectors_of
from domain.model.embedding import (
    EmbeddingCall,
    EmbeddingModelInfo,
    EmbeddingRequest,
    EmbeddingResponse,
)
from domain.model.errors import (
    ChatError,
    ErrorReason,
    FieldViolation,
    InvalidRequest,
    ProviderFailure,
)
from domain.model.json_value import JsonObject
from domain.model.usage import Usage, UsageSource

BUNDLED_DIMENSIONS = 576
_MOST_CHARS_PER_TOKEN = 128
"""The most that one token was seen to hold is 64; so long a text is not even cut into tokens."""
# llama.cpp calls this a server error, and has no other word for it.
_TOO_LONG = re.compile(r"input \((\d+) tokens\)")


def _silent(_: Loading | Loaded) -> None:
    pass


def ask_embeddings(llama: Llama, body: JsonObject, take: Take) -> object:
    """Embed the inputs of `body` one by one, until that is not wanted any more; blocks."""
    inputs: Any = body["inputs"]
    for text in inputs:
        if take(llama.handle_embeddings({"input": [text], "encoding_format": "base64"})):
            break
    return None


@asynccontextmanager
async def open_local_embeddings(
    config: LocalConfig = LocalConfig(),  # noqa: B008  # a frozen value
    *,
    loader: Loader = load_embedder,
    progress: Progress = _silent,
) -> AsyncIterator["LocalEmbeddings"]:
    """Open the embedded model's embeddings.

    Args:
        config: Which model.
        loader: Gives the loaded model; blocks, in a thread.
        progress: Told when loading begins and ends.

    Resource handling:
        As `adapters.local.provider.open_local`; a text that is being read holds the way out for 2 s at most.
    """
    engine = Engine(
        config, loader, progress, Threads(poster()), anyio.CapacityLimiter(1), ask_embeddings
    )
    async with kept(engine):
        yield LocalEmbeddings(config, engine)


@attrs.frozen(eq=False)
class LocalEmbeddings:
    """The embedded model; see `ports.embedding_model.EmbeddingProvider`.

    Attributes:
        engine: Whoever opened it closes it.
    """

    config: LocalConfig
    engine: Engine

    @property
    def name(self) -> str:
        """The configured name."""
        return self.config.name

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return the one model, loaded or not."""
        return (
            EmbeddingModelInfo(
                provider=self.config.name,
                model=self.config.model,
                dimensions=BUNDLED_DIMENSIONS if self.config.model_path is None else None,
                max_input_tokens=self.config.max_embedded_tokens,
            ),
        )

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return what the one model takes; None: it is not called `model`."""
        return next((info for info in self.models() if info.model == model), None)

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors: load the model if need be, and wait until it is free.

        Raises:
            InvalidRequest: A text is too long.
            NotConfigured: Something that the model needs is missing.
            ProviderFailure: The model cannot be loaded, or failed.
        """
        request = call.request
        _check(request, self.config)
        answers: list[Any] = []
        generation = await self.engine.generate({"inputs": request.inputs}, _refused)
        try:
            while len(answers) < len(request.inputs):
                for answer in await generation.chunks():
                    self._raise_failure(answer, len(answers))
                    answers.append(answer)
        finally:
            generation.stop()
        return EmbeddingResponse(
            id="",
            provider=self.config.name,
            model=self.config.model,
            embeddings=vectors_of(request, [_vector(answer) for answer in answers], 0),
            usage=Usage(
                input_tokens=sum(
                    count_in(answer, "usage", "prompt_tokens") or 0 for answer in answers
                ),
                source=UsageSource.PROVIDER_FINAL,
            ),
        )

    def _raise_failure(self, answer: Any, index: int) -> None:
        error = answer.get("error")
        if error is None:
            return
        too_long = _TOO_LONG.match(error["message"])
        if too_long:
            most = self.config.max_embedded_tokens
            raise _too_long(index, f"has {too_long[1]} tokens", most)
        raise ProviderFailure(error["message"], ErrorReason.PROVIDER_SERVER_ERROR)


def _check(request: EmbeddingRequest, config: LocalConfig) -> None:
    for index, text in enumerate(request.inputs):
        if len(text) > config.max_embedded_tokens * _MOST_CHARS_PER_TOKEN:
            raise _too_long(index, f"has {len(text)} characters", config.max_embedded_tokens)


def _too_long(index: int, found: str, most: int) -> InvalidRequest:
    return InvalidRequest(
        FieldViolation(
            f"inputs[{index}]", f"{found}; the embedded model embeds at most {most} tokens: cut it"
        )
    )


def _refused(problem: str) -> ChatError:
    return InvalidRequest(FieldViolation("inputs", problem))


def _vector(answer: Any) -> object:
    try:
        return answer["data"][0]["embedding"]
    except (KeyError, IndexError, TypeError):
        raise protocol_error("it holds no vector") from None
