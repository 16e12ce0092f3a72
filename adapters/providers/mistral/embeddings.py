"""Mistral's embeddings: another word for the length, which only Codestral Embed takes.

As of 2026-11-22. A request takes 256 inputs and 16,384 tokens in all; a token is never less than a byte, and
each input has one that marks its beginning.

Source: https://docs.mistral.ai/api/endpoint/embeddings; the limits as measured in rig-core 0.42 and as the
server tells them ("Too many inputs in request", "Too many tokens overall")
"""

from collections.abc import Mapping

import attrs

from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.embeddings import (
    ANY_LENGTH,
    EmbeddingDialect,
    EmbeddingsCodec,
)
from adapters.providers.mistral.codec import REQUEST_ID_HEADER, MistralConfig
from domain.model.embedding import EmbeddingModelInfo

MAX_INPUTS = 256
MAX_BYTES = 16_000
_LENGTHS: Mapping[str, tuple[int, tuple[int, int] | None]] = {
    "mistral-embed": (1_024, None),
    "codestral-embed": (1_536, (1, 3_072)),
}
"""How long the vectors are, and how long they may be asked to be."""


def mistral_embeddings(config: MistralConfig) -> EmbeddingsCodec:
    """Return the codec of embeddings for the account of `config`."""
    plain = EmbeddingModelInfo(
        provider=config.name, model="", max_inputs=MAX_INPUTS, max_bytes=MAX_BYTES
    )
    known = {
        model: attrs.evolve(
            plain, model=model, dimensions=usual, lengths=lengths, max_input_tokens=8_192
        )
        for model, (usual, lengths) in _LENGTHS.items()
    }

    def look_up(model: str) -> EmbeddingModelInfo | None:
        found = known.get(model)
        if found is None and "embed" in model:
            # A dated name, or one that is newer than this table.
            return attrs.evolve(plain, model=model, lengths=ANY_LENGTH)
        return found

    return EmbeddingsCodec(
        dialect=EmbeddingDialect(
            spoken=Dialect(
                name=config.name, features=frozenset(), request_id_header=REQUEST_ID_HEADER
            ),
            dimensions_field="output_dimension",
            # Its floats are written in full there, and 1,024 of them are 20 KB.
            encoding_format=None,
        ),
        listed=tuple(known.values()),
        look_up=look_up,
    )
