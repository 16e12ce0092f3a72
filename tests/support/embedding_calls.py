"""Calls for embeddings, and a model that does what a test says."""

from array import array
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import attrs

from domain.model.embedding import (
    EmbeddingCall,
    EmbeddingModelInfo,
    EmbeddingRequest,
    EmbeddingResponse,
)
from domain.model.usage import Usage, UsageSource

USAGE = Usage(input_tokens=3, source=UsageSource.PROVIDER_FINAL)
Step = float | Exception | Callable[[], None]
"""A number is slept in seconds, an exception is raised, a function is called."""


def request(*inputs: str, model: str = "m", **fields: Any) -> EmbeddingRequest:
    """Return a request to embed `inputs`."""
    return EmbeddingRequest(model=model, inputs=fields.pop("inputs", inputs or ("a",)), **fields)


def embed(*inputs: str, **fields: Any) -> EmbeddingCall:
    """Return a call to embed `inputs`."""
    return EmbeddingCall(request=request(*inputs, **fields), request_id="call-1")


def base64(*numbers: float) -> str:
    """Return `numbers` as providers encode them."""
    return b64encode(array("f", numbers).tobytes()).decode()


@attrs.define(eq=False)
class Embedder:
    """Plays `steps`, then gives each text its length as a vector of one number."""

    steps: Sequence[Step] = ()
    name: str = "upstream"
    declared: tuple[str, ...] = ("m",)
    facts: dict[str, Any] = attrs.field(factory=dict)
    usage: Usage = USAGE
    calls: list[EmbeddingCall] = attrs.field(factory=list)
    open: int = 0

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        self.calls.append(call)
        self.open += 1
        try:
            for step in self.steps:
                if isinstance(step, int | float):
                    await anyio.sleep(step)
                elif isinstance(step, Exception):
                    raise step
                else:
                    step()
            await anyio.lowlevel.checkpoint()
        finally:
            self.open -= 1
        return EmbeddingResponse(
            id=f"answer-{len(self.calls)}",
            provider=self.name,
            model=call.request.model,
            embeddings=tuple([float(len(text))] for text in call.request.inputs),
            usage=self.usage,
            upstream_status=200,
            upstream_request_id="req-1",
        )

    def models(self) -> Sequence[EmbeddingModelInfo]:
        return [self._info(model) for model in self.declared]

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        return self._info(model) if model in self.declared else None

    def _info(self, model: str) -> EmbeddingModelInfo:
        return EmbeddingModelInfo(provider=self.name, model=model, **self.facts)
