"""Embeddings end to end: Google's client, our server, and providers on sockets, scripted and embedded."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import grpc
import orjson
import pytest
import trio

from adapters.local.config import LocalConfig
from adapters.local.presence import missing
from domain.model.usage import AttemptOutcome
from entrypoints.client.client import connect
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.embedding_calls import base64
from tests.support.http_peer import Handler, answering, request_on, sized
from tests.support.http_sockets import serving
from tests.support.system_gateway import LOCAL, Refused, in_thread, open_gateway, refusal, stub

PLAYS = {
    "e": [{"embed": {"dimensions": 4, "max_inputs": 2}}],
    "slow": [{"stall": True}],
    "full": [{"fail": {"reason": "PROVIDER_RATE_LIMITED", "retry_after_s": 7.0, "status": 429}}],
}
SCRIPTED = {
    "local": {"enabled": False},
    "providers": {
        "play": {"kind": "scripted", "models": {"hi": [{"say": "x"}]}, "embedding_models": PLAYS}
    },
}


def ask(*inputs: str, model: str = "play/e", **fields: Any) -> pb.EmbedRequest:
    return pb.EmbedRequest(model=model, inputs=inputs or ("a",), **fields)


def embed(address: str, request: pb.EmbedRequest, timeout: float = 60) -> pb.EmbedResponse:
    """Call with grpcio."""
    with grpc.insecure_channel(address) as channel:
        call: Callable[..., pb.EmbedResponse] = channel.unary_unary(
            "/llmservice.v1.EmbeddingService/Embed",
            pb.EmbedRequest.SerializeToString,
            pb.EmbedResponse.FromString,
        )
        return call(request, timeout=timeout)


async def refused(address: str, request: pb.EmbedRequest, within_s: float = 60) -> Refused:
    return await in_thread(refusal, lambda: embed(address, request, within_s))


async def test_grpcio_gets_a_vector_for_each_input_and_each_batch_its_record() -> None:
    async with open_gateway(SCRIPTED) as gateway:
        answer = await in_thread(embed, gateway.address, ask("one two", "b", "one two"))
    assert [len(each.values) for each in answer.embeddings] == [4, 4, 4]
    assert answer.embeddings[0] == answer.embeddings[2] != answer.embeddings[1]
    assert answer.usage.input_tokens == 5
    outcomes = [record.attempt.outcome for record in gateway.log.records]
    assert outcomes == [AttemptOutcome.SERVED] * 2


async def test_a_bad_request_names_every_field() -> None:
    async with open_gateway(SCRIPTED) as gateway:
        told = await refused(gateway.address, pb.EmbedRequest(dimensions=0))
        assert told.code is grpc.StatusCode.INVALID_ARGUMENT
        assert set(told.fields) == {"model", "inputs", "dimensions"}
        told = await refused(gateway.address, ask(provider="anthropic", model="claude-x"))
        assert (told.code, told.reason) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "CALLER_INVALID_REQUEST",
        )
        assert "play" in told.fields["provider"]
        told = await refused(
            gateway.address, ask(provider="openai", model="text-embedding-3-small")
        )
        assert told.reason == "PROVIDER_NOT_CONFIGURED"
        assert "OPENAI_API_KEY" in told.message
    assert not gateway.log.records


async def test_a_failure_tells_what_was_tried_and_when_to_come_back() -> None:
    async with open_gateway(SCRIPTED) as gateway:
        told = await refused(gateway.address, ask(model="play/full"))
    assert (told.code, told.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "PROVIDER_RATE_LIMITED",
    )
    assert told.retry_after_s == 7
    assert told.metadata["provider"] == "play"
    assert told.usage is not None
    assert [each.model for each in told.usage.attempts] == ["full"]


async def test_a_deadline_ends_the_attempt() -> None:
    async with open_gateway(SCRIPTED) as gateway:
        told = await refused(gateway.address, ask(model="play/slow"), within_s=0.2)
        assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED
    (record,) = gateway.log.records
    assert record.attempt.outcome in {AttemptOutcome.DEADLINE, AttemptOutcome.CANCELLED}


async def test_our_client_embeds_lists_and_fails() -> None:
    async with open_gateway(SCRIPTED) as gateway, connect(gateway.address) as client:
        answer = await client.embed(ask("a", dimensions=2), timeout_s=30)
        assert [len(each.values) for each in answer.embeddings] == [2]
        models = {each.model: list(each.capabilities) for each in await client.list_models("play")}
        assert models["e"] == ["embeddings"]
        assert "embeddings" not in models["hi"]
        with pytest.raises(CallFailed) as caught:
            await client.embed(ask(model="play/hi"))
    assert caught.value.reason == "CALLER_MODEL_UNKNOWN"


# ------------------------------------------------------------------ over HTTP

EXPECTED = [[0.5, -0.25], [1.0, 0.125]]
OPENAI_ANSWER: dict[str, Any] = {
    "data": [
        {"index": 1, "embedding": base64(*EXPECTED[1])},
        {"index": 0, "embedding": base64(*EXPECTED[0])},
    ],
    "usage": {"prompt_tokens": 5, "total_tokens": 5},
}
GEMINI_ANSWER = {
    "embeddings": [{"values": values} for values in EXPECTED],
    "usageMetadata": {"promptTokenCount": 5},
}


@pytest.mark.parametrize(
    ("provider", "kind", "model", "path", "answer"),
    [
        ("openai", "openai", "text-embedding-3-small", "/embeddings", OPENAI_ANSWER),
        ("mistral", "mistral", "mistral-embed", "/embeddings", OPENAI_ANSWER),
        ("openrouter", "openrouter", "openai/e", "/embeddings", OPENAI_ANSWER),
        ("house", "compatible", "nomic", "/embeddings", OPENAI_ANSWER),
        (
            "gemini",
            "gemini",
            "gemini-embedding-001",
            "/v1beta/models/gemini-embedding-001:batchEmbedContents",
            GEMINI_ANSWER,
        ),
    ],
)
async def test_each_wire_from_socket_to_socket(
    provider: str, kind: str, model: str, path: str, answer: Any
) -> None:
    requests: list[bytes] = []

    async def handler(stream: trio.abc.Stream) -> None:
        while (request := await request_on(stream)) is not None:
            requests.append(request)
            await stream.send_all(sized(orjson.dumps(answer), x_request_id="req-9"))

    found = await _through(
        handler, provider, kind, ask("red", "blue", provider=provider, model=model)
    )
    answered, records = found
    assert [list(each.values) for each in answered.embeddings] == EXPECTED
    assert answered.usage.input_tokens == 5
    (request,) = requests
    assert request.startswith(f"POST {path} HTTP/1.1\r\n".encode())
    assert b"sk-test" in request.partition(b"\r\n\r\n")[0]
    (record,) = records
    assert (record.attempt.outcome, record.attempt.credential_alias) == (
        AttemptOutcome.SERVED,
        "TEST_KEY#1",
    )


async def _through(
    handler: Handler, provider: str, kind: str, request: pb.EmbedRequest
) -> tuple[pb.EmbedResponse, Sequence[Any]]:
    async with serving(handler) as port:
        settings = {
            "local": {"enabled": False},
            "providers": {
                provider: {
                    "kind": kind,
                    "base_url": f"http://127.0.0.1:{port}",
                    "api_key_env": "TEST_KEY",
                }
            },
        }
        async with open_gateway(settings, {"TEST_KEY": "sk-test"}) as gateway:
            answer = await in_thread(embed, gateway.address, request)
        return answer, gateway.log.records


async def test_a_client_that_goes_away_closes_the_providers_socket() -> None:
    begun, gone = trio.Event(), trio.Event()

    async def never(stream: trio.abc.Stream) -> None:
        await request_on(stream)
        begun.set()
        await stream.receive_some()
        gone.set()

    settings: dict[str, Any] = {"local": {"enabled": False}}
    async with serving(never) as port:
        settings["providers"] = {
            "house": {"kind": "compatible", "base_url": f"http://127.0.0.1:{port}"}
        }
        async with open_gateway(settings) as gateway, connect(gateway.address) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.embed, ask(model="house/m"))
                await begun.wait()
                tasks.cancel_scope.cancel()
            with trio.fail_after(15):
                await gone.wait()
    (record,) = gateway.log.records
    assert record.attempt.outcome is AttemptOutcome.CANCELLED


async def test_vectors_that_are_too_few_are_the_providers_fault() -> None:
    short = orjson.dumps({"data": OPENAI_ANSWER["data"][:1]})
    async with serving(answering(sized(short))) as port:
        house = {"kind": "compatible", "base_url": f"http://127.0.0.1:{port}"}
        async with open_gateway(
            {"local": {"enabled": False}, "providers": {"house": house}}
        ) as gateway:
            told = await refused(gateway.address, ask("a", "b", model="house/m"))
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "PROVIDER_PROTOCOL_ERROR")


# ------------------------------------------------------------------ the embedded model


@pytest.mark.skipif(missing(LocalConfig()) is not None, reason=missing(LocalConfig()) or "")
async def test_the_embedded_model_finds_what_is_alike() -> None:
    texts = [
        "The cat sat on the mat.",
        "A kitten is resting on a rug.",
        "Stock markets fell sharply today.",
        "Shares dropped on Wall Street.",
    ]
    async with open_gateway({}) as gateway:
        answer = await in_thread(embed, gateway.address, ask(*texts, model=LOCAL))
        again = await in_thread(embed, gateway.address, ask(texts[0], model=LOCAL))
        with stub(gateway.address) as client:
            (model,) = (
                await in_thread(client.models, pb.ListModelsRequest(provider="local"), timeout=20)
            ).models
        long = await refused(gateway.address, ask("a", "word " * 600, model=LOCAL))
    vectors = [list(each.values) for each in answer.embeddings]
    assert {len(vector) for vector in vectors} == {576}
    assert list(again.embeddings[0].values) == vectors[0]
    assert "embeddings" in model.capabilities
    alike = [_dot(vectors[0], other) for other in vectors]
    assert math.isclose(alike[0], 1, rel_tol=1e-3)
    assert alike[1] > max(alike[2:])
    assert answer.usage.input_tokens > len(texts)
    assert long.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(long.fields) == {"inputs[1]"}


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
