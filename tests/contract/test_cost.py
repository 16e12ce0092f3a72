"""What an answer with cached tokens costs: from the provider's body through codec and prices to the record.

The first set is ours, the second was recorded by others; all sums are by hand, from the providers' published
prices, in 1e-9 US dollars.
"""

import json
from typing import Any

import pytest

from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.usage import Usage, UsageRecord
from entrypoints.account import memory_account
from entrypoints.compose import open_service
from entrypoints.settings.loading import structure
from tests.support.chat_contract import FIXTURES
from tests.support.scripted_upstream import Asked, json_answer, open_upstream


def openai(usage: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hi"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1",
        "choices": [choice],
        "usage": usage,
    }


def anthropic(usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def gemini(usage: dict[str, Any]) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": "Hi"}]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r-1",
    }


async def recorded(provider: str, model: str, body: dict[str, Any]) -> UsageRecord:
    """Have `provider` answer with `body`; return the record."""

    def answer(_: Asked) -> bytes:
        return json_answer(body)

    log = MemoryUsageLog()
    async with open_upstream(answer) as upstream:
        native = {"kind": provider, "base_url": upstream.url, "api_key_env": "KEY"}
        settings = structure({"local": {"enabled": False}, "providers": {provider: native}})
        async with open_service(
            settings, environment={"KEY": "sk-0123456789"}, account=memory_account(log)
        ) as service:
            question = Message(role=Role.USER, parts=(Text(text="Hello"),))
            request = ChatRequest(provider=provider, model=model, messages=(question,))
            await service.answer(ChatCall(request=request))
    (record,) = log.records
    return record


OURS = [
    # Cached tokens are inside of prompt_tokens: 1,000 x 2,000 + 4,000 x 500 + 100 x 8,000
    pytest.param(
        "openai",
        "gpt-4.1",
        openai(
            {
                "prompt_tokens": 5_000,
                "completion_tokens": 100,
                "total_tokens": 5_100,
                "prompt_tokens_details": {"cached_tokens": 4_000},
            }
        ),
        (5_000, 100, 4_000, None),
        2_000_000 + 2_000_000 + 800_000,
        id="openai",
    ),
    # They are outside of input_tokens: 10 x 3,000 + 2,000 x 300 + 400 x 3,750 + 20 x 15,000
    pytest.param(
        "anthropic",
        "claude-sonnet-4-5",
        anthropic(
            {
                "input_tokens": 10,
                "output_tokens": 20,
                "cache_read_input_tokens": 2_000,
                "cache_creation_input_tokens": 400,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 400,
                    "ephemeral_1h_input_tokens": 0,
                },
            }
        ),
        (2_410, 20, 2_000, 400),
        30_000 + 600_000 + 1_500_000 + 300_000,
        id="anthropic, 5 minutes",
    ),
    # 10 x 3,000 + 100 x 3,750 + 300 x 6,000 + 20 x 15,000
    pytest.param(
        "anthropic",
        "claude-sonnet-4-5",
        anthropic(
            {
                "input_tokens": 10,
                "output_tokens": 20,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 400,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 100,
                    "ephemeral_1h_input_tokens": 300,
                },
            }
        ),
        (410, 20, 0, 400),
        30_000 + 375_000 + 1_800_000 + 300_000,
        id="anthropic, an hour",
    ),
    # Thoughts are outside of candidates: 1,000 x 300 + 3,000 x 30 + (50 + 150) x 2,500
    pytest.param(
        "gemini",
        "gemini-2.5-flash",
        gemini(
            {
                "promptTokenCount": 4_000,
                "candidatesTokenCount": 50,
                "thoughtsTokenCount": 150,
                "cachedContentTokenCount": 3_000,
                "totalTokenCount": 4_200,
            }
        ),
        (4_000, 200, 3_000, None),
        300_000 + 90_000 + 500_000,
        id="gemini",
    ),
    # It says itself what it cost, whatever a list says.
    pytest.param(
        "openrouter",
        "openai/gpt-4.1",
        openai(
            {
                "prompt_tokens": 5_000,
                "completion_tokens": 100,
                "total_tokens": 5_100,
                "prompt_tokens_details": {"cached_tokens": 4_000},
                "cost": 0.004812345,
                "is_byok": False,
            }
        ),
        (5_000, 100, 4_000, None),
        4_812_345,
        id="openrouter",
    ),
]


@pytest.mark.parametrize(("provider", "model", "body", "tokens", "nano_usd"), OURS)
async def test_an_answer_costs_what_one_works_out_by_hand(
    provider: str,
    model: str,
    body: dict[str, Any],
    tokens: tuple[int | None, ...],
    nano_usd: int,
) -> None:
    usage = (await recorded(provider, model, body)).attempt.usage
    assert counted(usage) == tokens
    assert usage.cost_nano_usd == nano_usd


def counted(usage: Usage) -> tuple[int | None, ...]:
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
    )


RECORDED = {
    # 8 x 4,000 + 4,012 x 400 + 4 x 20,000
    "openai/chat-prompt-cache.2": ("gpt-5.6-sol", 32_000 + 1_604_800 + 80_000),
    # 3 x 3,000 + 1,111 x 300 + 406 x 15,000
    "anthropic/cache-usage.1": ("claude-sonnet-4-5", 9_000 + 333_300 + 6_090_000),
    # 3 x 3,000 + 1,111 x 300 + 418 x 3,750 + 33 x 15,000
    "anthropic/cache-usage.2": ("claude-sonnet-4-5", 9_000 + 333_300 + 1_567_500 + 495_000),
    # 8 x 300 + 3,512 x 30 + (2 + 42) x 2,500
    "gemini/cached-content.2": ("gemini-2.5-flash", 2_400 + 105_360 + 110_000),
    # As it says.
    "openrouter/cache-anthropic.2": ("anthropic/claude-sonnet-4.6", 2_198_550),
}


@pytest.mark.parametrize("name", RECORDED)
async def test_a_recorded_answer_costs_what_one_works_out_by_hand(name: str) -> None:
    path = FIXTURES / f"{name}.response.json"
    if not path.exists():
        pytest.skip(f"the recorded traffic is not there: {path}")
    model, nano_usd = RECORDED[name]
    record = await recorded(name.partition("/")[0], model, json.loads(path.read_text()))
    assert record.attempt.usage.cost_nano_usd == nano_usd
