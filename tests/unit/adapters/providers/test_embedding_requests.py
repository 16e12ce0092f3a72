"""What each wire is asked for embeddings: to the letter, and by its own description where there is one."""

import json
from functools import lru_cache
from typing import Any

import jsonschema
import jsonschema.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.compatible.embeddings import CompatibleEmbeddings, compatible_embeddings
from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.gemini.embeddings import GeminiEmbeddings
from adapters.providers.mistral.codec import MistralConfig
from adapters.providers.mistral.embeddings import mistral_embeddings
from adapters.providers.openai.codec import OpenAIConfig
from adapters.providers.openai.embeddings import openai_embeddings
from adapters.providers.openrouter.codec import OpenRouterConfig
from adapters.providers.openrouter.embeddings import openrouter_embeddings
from adapters.wire.embedding import EmbeddingCodec
from domain.model.errors import InvalidRequest
from tests.support.chat_contract import SPECS
from tests.support.embedding_calls import request

OPENAI = openai_embeddings(OpenAIConfig(organization="org-1"))
MISTRAL = mistral_embeddings(MistralConfig())
OPENROUTER = openrouter_embeddings(OpenRouterConfig(title="us", require_parameters=True))
COMPATIBLE = compatible_embeddings(CompatibleEmbeddings(name="c", models=("listed",)))
GEMINI = GeminiEmbeddings()
CODECS: list[EmbeddingCodec] = [OPENAI, MISTRAL, OPENROUTER, COMPATIBLE, GEMINI]


def body(codec: EmbeddingCodec, *inputs: str, **fields: Any) -> Any:
    return json.loads(codec.encode(request(*inputs, **fields)).body)


def test_openai_is_asked_for_base64() -> None:
    asked = request("a", "b", model="text-embedding-3-small", dimensions=256)
    wire = OPENAI.encode(asked)
    assert (wire.path, wire.headers) == ("/embeddings", {"openai-organization": "org-1"})
    assert json.loads(wire.body) == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "base64",
        "dimensions": 256,
    }
    assert OPENAI.encode(asked) == wire


def test_a_fixed_length_is_not_asked_for() -> None:
    assert "dimensions" not in body(OPENAI, model="text-embedding-ada-002", dimensions=1_536)
    assert "output_dimension" not in body(MISTRAL, model="mistral-embed", dimensions=1_024)


def test_mistral_has_its_own_word_for_the_length_and_is_asked_nothing_else() -> None:
    assert body(MISTRAL, "a", model="codestral-embed", dimensions=256) == {
        "model": "codestral-embed",
        "input": ["a"],
        "output_dimension": 256,
    }


def test_openrouter_hears_who_asks_and_who_may_be_asked() -> None:
    wire = OPENROUTER.encode(request("a", model="openai/x"))
    assert wire.headers == {"x-openrouter-title": "us"}
    assert json.loads(wire.body)["provider"] == {"require_parameters": True}
    plain = openrouter_embeddings(OpenRouterConfig())
    assert "provider" not in body(plain, model="openai/x")


def test_gemini_is_asked_for_a_batch_even_of_one() -> None:
    codec = GeminiEmbeddings(GeminiConfig(version="v1"))
    wire = codec.encode(request("a", "b", model="models/gemini-embedding-001", dimensions=768))
    assert wire.path == "/v1/models/gemini-embedding-001:batchEmbedContents"
    assert json.loads(wire.body) == {
        "requests": [
            {
                "model": "models/gemini-embedding-001",
                "content": {"parts": [{"text": text}]},
                "outputDimensionality": 768,
            }
            for text in "ab"
        ]
    }
    (only,) = body(codec, "a")["requests"]
    assert "outputDimensionality" not in only


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_text_that_is_no_unicode_is_refused(codec: EmbeddingCodec) -> None:
    with pytest.raises(InvalidRequest, match="inputs"):
        codec.encode(request("\ud800"))


# ------------------------------------------------------------------ models


@pytest.mark.parametrize(
    ("codec", "model", "lengths"),
    [
        (OPENAI, "text-embedding-3-large", (1, 3_072)),
        (OPENAI, "text-embedding-ada-002", None),
        (OPENAI, "text-embedding-9", (1, 2**31 - 1)),
        (MISTRAL, "mistral-embed", None),
        (MISTRAL, "codestral-embed-2505", (1, 2**31 - 1)),
        (GEMINI, "models/gemini-embedding-001", (128, 3_072)),
        (OPENROUTER, "any/thing", (1, 2**31 - 1)),
        (COMPATIBLE, "any", (1, 2**31 - 1)),
    ],
)
def test_models_that_embed_are_known_or_taken_for_new(
    codec: EmbeddingCodec, model: str, lengths: tuple[int, int] | None
) -> None:
    info = codec.info(model)
    assert info is not None
    assert (info.provider, info.lengths) == (codec.name, lengths)


@pytest.mark.parametrize(
    ("codec", "model"),
    [
        (OPENAI, "gpt-5"),
        (MISTRAL, "mistral-large-latest"),
        (GEMINI, "gemini-3.8-flash"),
        (
            compatible_embeddings(
                CompatibleEmbeddings(name="c", models=("listed",), open_ended=False)
            ),
            "other",
        ),
    ],
)
def test_models_that_do_not_embed_are_not(codec: EmbeddingCodec, model: str) -> None:
    assert codec.info(model) is None


def test_each_provider_lists_what_it_embeds_with() -> None:
    listed = {codec.name: [info.model for info in codec.models()] for codec in CODECS}
    assert listed == {
        "openai": ["text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"],
        "mistral": ["mistral-embed", "codestral-embed"],
        "openrouter": [],
        "c": ["listed"],
        "gemini": ["gemini-embedding-2", "gemini-embedding-001"],
    }
    assert all(codec.info(info.model) == info for codec in CODECS for info in codec.models())


# ------------------------------------------------------------------ OpenRouter's description


@lru_cache
def validator() -> jsonschema.Draft202012Validator:
    specification = SPECS / "openrouter-openapi.yaml"
    if not specification.exists():
        pytest.skip(f"the specification is not there: {specification}")
    yaml = pytest.importorskip("yaml")
    with specification.open("rb") as file:
        document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    post = document["paths"]["/embeddings"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator(
        {**schema, "additionalProperties": False, "components": document["components"]}
    )


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1),
    st.none() | st.integers(1, 10_000),
)
def test_every_body_fits_openrouters_description(inputs: list[str], length: int | None) -> None:
    asked = body(OPENROUTER, *inputs, model="a/b", dimensions=length)
    assert jsonschema.exceptions.best_match(validator().iter_errors(asked)) is None
