"""Every fault of a mock that nobody here wrote has its reason, and no half answer passes for one."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import attrs
import pytest
import trio

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.llmock_server import Llmock, open_llmock
from tests.support.system_gateway import (
    Gateway,
    Refused,
    ask,
    in_thread,
    open_gateway,
    refusal,
    stub,
)
from tests.support.system_stream import checked

MODELS = {
    "openai": "gpt-4o",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
}
PATIENCE_S = 0.5
"""With the faults that are waited for, and only with them."""


@attrs.frozen
class Fault:
    """What goes wrong, and what it is called.

    Attributes:
        retry_after_s: What the caller is told to wait.
        waited: Whether only patience finds it.
    """

    behavior: dict[str, Any]
    reason: str
    retry_after_s: float | None = None
    waited: bool = False


def failing(status: int, reason: str, retry_after_s: float | None = None) -> Fault:
    told = {} if retry_after_s is None else {"retry_after": retry_after_s}
    return Fault({"type": "fail", "status": status, **told}, reason, retry_after_s)


def breaking(kind: str, reason: str) -> Fault:
    return Fault({"type": "stream_fault", "kind": kind, "after_chunks": 4}, reason)


def holding(reason: str, **behavior: Any) -> Fault:
    return Fault(behavior, reason, waited=True)


ALWAYS = {
    "429": failing(429, "PROVIDER_RATE_LIMITED", 7),
    "500": failing(500, "PROVIDER_SERVER_ERROR"),
    # The mock asks for a second, unasked.
    "503": failing(503, "PROVIDER_OVERLOADED", 1),
    "529": failing(529, "PROVIDER_OVERLOADED", 1),
}
STREAMED = {
    **ALWAYS,
    "disconnect": breaking("disconnect", "PROVIDER_STREAM_TRUNCATED"),
    "truncate": breaking("truncate", "PROVIDER_STREAM_TRUNCATED"),
    "malformed": breaking("malformed", "PROVIDER_PROTOCOL_ERROR"),
    "stall": holding(
        "PROVIDER_TIMEOUT_IDLE",
        type="stream_fault",
        kind="stall",
        after_chunks=4,
        stall_seconds=20,
    ),
    "slow": holding("PROVIDER_TIMEOUT_FIRST_TOKEN", type="slow_first_token", seconds=20),
}
WHOLE = {
    **ALWAYS,
    "slow": holding("PROVIDER_TIMEOUT_FIRST_TOKEN", type="delay", seconds=1.5),
}


@pytest.fixture(scope="module")
def mock() -> Iterator[Llmock]:
    with open_llmock() as running:
        yield running


@pytest.fixture
async def gateway(mock: Llmock) -> AsyncIterator[Gateway]:
    # What a fault is called is asked here, and asked again at once.
    once = {
        "local": {"enabled": False},
        "retry": {"max_attempts": 1},
        "breaker": {"enabled": False},
        "cooldown": {"enabled": False},
    }
    async with open_gateway(once, mock.environment()) as running:
        yield running


def question(provider: str, hurried: bool = False) -> pb.LLMRequest:
    asked = ask(provider, MODELS[provider], "How is the weather in all of these towns?")
    if hurried:
        asked.timeouts.idle.FromMilliseconds(int(PATIENCE_S * 1000))
        asked.timeouts.first_token.FromMilliseconds(int(PATIENCE_S * 1000))
    return asked


def streamed(address: str, asked: pb.LLMRequest) -> str:
    with stub(address) as client:
        return checked(list(client.stream(asked, timeout=60)))


def whole(address: str, asked: pb.LLMRequest) -> str:
    with stub(address) as client:
        response = client.invoke(asked, timeout=60)
    assert response.usage.output_tokens > 0
    assert response.attempts[-1].upstream_status == 200
    return response.content


@pytest.mark.parametrize("provider", MODELS)
async def test_a_plain_answer_is_the_mocks_own_word_for_word(
    provider: str, mock: Llmock, gateway: Gateway
) -> None:
    said = "Rain in Köln, 東京 and Ulm. 🌦️ "
    mock.script({"type": "reply", "text": said, "times": 2})
    assert await in_thread(whole, gateway.address, question(provider)) == said
    assert await in_thread(streamed, gateway.address, question(provider)) == said
    assert [each["status"] for each in mock.requests()] == [200, 200]
    assert mock.findings() == set()


async def failed(
    mock: Llmock,
    gateway: Gateway,
    provider: str,
    fault: Fault,
    call: Callable[[str, pb.LLMRequest], str],
) -> None:
    mock.script(fault.behavior)
    start_s = trio.current_time()
    asked = question(provider, fault.waited)
    refused: Refused = await in_thread(refusal, lambda: call(gateway.address, asked))
    took_s = trio.current_time() - start_s
    assert refused.reason == fault.reason
    assert refused.retry_after_s == fault.retry_after_s
    assert took_s < 15
    assert not fault.waited or took_s >= PATIENCE_S
    record = gateway.log.records[-1]
    assert record.attempt.error_reason is not None
    assert record.attempt.error_reason.name == fault.reason
    # The caller is told that it may ask again, and does: so the mock sees who took half an answer for one.
    await in_thread(call, gateway.address, question(provider))
    findings = mock.findings()
    assert "truncated_stream_accepted" not in findings
    # Nobody waits here; and the mock may notice that its stream was left only after it was asked again.
    assert findings <= {"retry_after_ignored", "malformed_chunk_ignored"}


@pytest.mark.parametrize("fault", STREAMED)
@pytest.mark.parametrize("provider", MODELS)
async def test_a_fault_of_a_stream_has_its_reason(
    provider: str, fault: str, mock: Llmock, gateway: Gateway
) -> None:
    await failed(mock, gateway, provider, STREAMED[fault], streamed)


@pytest.mark.parametrize("fault", WHOLE)
@pytest.mark.parametrize("provider", MODELS)
async def test_a_fault_of_a_whole_answer_has_its_reason(
    provider: str, fault: str, mock: Llmock, gateway: Gateway
) -> None:
    await failed(mock, gateway, provider, WHOLE[fault], whole)


@pytest.mark.parametrize("call", [whole, streamed])
@pytest.mark.parametrize("provider", MODELS)
async def test_calls_are_tried_again_as_a_provider_would_have_it(
    provider: str, call: Callable[[str, pb.LLMRequest], str], mock: Llmock
) -> None:
    async with open_gateway({"local": {"enabled": False}}, mock.environment()) as gateway:
        for status, times in ((429, 1), (500, 2), (503, 1)):
            told = {"retry_after": 1} if status == 429 else {}
            mock.script({"type": "fail", "status": status, "times": times, **told})
            assert await in_thread(call, gateway.address, question(provider))
            mine = gateway.log.records[-1].request_id
            made = [each for each in gateway.log.records if each.request_id == mine]
            assert len(made) == times + 1
            assert mock.findings() == set()
