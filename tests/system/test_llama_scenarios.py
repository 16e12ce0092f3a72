"""The codecs against a real server that nobody here wrote, which speaks two of their formats."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from adapters.local.config import LocalConfig
from adapters.local.presence import missing
from domain.model.usage import AttemptOutcome
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.local_llama_http import open_llama_http
from tests.support.system_gateway import Gateway, ask, in_thread, open_gateway, refusal, stub
from tests.support.system_stream import checked

pytestmark = pytest.mark.skipif(
    missing(LocalConfig()) is not None, reason=missing(LocalConfig()) or ""
)


@attrs.frozen
class Format:
    """How a provider reaches the server.

    Attributes:
        model: Any name does for the server; this one the codec knows.
        base: Path below its address.
    """

    model: str
    base: str = "/v1"


FORMATS: Mapping[str, Format] = {
    "compatible": Format("m"),
    "openai": Format("gpt-4o"),
    "openrouter": Format("a/b"),
    "mistral": Format("mistral-small-latest"),
    "anthropic": Format("claude-haiku-4-5", ""),
}
by_format = pytest.mark.parametrize("kind", FORMATS)


@asynccontextmanager
async def served(kind: str, key: str = "") -> AsyncIterator[Gateway]:
    async with open_llama_http() as llama:
        configured = {
            "kind": kind,
            "base_url": llama.base_url.removesuffix("/v1") + FORMATS[kind].base,
            "api_key_env": "THE_KEY",
        }
        settings = {"local": {"enabled": False}, "providers": {kind: configured}}
        async with open_gateway(settings, {"THE_KEY": key or llama.api_key}) as gateway:
            yield gateway


def question(kind: str, text: str = "Say hello in five words.", **more: Any) -> pb.LLMRequest:
    return ask(kind, FORMATS[kind].model, text, **{"max_tokens": 12, "temperature": 0.0, **more})


# The others count every stream unasked, which this server does not.
@pytest.mark.parametrize("kind", ["compatible", "openai", "anthropic"])
async def test_an_answer_comes_whole_and_streamed_the_same_with_the_same_usage(kind: str) -> None:
    async with served(kind) as gateway:

        def work() -> None:
            with stub(gateway.address) as client:
                whole = client.invoke(question(kind), timeout=60)
                events = list(client.stream(question(kind), timeout=60))
            assert whole.content
            assert checked(events) == whole.content
            assert events[-1].usage.input_tokens == whole.usage.input_tokens
            assert events[-1].usage.output_tokens == whole.usage.output_tokens

        await in_thread(work)
        outcomes = [record.attempt.outcome for record in gateway.log.records]
        assert outcomes == [AttemptOutcome.SERVED] * 2


@by_format
async def test_the_bound_on_the_answer_arrives(kind: str) -> None:
    async with served(kind) as gateway:

        def work() -> None:
            with stub(gateway.address) as client:
                short = client.invoke(question(kind, max_tokens=2), timeout=60)
            assert short.finish_reason == pb.FINISH_REASON_MAX_TOKENS
            assert short.usage.output_tokens == 2

        await in_thread(work)


@by_format
async def test_what_was_said_before_counts_into_the_prompt(kind: str) -> None:
    talk = [
        pb.ChatMessage(role="system", content="You are brief."),
        pb.ChatMessage(role="user", content="My name is Ada."),
        pb.ChatMessage(role="assistant", content="Hello Ada."),
        pb.ChatMessage(role="user", content="What is my name?"),
    ]
    async with served(kind) as gateway:

        def work() -> None:
            with stub(gateway.address) as client:
                whole = client.invoke(question(kind, messages=talk), timeout=60)
                last = client.invoke(question(kind, messages=[talk[0], talk[-1]]), timeout=60)
            assert whole.content
            assert whole.usage.input_tokens > last.usage.input_tokens + 10

        await in_thread(work)


@by_format
async def test_a_prompt_that_does_not_fit_is_rejected_for_what_it_is(kind: str) -> None:
    async with served(kind) as gateway:

        def work() -> None:
            with stub(gateway.address) as client:
                long = question(kind, "word " * 20_000)
                whole = refusal(lambda: client.invoke(long, timeout=60))
                streamed = refusal(lambda: list(client.stream(long, timeout=60)))
            assert whole.reason == streamed.reason == "PROVIDER_REJECTED_REQUEST"

        await in_thread(work)


@by_format
async def test_a_key_that_is_refused_is_shown_to_nobody(kind: str) -> None:
    async with served(kind, "sk-planted-secret") as gateway:

        def work() -> None:
            with stub(gateway.address) as client:
                refused = refusal(lambda: client.invoke(question(kind), timeout=60))
            assert refused.reason == "PROVIDER_AUTH_FAILED"
            assert "planted" not in refused.message

        await in_thread(work)
