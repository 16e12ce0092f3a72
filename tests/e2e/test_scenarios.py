"""The eleven scenarios: a real server process, real sockets, Google's client; real providers with their keys.

just e2e                 providers at home
just e2e --live          the real ones whose keys are in the environment, up to a ceiling of cost
"""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import attrs
import grpc
import pytest
import trustme

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.e2e.house import (
    FAMILIES,
    NARROW_TOKEN,
    TOKEN,
    House,
    ask,
    bearer,
    broken,
    live,
    open_house,
    there,
)
from tests.e2e.upstream import KEY
from tests.support.system_gateway import Stub, refusal, stub
from tests.support.system_stream import checked
from tests.support.tls_files import Files

PATIENCE_S = 60
by_provider = pytest.mark.parametrize("provider", there())


@contextmanager
def calling(house: House, token: str = TOKEN) -> Iterator[Stub]:
    """Give a client that shows `token`."""
    with stub(house.address) as plain:

        def invoke(request: pb.LLMRequest, timeout: float = PATIENCE_S) -> pb.LLMResponse:
            return plain.invoke(request, timeout=timeout, metadata=bearer(token))

        def stream(
            request: pb.LLMRequest, timeout: float = PATIENCE_S
        ) -> Iterator[pb.LLMStreamResponse]:
            return plain.stream(request, timeout=timeout, metadata=bearer(token))

        yield attrs.evolve(plain, invoke=invoke, stream=stream)


def records(house: House) -> list[pb.UsageRecord]:
    """Return what the account holds of this caller."""
    with grpc.insecure_channel(house.address) as channel:
        query = channel.unary_stream(
            "/llmservice.v1.UsageService/QueryUsage",
            pb.QueryUsageRequest.SerializeToString,
            pb.UsageRecord.FromString,
        )
        return list(query(pb.QueryUsageRequest(), metadata=bearer(), timeout=PATIENCE_S))


def user(text: str) -> pb.ChatMessage:
    return pb.ChatMessage(role="user", content=text)


@by_provider
def test_basic_call(house: House, provider: str) -> None:
    before = len(records(house))
    with calling(house) as client:
        answer = client.invoke(ask(provider, "Say hello in five words."))
    assert answer.content.strip()
    assert answer.finish_reason == pb.FINISH_REASON_STOP
    assert answer.provider == provider
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert answer.usage.cost_nano_usd > 0
    (attempt,) = answer.attempts
    assert attempt.outcome == pb.ATTEMPT_OUTCOME_SERVED
    (record,) = records(house)[before:]
    assert record.caller == "e2e"
    assert record.attempt.usage.cost_nano_usd == answer.usage.cost_nano_usd


@by_provider
def test_streamed_call(house: House, provider: str) -> None:
    with calling(house) as client:
        events = list(client.stream(ask(provider, "Say hello in five words.")))
    checked(events)
    words = [each.content for each in events if each.type == pb.STREAM_EVENT_TYPE_CONTENT_DELTA]
    assert "".join(words).strip()
    assert events[-1].finish_reason == pb.FINISH_REASON_STOP
    assert events[-1].usage.output_tokens > 0


@by_provider
def test_chat_history(house: House, provider: str) -> None:
    told = [
        pb.ChatMessage(role="system", content="Answer with one word."),
        user("My name is Ada."),
        pb.ChatMessage(role="assistant", content="Hello!"),
        user("What is my name?"),
    ]
    with calling(house) as client:
        answer = client.invoke(ask(provider, messages=told))
    assert "Ada" in answer.content


@by_provider
def test_parallel_streaming(house: House, provider: str) -> None:
    count = 5 if live(provider) else 40
    together = threading.Barrier(count)
    with calling(house) as client, ThreadPoolExecutor(count) as threads:

        def one(number: int) -> str:
            together.wait(PATIENCE_S)
            events = list(client.stream(ask(provider, f"Repeat exactly: pear-{number}")))
            checked(events)
            return "".join(each.content for each in events)

        said = list(threads.map(one, range(count)))
    assert all(f"pear-{number}" in each for number, each in enumerate(said))


@by_provider
def test_large_prompt(house: House, provider: str) -> None:
    filler = "The quick brown fox jumps over the lazy dog. " * 1_150
    prompt = (
        f"{filler}The secret word is walrus. {filler}What is the secret word? Answer with it alone."
    )
    assert len(prompt) > 100_000
    with calling(house) as client:
        answer = client.invoke(ask(provider, prompt))
    assert "walrus" in answer.content.lower()
    assert answer.usage.input_tokens > 10_000


@by_provider
def test_model_parameters(house: House, provider: str) -> None:
    request = ask(
        provider, "Count from one to two hundred, in words.", temperature=0.0, stop=["END"]
    )
    request.max_tokens = 20
    seen = len(house.upstream.asked)
    with calling(house) as client:
        answer = client.invoke(request)
    assert answer.finish_reason == pb.FINISH_REASON_MAX_TOKENS
    assert 0 < answer.usage.output_tokens <= 20
    if not live(provider):
        (asked,) = house.upstream.asked[seen:]
        names = (
            ("max_completion_tokens", "stop")
            if provider == "openai"
            else ("max_tokens", "stop_sequences")
        )
        assert (asked.body["temperature"], asked.body[names[0]]) == (0.0, 20)
        assert asked.body[names[1]] == ["END"]
        assert asked.key == KEY


@by_provider
def test_error_handling(house: House, provider: str) -> None:
    with calling(house) as client:
        unknown = ask(provider, "Hello")
        unknown.model = f"{FAMILIES[provider]}no-such"
        refused = refusal(lambda: client.invoke(unknown))
        assert refused.code in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}
        assert refused.metadata["provider"] == provider
        assert refused.usage is not None
        (attempt,) = refused.usage.attempts
        assert attempt.outcome == pb.ATTEMPT_OUTCOME_FAILED

        nonsense = ask(provider, messages=[pb.ChatMessage(role="wizard", content="Hello")])
        refused = refusal(lambda: client.invoke(nonsense))
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "messages[0].role" in refused.fields

        hurried = ask(provider, "Hello")
        refused = refusal(lambda: client.invoke(hurried, timeout=0.000_001))
        assert refused.code is grpc.StatusCode.DEADLINE_EXCEEDED

        if not live(provider):
            busy = ask(provider, "Hello")
            busy.model = f"{FAMILIES[provider]}busy"
            refused = refusal(lambda: client.invoke(busy))
            assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert refused.reason == "PROVIDER_RATE_LIMITED"
            assert refused.retry_after_s == pytest.approx(3600, abs=5)


def test_openai(house: House) -> None:
    tool = pb.Tool(
        name="weather",
        description="The weather of a city",
        parameters_json_schema='{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
    )
    schema = pb.JsonSchemaFormat(
        name="place",
        schema='{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}',
        strict=True,
    )
    with calling(house) as client:
        asking = ask("openai", "What is the weather in Berlin? Use the tool.", tools=[tool])
        answer = client.invoke(asking)
        assert answer.finish_reason == pb.FINISH_REASON_TOOL_CALLS
        (call,) = [part.tool_call for part in answer.message.parts if part.HasField("tool_call")]
        assert call.name == "weather"
        assert "Berlin" in json.loads(call.arguments_json)["city"]

        shaped = ask(
            "openai",
            "The capital of Germany, as JSON.",
            response_format=pb.ResponseFormat(json_schema=schema),
        )
        assert json.loads(client.invoke(shaped).content) == {"city": "Berlin"}
    with grpc.insecure_channel(house.address) as channel:
        embed = channel.unary_unary(
            "/llmservice.v1.EmbeddingService/Embed",
            pb.EmbedRequest.SerializeToString,
            pb.EmbedResponse.FromString,
        )
        texts = pb.EmbedRequest(
            provider="openai", model="text-embedding-3-small", inputs=["a", "bb"]
        )
        vectors = embed(texts, metadata=bearer(), timeout=PATIENCE_S).embeddings
    assert len(vectors) == 2
    assert len(vectors[0].values) == len(vectors[1].values) > 1
    assert list(vectors[0].values) != list(vectors[1].values)


def test_anthropic(house: House) -> None:
    # Longer than the least that the model caches, and new, so that the first call writes.
    rules = " ".join(f"Rule {n}: mind the gap." for n in range(1_200))
    unique = f"{house.folder.name}. {rules}"
    part = pb.ContentPart(text=unique, cache_control=pb.CacheControl(use_cache=True))
    messages = [pb.ChatMessage(role="system", parts=[part]), user("Say hello in five words.")]
    with calling(house) as client:
        first = client.invoke(ask("anthropic", messages=messages))
        second = list(client.stream(ask("anthropic", messages=messages)))
    checked(second)
    wrote, read = first.usage, second[-1].usage
    assert first.content.strip()
    assert wrote.cache_write_5m_tokens > 1_000
    assert wrote.cache_read_tokens == 0
    assert read.cache_read_tokens == wrote.cache_write_tokens
    assert read.cache_write_tokens == 0
    assert read.input_tokens == wrote.input_tokens
    # What is read costs a tenth, what is written a quarter more.
    assert 0 < read.cost_nano_usd * 3 < wrote.cost_nano_usd
    assert not first.warnings


def test_load(state: Path) -> None:
    with open_house(state) as house:
        count, already = 10 if live("openai") else 300, len(records(house))
        with calling(house) as client, ThreadPoolExecutor(16) as threads:

            def one(number: int) -> pb.Usage:
                asking = ask("openai", f"Repeat exactly: plum-{number}")
                if number % 2:
                    answer = client.invoke(asking)
                    assert f"plum-{number}" in answer.content
                    return answer.usage
                events = list(client.stream(asking))
                checked(events)
                assert f"plum-{number}" in "".join(each.content for each in events)
                return events[-1].usage

            used = list(threads.map(one, range(count)))
        found = records(house)[already:]
        assert len(found) == count
        assert {each.attempt.outcome for each in found} == {pb.ATTEMPT_OUTCOME_SERVED}
        sums = [
            [sum(each.input_tokens for each in usages), sum(each.output_tokens for each in usages)]
            for usages in (used, [each.attempt.usage for each in found])
        ]
        assert sums[0] == sums[1]
        if not live("openai"):
            assert sums[0] == house.upstream.tokens


def test_security(state: Path, tmp_path: Path) -> None:
    certificates = Files(tmp_path).write()
    tls = certificates.mutual()
    required = str(not broken()).lower()
    lines = [
        "[grpc.tls]",
        *(
            f"{name} = {json.dumps(getattr(tls, name))}"
            for name in ("certificate", "key", "client_ca")
        ),
        f"require_client_certificate = {required}",
    ]
    with open_house(state, "\n" + "\n".join(lines) + "\n") as house:
        good = certificates.ca.issue_cert("client.example")
        stranger = trustme.CA().issue_cert("client.example")
        request = ask("openai", "Hello")

        def call(shown: trustme.LeafCert | None, token: str | None) -> pb.LLMResponse:
            chain = b"".join(each.bytes() for each in shown.cert_chain_pems) if shown else None
            key = shown.private_key_pem.bytes() if shown else None
            trusted = certificates.ca.cert_pem.bytes()
            credentials = grpc.ssl_channel_credentials(trusted, key, chain)
            with grpc.secure_channel(house.address, credentials) as channel:
                invoke = channel.unary_unary(
                    "/llmservice.v1.LLMService/Invoke",
                    pb.LLMRequest.SerializeToString,
                    pb.LLMResponse.FromString,
                )
                found: pb.LLMResponse = invoke(
                    request, timeout=PATIENCE_S, metadata=bearer(token) if token else ()
                )
                return found

        unknown = "not-the-token-of-anybody-at-all-"
        for shown, token, code in (
            (good, unknown, grpc.StatusCode.UNAUTHENTICATED),
            (good, None, grpc.StatusCode.UNAUTHENTICATED),
            (good, NARROW_TOKEN, grpc.StatusCode.PERMISSION_DENIED),
            (stranger, TOKEN, grpc.StatusCode.UNAVAILABLE),
            (None, TOKEN, grpc.StatusCode.UNAVAILABLE),
        ):
            with pytest.raises(grpc.RpcError) as raised:
                call(shown, token)
            assert raised.value.code() is code
        assert house.upstream.asked == []
        assert call(good, TOKEN).content.strip()
        log = house.server.log()
        assert not any(secret in log for secret in (TOKEN, NARROW_TOKEN, unknown, KEY))
