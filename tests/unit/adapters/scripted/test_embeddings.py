"""The scripted provider's embeddings."""

import math

import pytest
import trio
from trio.testing import MockClock

from adapters.scripted.embeddings import ScriptedEmbeddings
from adapters.scripted.script import Embed, EmbeddingStep, Fail, Failure, Stall, Vectors, Wait
from domain.model.errors import ErrorReason, ModelUnknown, ProviderFailure
from tests.support.embedding_calls import embed


def scripted(*steps: EmbeddingStep) -> ScriptedEmbeddings:
    return ScriptedEmbeddings(scripts={"m": steps})


async def test_the_same_text_has_the_same_vector_and_another_has_another() -> None:
    found = (await scripted().embed(embed("a", "b", "a", ""))).embeddings
    assert found[0] == found[2]
    assert len({tuple(vector) for vector in found}) == 3
    assert all(
        len(vector) == 8 and math.isclose(math.hypot(*vector), 1, rel_tol=1e-6) for vector in found
    )


async def test_words_are_counted_and_lengths_are_as_asked() -> None:
    provider = scripted(Embed(Vectors(dimensions=3, max_inputs=5)))
    response = await provider.embed(embed("one two", "three"))
    assert response.usage.input_tokens == 3
    assert [len(vector) for vector in response.embeddings] == [3, 3]
    assert len((await provider.embed(embed(dimensions=5))).embeddings[0]) == 5
    (info,) = provider.models()
    assert (info.dimensions, info.max_inputs) == (3, 5)
    assert provider.info("m") == info
    assert provider.info("x") is None


async def test_a_script_waits_and_fails_as_it_says(autojump_clock: MockClock) -> None:
    provider = scripted(Wait(2.0), Fail(Failure(reason="PROVIDER_OVERLOADED", status=503)))
    with pytest.raises(ProviderFailure) as caught:
        await provider.embed(embed())
    assert caught.value.reason is ErrorReason.PROVIDER_OVERLOADED
    assert trio.current_time() == 2


async def test_a_play_that_is_cancelled_is_closed(autojump_clock: MockClock) -> None:
    provider = scripted(Stall(stall=True))
    with trio.move_on_after(3):
        await provider.embed(embed())
    (play,) = provider.plays
    assert play.closed_s == 3


async def test_a_model_without_a_script_is_unknown() -> None:
    with pytest.raises(ModelUnknown, match="'x'"):
        await scripted().embed(embed(model="x"))
