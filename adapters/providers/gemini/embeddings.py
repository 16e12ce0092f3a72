"""Gemini's embeddings: batchEmbedContents, for one text as for many.

As of 2026-11-22. A request takes 100 inputs ("at most 100 requests can be in one batch"). A vector that is
shorter than the model's own is not scaled to length 1 by gemini-embedding-001; it is given as it comes.

Source: https://ai.google.dev/api/embeddings, https://ai.google.dev/gemini-api/docs/embeddings (lengths, input
tokens); the batch as told by the server, geldata/gel#9032
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import attrs

from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.gemini.failure import failure_about
from adapters.providers.gemini.models import MODELS_PREFIX, bare_name
from adapters.providers.gemini.usage import usage_of
from adapters.wire.codec import ResponseHead, WireRequest
from adapters.wire.failures import protocol_error
from adapters.wire.lookup import json_of, object_in, objects_in
from adapters.wire.vectors import failed_at, vectors_of, wire_request
from domain.model.embedding import EmbeddingModelInfo, EmbeddingRequest, EmbeddingResponse
from domain.model.errors import ChatError
from domain.model.usage import NO_USAGE, UsageSource

MAX_INPUTS = 100
LENGTHS = (128, 3_072)
USUAL_LENGTH = 3_072
_INPUT_TOKENS: Mapping[str, int] = {"gemini-embedding-2": 8_192, "gemini-embedding-001": 2_048}


@attrs.frozen
class GeminiEmbeddings:
    """Gemini's protocol for embeddings; see `adapters.wire.embedding.EmbeddingCodec`."""

    config: GeminiConfig = GeminiConfig()

    @property
    def name(self) -> str:
        """The provider's configured name."""
        return self.config.name

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return the models that are listed."""
        return [self._info(model) for model in _INPUT_TOKENS]

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return what is known of `model`; one that is not known and embeds is taken for the newest."""
        return self._info(bare_name(model)) if "embedding" in model else None

    def encode(self, request: EmbeddingRequest, /) -> WireRequest:
        """Return `request` for the wire."""
        model = bare_name(request.model)
        asked: dict[str, Any] = {"model": MODELS_PREFIX + model}
        if request.dimensions is not None:
            asked["outputDimensionality"] = request.dimensions
        requests = [{**asked, "content": {"parts": [{"text": text}]}} for text in request.inputs]
        path = f"/{self.config.version}/models/{quote(model, safe='')}:batchEmbedContents"
        return wire_request(path, {"requests": requests})

    def decode(
        self, request: EmbeddingRequest, head: ResponseHead, body: bytes, /
    ) -> EmbeddingResponse:
        """Return what a good answer holds."""
        value = json_of(body)
        if not isinstance(value, dict):
            raise protocol_error("it is not a JSON object", upstream_status=head.status)
        raw = object_in(value, "usageMetadata")
        usage = usage_of(raw, UsageSource.PROVIDER_FINAL) if raw else NO_USAGE
        try:
            if value.get("error"):
                raise failure_about(value, False, head)
            values = [each.get("values") for each in objects_in(value, "embeddings")]
            vectors = vectors_of(request, values, head.status)
        except ChatError as failure:
            raise failed_at(usage, failure) from failure
        return EmbeddingResponse(
            # Gemini gives no id to these answers.
            id="",
            provider=self.name,
            model=request.model,
            embeddings=vectors,
            usage=usage,
            upstream_status=head.status,
        )

    def failure(self, request: EmbeddingRequest, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means."""
        return failure_about(json_of(body), False, head, head.status)

    def _info(self, model: str) -> EmbeddingModelInfo:
        return EmbeddingModelInfo(
            provider=self.name,
            model=model,
            dimensions=USUAL_LENGTH,
            lengths=LENGTHS,
            max_inputs=MAX_INPUTS,
            max_input_tokens=_INPUT_TOKENS.get(model),
        )
