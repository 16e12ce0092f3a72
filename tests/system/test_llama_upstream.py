"""A real OpenAI-compatible server that nobody here wrote, as a provider of the service."""

from typing import Any

import pytest

from adapters.local.config import LocalConfig
from adapters.local.presence import missing
from domain.model.usage import AttemptOutcome
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.local_llama_http import LlamaHttp, open_llama_http
from tests.support.system_gateway import ask, in_thread, open_gateway, refusal, stub
from tests.support.system_stream import checked

# Greedy, so that no run meets what llama.cpp does when half a character is its first token: in Anthropic's
# format it then leaves out `message_start`, and the answer rightly makes no sense to us.
GREETING: dict[str, Any] = {
    "text": "Say hello in five words.",
    "max_tokens": 24,
    "temperature": 0.0,
}

pytestmark = pytest.mark.skipif(
    missing(LocalConfig()) is not None, reason=missing(LocalConfig()) or ""
)


def _settings(llama: LlamaHttp) -> dict[str, object]:
    return {
        "local": {"enabled": False},
        "providers": {
            "llama": {
                "kind": "compatible",
                "base_url": llama.base_url,
                "api_key_env": "LLAMA_KEY",
            }
        },
    }


async def test_it_answers_whole_and_streamed_with_usage() -> None:
    async with (
        open_llama_http() as llama,
        open_gateway(_settings(llama), {"LLAMA_KEY": llama.api_key}) as gateway,
    ):

        def both() -> None:
            question = ask("llama", llama.model, **GREETING)
            with stub(gateway.address) as client:
                whole = client.invoke(question, timeout=60)
                assert whole.content
                assert whole.usage.input_tokens > 0
                assert whole.usage.output_tokens > 0
                assert whole.attempts[0].upstream_status == 200
                assert checked(list(client.stream(question, timeout=60)))

        await in_thread(both)
        outcomes = [record.attempt.outcome for record in gateway.log.records]
        assert outcomes == [AttemptOutcome.SERVED] * 2
        assert gateway.log.records[0].attempt.credential_alias == "LLAMA_KEY#1"


async def test_it_answers_in_anthropics_format_too() -> None:
    """As `anthropic`, whose codec and headers are its own."""
    async with open_llama_http() as llama:
        environment = {
            "ANTHROPIC_API_KEY": llama.api_key,
            "ANTHROPIC_BASE_URL": llama.base_url.removesuffix("/v1"),
        }
        async with open_gateway({"local": {"enabled": False}}, environment) as gateway:

            def both() -> None:
                model = "claude-haiku-4-5"
                question = ask("anthropic", model, **GREETING)
                with stub(gateway.address) as client:
                    whole = client.invoke(question, timeout=60)
                    assert whole.provider == "anthropic"
                    assert whole.content
                    assert whole.usage.output_tokens > 0
                    assert checked(list(client.stream(question, timeout=60)))

            await in_thread(both)
            outcomes = [record.attempt.outcome for record in gateway.log.records]
            assert outcomes == [AttemptOutcome.SERVED] * 2


async def test_a_bad_key_is_our_fault_and_is_not_shown() -> None:
    async with (
        open_llama_http() as llama,
        open_gateway(_settings(llama), {"LLAMA_KEY": "sk-planted-secret"}) as gateway,
    ):

        def call() -> None:
            with stub(gateway.address) as client:
                refused = refusal(lambda: client.invoke(ask("llama", llama.model), timeout=60))
            assert refused.reason == "PROVIDER_AUTH_FAILED"
            assert refused.code.name == "INTERNAL"
            assert "planted" not in refused.message
            assert refused.usage is not None
            assert refused.usage.attempts[0].outcome == pb.ATTEMPT_OUTCOME_FAILED

        await in_thread(call)
        (record,) = gateway.log.records
        assert record.attempt.upstream_status == 401
