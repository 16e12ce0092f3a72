"""The embedded model's embeddings around a scripted llama.cpp: threads, slots and failures."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from adapters.local.config import LocalConfig
from adapters.local.embeddings import LocalEmbeddings, open_local_embeddings
from domain.model.errors import ErrorReason, InvalidRequest, ProviderFailure
from domain.model.json_value import JsonObject
from tests.support.embedding_calls import base64, embed
from tests.support.local_fake import GIVE_UP_S, FakeLlama, Script
from tests.support.local_open import happened


def vector(*numbers: float, tokens: int = 2) -> JsonObject:
    return {"data": [{"embedding": base64(*numbers)}], "usage": {"prompt_tokens": tokens}}


def gives(answer: Callable[[str], object]) -> Script:
    def script(body: JsonObject, _: Callable[[Any], bool]) -> object:
        inputs: Any = body["input"]
        return answer(inputs[0])

    return script


def opened(script: Script, **config: Any) -> Any:
    return open_local_embeddings(LocalConfig(**config), loader=lambda _: FakeLlama(script))


async def failure(answer: Callable[[str], object], *inputs: str) -> Exception:
    async with opened(gives(answer)) as local:
        with pytest.raises((InvalidRequest, ProviderFailure)) as caught:
            await local.embed(embed(*inputs))
        with trio.fail_after(GIVE_UP_S):
            await local.engine.quiet()
    return caught.value


async def test_each_text_is_embedded_in_turn_and_tokens_are_added_up() -> None:
    async with opened(gives(lambda text: vector(len(text), 1.0))) as local:
        found = await local.embed(embed("a", "bb", "ccc"))
    assert [list(each) for each in found.embeddings] == [[1, 1], [2, 1], [3, 1]]
    assert found.usage.input_tokens == 6
    assert (found.provider, found.model) == ("local", "smollm2-135m-instruct")


async def test_a_call_that_is_given_up_stops_before_the_next_text() -> None:
    begun, go = threading.Semaphore(0), threading.Semaphore(0)
    seen: list[str] = []

    def held(text: str) -> object:
        seen.append(text)
        begun.release()
        assert go.acquire(timeout=GIVE_UP_S)
        return vector(1.0)

    async with opened(gives(held)) as local:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(local.embed, embed("a", "b", "c"))
            await happened(begun)
            # Returns at once, although the thread still reads its text.
            nursery.cancel_scope.cancel()
        assert local.engine.free_slots == 0
        go.release()
        with trio.fail_after(GIVE_UP_S):
            await local.engine.quiet()
    assert seen == ["a"]


async def test_a_text_of_too_many_tokens_is_named() -> None:
    error = {"error": {"code": 500, "message": "input (600 tokens) is too large to process"}}
    found = await failure(lambda text: error if text == "b" else vector(1.0), "a", "b")
    assert isinstance(found, InvalidRequest)
    (violation,) = found.violations
    assert violation.field == "inputs[1]"
    assert "600 tokens" in violation.description
    assert "512" in violation.description


async def test_a_text_that_cannot_fit_is_refused_unread() -> None:
    found = await failure(lambda _: vector(1.0), "x" * (512 * 128 + 1))
    assert isinstance(found, InvalidRequest)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": {"code": 500, "message": "oh"}}, ErrorReason.PROVIDER_SERVER_ERROR),
        ({"data": []}, ErrorReason.PROVIDER_PROTOCOL_ERROR),
        ({"data": [{"embedding": "?"}]}, ErrorReason.PROVIDER_PROTOCOL_ERROR),
    ],
)
async def test_other_answers_are_failures(answer: JsonObject, reason: ErrorReason) -> None:
    found = await failure(lambda _: answer)
    assert isinstance(found, ProviderFailure)
    assert found.reason is reason


async def test_what_llama_cpp_cannot_read_is_the_callers() -> None:
    def refuse(_: str) -> object:
        raise TypeError("surrogates not allowed")

    assert isinstance(await failure(refuse), InvalidRequest)


async def test_the_one_model_is_known_by_its_name() -> None:
    async with opened(gives(lambda _: vector(1.0))) as local:
        assert isinstance(local, LocalEmbeddings)
        (info,) = local.models()
        assert local.info(info.model) == info
        assert local.info("x") is None
        assert (local.name, info.dimensions, info.lengths) == ("local", 576, None)
