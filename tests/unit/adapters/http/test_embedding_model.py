"""The driver of embeddings, over connections in memory and over real ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
import trio
from trio.testing import MockClock

from adapters.http.embedding_model import DECODED_HERE_BYTES, HttpEmbeddingModel
from adapters.http.endpoint import Credential, Endpoint
from adapters.http.exchange import HttpBounds
from adapters.http.transport.opening import open_transport
from adapters.http.transport.pool import Limits
from adapters.providers.compatible.embeddings import CompatibleEmbeddings, compatible_embeddings
from domain.model.errors import ChatError, ErrorReason
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.embedding_calls import base64, embed
from tests.support.http_peer import (
    SECRET,
    Far,
    Handler,
    Part,
    answering,
    answering_once,
    head,
    request_on,
    sized,
)
from tests.support.http_sockets import serving

CODEC = compatible_embeddings(CompatibleEmbeddings(name="far", models=("m",)))
GOOD = orjson.dumps({"data": [{"index": 0, "embedding": base64(0.5, 1.0)}]})


def model_over(
    transport: httpx.AsyncBaseTransport, base_url: str = "http://far.test/v1", **fields: Any
) -> HttpEmbeddingModel:
    endpoint = Endpoint(base_url=base_url, credential=Credential("key#1", SECRET))
    return HttpEmbeddingModel(codec=CODEC, endpoint=endpoint, transport=transport, **fields)


@asynccontextmanager
async def far_model(
    handler: Handler, **fields: Any
) -> AsyncIterator[tuple[HttpEmbeddingModel, Far]]:
    async with trio.open_nursery() as nursery:
        far = Far(handler, nursery)
        async with open_transport(Limits(connections=1), connect=far.connect) as transport:
            yield model_over(transport, **fields), far
        nursery.cancel_scope.cancel()


async def failure(handler: Handler, **fields: Any) -> ChatError:
    async with far_model(handler, **fields) as (model, far):
        with pytest.raises(ChatError) as caught:
            await model.embed(embed())
    assert far.all_closed
    return caught.value


async def test_a_good_answer_is_its_vectors_and_its_connection_is_kept() -> None:
    async with far_model(answering(sized(GOOD))) as (model, far):
        found = [await model.embed(embed()) for _ in range(2)]
        assert len(far.streams) == 1
    assert [list(each.embeddings[0]) for each in found] == [[0.5, 1.0]] * 2
    assert model.name == "far"
    assert [info.model for info in model.models()] == ["m"]
    assert model.info("any") is not None


async def test_a_long_answer_is_decoded_beside_the_loop() -> None:
    vector = [0.5] * (DECODED_HERE_BYTES // 4)
    long = orjson.dumps({"data": [{"index": 0, "embedding": vector}]})
    assert len(long) > DECODED_HERE_BYTES
    async with far_model(answering(sized(long))) as (model, _):
        assert list((await model.embed(embed())).embeddings[0]) == vector
    broken = sized(long.replace(b"[0.5", b'["a"', 1))
    assert (await failure(answering(broken))).reason is ErrorReason.PROVIDER_PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((sized(b"{}"),), ErrorReason.PROVIDER_PROTOCOL_ERROR),
        ((sized(b"<html>"),), ErrorReason.PROVIDER_PROTOCOL_ERROR),
        ((sized(GOOD)[:-5],), ErrorReason.PROVIDER_STREAM_TRUNCATED),
        ((), ErrorReason.PROVIDER_CONNECTION_FAILED),
        ((sized(b"x" * 101),), ErrorReason.PROVIDER_PROTOCOL_ERROR),
        ((head("307 Elsewhere", location="/v2"),), ErrorReason.PROVIDER_PROTOCOL_ERROR),
        ((sized(b'{"error":{"message":"no"}}', "401 No"),), ErrorReason.PROVIDER_AUTH_FAILED),
    ],
)
async def test_every_other_answer_is_a_failure(
    parts: tuple[Part, ...], reason: ErrorReason
) -> None:
    error = await failure(answering_once(*parts), bounds=HttpBounds(body_bytes=100))
    assert error.reason is reason


async def test_a_rate_limit_says_when_to_come_back() -> None:
    error = await failure(answering(sized(b"{}", "429 Slow", retry_after="7")))
    assert (error.reason, error.retry_after_s) == (ErrorReason.PROVIDER_RATE_LIMITED, 7)
    assert (error.retryable, error.upstream_status) == (True, 429)


@pytest.mark.parametrize("status", ["200 OK", "400 Bad"])
async def test_our_secret_is_in_no_error(status: str) -> None:
    body = orjson.dumps({"error": {"code": 400, "message": f"the key {SECRET} is no good"}})
    error = await failure(answering(sized(body, status)))
    assert SECRET not in error.message
    assert "is no good" in error.message


async def test_an_answer_that_takes_too_long_is_given_up(autojump_clock: MockClock) -> None:
    slow: list[Part] = [part for byte in sized(GOOD) for part in (bytes([byte]), 1.0)]
    error = await failure(answering(*slow), bounds=HttpBounds(whole_s=20))
    assert error.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
    assert trio.current_time() == 20


@pytest.mark.parametrize(
    "parts",
    [
        (0.1, sized(GOOD)[:50], 0.1, sized(GOOD)[50:]),
        (0.1, sized(b"no", "500 Oh")[:-1], 0.1, b"o"),
    ],
)
def test_cancelled_anywhere_no_connection_is_left(parts: tuple[Part, ...]) -> None:
    async def scenario(cut: Cut) -> None:
        async with far_model(answering(*parts)) as (model, far):
            with cut.here():
                try:
                    await model.embed(embed())
                except ChatError:
                    assert parts[1] != sized(GOOD)[:50]
            # One place there is: were it lost, this would wait for ever.
            with trio.fail_after(60):
                try:
                    await model.embed(embed())
                except ChatError:
                    assert parts[1] != sized(GOOD)[:50]
        assert far.all_closed

    cancel_at_every_await(scenario, at_least=3)


async def test_cancelling_closes_the_providers_socket() -> None:
    begun, gone = trio.Event(), trio.Event()

    async def never(stream: trio.abc.Stream) -> None:
        await request_on(stream)
        begun.set()
        assert await stream.receive_some() == b""
        gone.set()

    async with serving(never) as port, open_transport() as transport:
        model = model_over(transport, f"http://127.0.0.1:{port}/v1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(model.embed, embed())
            await begun.wait()
            nursery.cancel_scope.cancel()
        with trio.fail_after(1):
            await gone.wait()
