"""OpenAI's embeddings.

As of 2026-11-22. A request takes 2,048 inputs and 300,000 tokens in all; a token is never less than a byte,
so that requests which are cut by bytes are always taken. ``text-embedding-3`` and later can be shortened.

Source: https://platform.openai.com/docs/api-reference/embeddings/create (limits),
https://platform.openai.com/docs/guides/embeddings (lengths)
"""

import re
from collections.abc import Mapping

import attrs

from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.embeddings import (
    ANY_LENGTH,
    EmbeddingDialect,
    EmbeddingsCodec,
)
from adapters.providers.openai.codec import OpenAIConfig, account_headers
from domain.model.embedding import EmbeddingModelInfo

MAX_INPUTS = 2_048
MAX_BYTES = 300_000
_LENGTHS: Mapping[str, tuple[int, tuple[int, int] | None]] = {
    "text-embedding-3-small": (1_536, (1, 1_536)),
    "text-embedding-3-large": (3_072, (1, 3_072)),
    "text-embedding-ada-002": (1_536, None),
}
"""How long the vectors are, and how long they may be asked to be."""
_NEWER = re.compile(r"text-embedding-|.*-embed(?:ding)?(?:-|\Z)")


def openai_embeddings(config: OpenAIConfig) -> EmbeddingsCodec:
    """Return the codec of embeddings for the account of `config`."""
    plain = EmbeddingModelInfo(
        provider=config.name,
        model="",
        max_inputs=MAX_INPUTS,
        max_bytes=MAX_BYTES,
        max_input_tokens=8_192,
    )
    known = {
        model: attrs.evolve(plain, model=model, dimensions=usual, lengths=lengths)
        for model, (usual, lengths) in _LENGTHS.items()
    }

    def look_up(model: str) -> EmbeddingModelInfo | None:
        found = known.get(model)
        if found is None and _NEWER.match(model):
            # One that is newer than this table: OpenAI judges what it takes.
            return attrs.evolve(plain, model=model, lengths=ANY_LENGTH, max_input_tokens=None)
        return found

    spoken = Dialect(name=config.name, features=frozenset())
    return EmbeddingsCodec(
        dialect=EmbeddingDialect(spoken=spoken, headers=account_headers(config)),
        listed=tuple(known.values()),
        look_up=look_up,
    )
