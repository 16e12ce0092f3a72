"""Embeddings as OpenAI has them, and whoever is compatible with it: data, and the codec it makes.

Laws: the order is the inputs', whatever order the answer has; whether numbers or base64 come back is the
server's choice, since many ignore what they are asked; error answers mean what they mean for a chat.

Source: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from collections.abc import Callable, Mapping, Sequence

import attrs

from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.failure import failure_in_answer, failure_of_status
from adapters.providers.chat_completions.usage import usage_of
from adapters.wire.codec import ResponseHead, WireRequest
from adapters.wire.failures import protocol_error
from adapters.wire.lookup import integer_in, json_of, object_in, objects_in, text_in
from adapters.wire.vectors import failed_at, vectors_of, wire_request
from domain.model.embedding import EmbeddingModelInfo, EmbeddingRequest, EmbeddingResponse
from domain.model.errors import ChatError
from domain.model.json_value import Json, JsonObject
from domain.model.usage import NO_USAGE, UsageSource

ANY_LENGTH = (1, 2**31 - 1)
"""Where only the server knows which lengths it can make."""


@attrs.frozen(kw_only=True)
class EmbeddingDialect:
    """One speaker of ``/embeddings``.

    Attributes:
        spoken: How the same provider tells of errors, and its name.
        dimensions_field: What the length of the vectors is called.
        encoding_format: Asked for; ``None``: the server is not asked.
        headers: Sent with every request.
        fields: Sent with every request, in its body.
    """

    spoken: Dialect
    dimensions_field: str = "dimensions"
    encoding_format: str | None = "base64"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    fields: JsonObject = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class EmbeddingsCodec:
    """One provider's embeddings; see `adapters.wire.embedding.EmbeddingCodec`.

    Attributes:
        listed: Models known without asking.
        look_up: Says what is known of a model, listed or not; None: it does not embed.
    """

    dialect: EmbeddingDialect
    listed: Sequence[EmbeddingModelInfo] = ()
    look_up: Callable[[str], EmbeddingModelInfo | None]

    @property
    def name(self) -> str:
        """The provider's configured name."""
        return self.dialect.spoken.name

    def models(self) -> Sequence[EmbeddingModelInfo]:
        """Return the models known without asking."""
        return self.listed

    def info(self, model: str, /) -> EmbeddingModelInfo | None:
        """Return what is known of `model`."""
        return self.look_up(model)

    def encode(self, request: EmbeddingRequest, /) -> WireRequest:
        """Return `request` for the wire."""
        dialect = self.dialect
        body: dict[str, Json] = {
            **dialect.fields,
            "model": request.model,
            "input": list(request.inputs),
        }
        if dialect.encoding_format is not None:
            body["encoding_format"] = dialect.encoding_format
        info = self.look_up(request.model)
        # A model whose length is fixed refuses even to be asked for that length.
        if request.dimensions is not None and info is not None and info.lengths is not None:
            body[dialect.dimensions_field] = request.dimensions
        return attrs.evolve(wire_request("/embeddings", body), headers=dialect.headers)

    def decode(
        self, request: EmbeddingRequest, head: ResponseHead, body: bytes, /
    ) -> EmbeddingResponse:
        """Return what a good answer holds."""
        value = json_of(body)
        if not isinstance(value, dict):
            raise protocol_error("it is not a JSON object", upstream_status=head.status)
        spoken = self.dialect.spoken
        raw = object_in(value, "usage")
        usage = usage_of(raw, UsageSource.PROVIDER_FINAL) if raw else NO_USAGE
        try:
            if value.get("error"):
                raise failure_in_answer(spoken, head, value)
            ordered = _ordered(objects_in(value, "data"), head.status)
            vectors = vectors_of(request, [each.get("embedding") for each in ordered], head.status)
        except ChatError as failure:
            raise failed_at(usage, failure) from failure
        id_ = text_in(value, "id")
        return EmbeddingResponse(
            id=id_ or head.headers.get(spoken.request_id_header, ""),
            provider=self.name,
            model=text_in(value, "model") or request.model,
            embeddings=vectors,
            usage=usage,
            upstream_status=head.status,
            upstream_request_id=head.headers.get(spoken.request_id_header)
            or text_in(value, spoken.request_id_field),
        )

    def failure(self, request: EmbeddingRequest, head: ResponseHead, body: bytes, /) -> ChatError:
        """Return what an answer with an error status means."""
        return failure_of_status(self.dialect.spoken, head, body)


def _ordered(items: Sequence[JsonObject], status: int) -> Sequence[JsonObject]:
    """Return `items` in the order of the inputs: as the indexes say, or as they stand where none has one."""
    indexes = [integer_in(each, "index") for each in items]
    if all(index is None for index in indexes):
        return items
    placed = {index: each for index, each in zip(indexes, items, strict=True) if index is not None}
    if placed.keys() != set(range(len(items))):
        raise protocol_error("its indexes are not those of the inputs", upstream_status=status)
    return [placed[index] for index in range(len(items))]
