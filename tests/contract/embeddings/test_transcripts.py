"""Answers of every wire for embeddings, as their providers write them, and what they mean."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.providers.compatible.embeddings import CompatibleEmbeddings, compatible_embeddings
from adapters.providers.gemini.embeddings import GeminiEmbeddings
from adapters.providers.mistral.codec import MistralConfig
from adapters.providers.mistral.embeddings import mistral_embeddings
from adapters.providers.openai.codec import OpenAIConfig
from adapters.providers.openai.embeddings import openai_embeddings
from adapters.providers.openrouter.codec import OpenRouterConfig
from adapters.providers.openrouter.embeddings import openrouter_embeddings
from adapters.wire.codec import ResponseHead
from adapters.wire.embedding import EmbeddingCodec
from domain.model.embedding import FailedAtCost
from domain.model.errors import ChatError
from domain.model.usage import UsageSource
from tests.support.embedding_calls import request

TRANSCRIPTS = Path(__file__).parent / "transcripts"
HEADERS = {"x-request-id": "req-1", "mistral-correlation-id": "corr-1"}
CODECS: dict[str, EmbeddingCodec] = {
    "openai": openai_embeddings(OpenAIConfig()),
    "compatible": compatible_embeddings(CompatibleEmbeddings(name="compatible")),
    "mistral": mistral_embeddings(MistralConfig()),
    "openrouter": openrouter_embeddings(OpenRouterConfig()),
    "gemini": GeminiEmbeddings(),
}
EXPECTED = sorted(TRANSCRIPTS.glob("*.expected.json"))


def read(path: Path) -> tuple[dict[str, Any], bytes]:
    body = path.with_name(path.name.removesuffix(".expected.json"))
    return json.loads(path.read_bytes()), body.read_bytes()


def named(path: Path) -> str:
    return path.name.partition(".")[0]


def test_there_are_transcripts() -> None:
    assert {read(path)[0]["codec"] for path in EXPECTED} == set(CODECS)


@pytest.mark.parametrize(
    "path", [each for each in EXPECTED if "vectors" in read(each)[0]], ids=named
)
def test_a_good_answer_means_its_vectors(path: Path) -> None:
    expected, body = read(path)
    codec = CODECS[expected["codec"]]
    found = codec.decode(request(*expected["inputs"]), ResponseHead(200, HEADERS), body)
    assert [list(vector) for vector in found.embeddings] == expected["vectors"]
    assert (found.provider, found.model) == (codec.name, expected["model"])
    assert (found.id, found.upstream_request_id) == (expected["id"], expected["request_id"])
    assert found.upstream_status == 200
    assert found.usage.input_tokens == expected["input_tokens"]
    counted = expected["input_tokens"] is not None
    assert found.usage.source is (UsageSource.PROVIDER_FINAL if counted else None)
    assert bool(found.usage.raw) == counted


@pytest.mark.parametrize("path", [each for each in EXPECTED if "says" in read(each)[0]], ids=named)
def test_any_other_answer_is_a_failure_that_says_why(path: Path) -> None:
    expected, body = read(path)
    codec = CODECS[expected["codec"]]
    asked = request(*expected["inputs"], dimensions=expected.get("dimensions"))
    head = ResponseHead(expected.get("status", 200), {**HEADERS, "retry-after": "7"})
    if head.status == 200:
        with pytest.raises(ChatError) as caught:
            codec.decode(asked, head, body)
        error = caught.value
    else:
        error = codec.failure(asked, head, body)
    assert error.reason.name == expected["reason"]
    assert expected["says"] in error.message
    assert error.upstream_status == head.status
    told = error.usage.input_tokens if isinstance(error, FailedAtCost) else None
    assert told == expected.get("input_tokens")
    if error.reason.name == "PROVIDER_RATE_LIMITED":
        assert error.retry_after_s == 7
