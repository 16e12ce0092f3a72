"""What is wrong with a request for embeddings, and how it is cut."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model.embedding import EmbeddingModelInfo, EmbeddingResponse
from domain.model.model_info import Feature, ModelInfo
from domain.model.usage import Usage, UsageSource
from domain.policy.embedding import MAX_BYTES, MAX_INPUTS, batches, joined, unfit, violations
from domain.policy.listing import listed
from tests.support.embedding_calls import request

INFO = EmbeddingModelInfo(provider="p", model="m", dimensions=8)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, []),
        ({"dimensions": 1}, []),
        ({"inputs": ("a",) * MAX_INPUTS}, []),
        ({"model": ""}, ["model"]),
        ({"inputs": ()}, ["inputs"]),
        ({"inputs": ("a",) * (MAX_INPUTS + 1)}, ["inputs"]),
        ({"inputs": ("é" * (MAX_BYTES // 2), "a")}, ["inputs"]),
        ({"dimensions": 0}, ["dimensions"]),
        ({"model": "", "inputs": (), "dimensions": -1}, ["model", "inputs", "dimensions"]),
    ],
)
def test_everything_wrong_is_named_at_once(fields: dict[str, Any], wrong: list[str]) -> None:
    assert [each.field for each in violations(attrs.evolve(request(), **fields))] == wrong


@pytest.mark.parametrize(
    ("facts", "asked", "wrong"),
    [
        ({}, {"inputs": ("a", "", "b", "")}, ["inputs[1]", "inputs[3]"]),
        ({"empty_inputs": True}, {"inputs": ("",)}, []),
        ({}, {"dimensions": 8}, []),
        ({}, {"dimensions": 4}, ["dimensions"]),
        ({"dimensions": None}, {"dimensions": 4}, ["dimensions"]),
        ({"lengths": (2, 16)}, {"dimensions": 16}, []),
        ({"lengths": (2, 16)}, {"dimensions": 17}, ["dimensions"]),
        ({"lengths": (2, 16)}, {"dimensions": 1}, ["dimensions"]),
        ({"lengths": (2, 16)}, {}, []),
    ],
)
def test_what_a_model_does_not_take_is_named(
    facts: dict[str, Any], asked: dict[str, Any], wrong: list[str]
) -> None:
    info = attrs.evolve(INFO, **facts)
    assert [each.field for each in unfit(request(**asked), info)] == wrong


@given(
    st.lists(st.text(max_size=12), min_size=1, max_size=40),
    st.integers(1, 9),
    st.none() | st.integers(1, 30),
)
def test_batches_hold_all_inputs_in_order_and_fit(
    inputs: list[str], max_inputs: int, max_bytes: int | None
) -> None:
    cut = batches(inputs, attrs.evolve(INFO, max_inputs=max_inputs, max_bytes=max_bytes))
    assert [text for batch in cut for text in batch] == inputs
    assert all(1 <= len(batch) <= max_inputs for batch in cut)
    if max_bytes is not None:
        sizes = [sum(len(text.encode()) for text in batch) for batch in cut]
        assert all(
            size <= max_bytes or len([text for text in batch if text]) == 1
            for size, batch in zip(sizes, cut, strict=True)
        )


def answer(*lengths: float, tokens: int | None = 1) -> EmbeddingResponse:
    return EmbeddingResponse(
        id=f"id-{lengths[0]:g}",
        provider="p",
        model="m",
        embeddings=tuple([length] for length in lengths),
        usage=Usage(input_tokens=tokens, source=UsageSource.PROVIDER_FINAL, raw={"a": 1}),
    )


def test_one_answer_stays_as_it_is() -> None:
    assert joined([answer(1, 2)]) == answer(1, 2)


def test_several_answers_are_one_with_all_tokens() -> None:
    whole = joined([answer(1, 2, tokens=3), answer(3, tokens=4)])
    assert [list(vector) for vector in whole.embeddings] == [[1], [2], [3]]
    assert whole.usage == Usage(input_tokens=7, source=UsageSource.PROVIDER_FINAL)
    assert whole.id == "id-3"


def test_tokens_that_one_part_did_not_count_are_not_known() -> None:
    assert joined([answer(1, tokens=3), answer(2, tokens=None)]).usage.input_tokens is None


def test_a_model_that_answers_and_embeds_is_listed_once() -> None:
    chat = [
        ModelInfo(provider="a", model="x", features=frozenset({Feature.SEED})),
        ModelInfo(provider="b", model="both", features=frozenset({Feature.STOP})),
    ]
    embedding = [
        EmbeddingModelInfo(provider="a", model="e", max_input_tokens=9),
        EmbeddingModelInfo(provider="b", model="both"),
    ]
    assert listed(chat, embedding) == [
        chat[0],
        ModelInfo(provider="a", model="e", features=frozenset(), context_tokens=9, embeds=True),
        attrs.evolve(chat[1], embeds=True),
    ]
