"""Embeddings between the wire and the core."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model.embedding import EmbeddingRequest, EmbeddingResponse
from domain.model.usage import Usage
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.embeddings import embedding_request_of, embeddings_pb, vector_pb

FLOATS = st.floats(width=32, allow_nan=False)


@given(st.lists(FLOATS) | st.lists(FLOATS, min_size=33, max_size=40))
def test_a_vector_is_the_message_that_protobuf_would_make(numbers: list[float]) -> None:
    assert vector_pb(numbers) == pb.Embedding(values=numbers)
    assert vector_pb(array("f", numbers)) == pb.Embedding(values=numbers)


def test_a_long_vector_is_the_message_that_protobuf_would_make() -> None:
    numbers = [float(number) for number in range(5_000)]
    assert vector_pb(numbers) == pb.Embedding(values=numbers)


@pytest.mark.parametrize("dimensions", [None, 0, 3])
def test_a_length_that_is_not_said_is_not_zero(dimensions: int | None) -> None:
    message = pb.EmbedRequest(provider="p", model="m", inputs=["a"], dimensions=dimensions)
    assert embedding_request_of(message) == EmbeddingRequest(
        provider="p", model="m", inputs=("a",), dimensions=dimensions
    )


def test_an_answer_is_all_there() -> None:
    response = EmbeddingResponse(
        id="1", provider="p", model="m", embeddings=([1], [2]), usage=Usage(input_tokens=0)
    )
    message = embeddings_pb(response)
    assert (message.id, message.usage.input_tokens) == ("1", 0)
    assert message.usage.HasField("input_tokens")
    assert [list(each.values) for each in message.embeddings] == [[1], [2]]
