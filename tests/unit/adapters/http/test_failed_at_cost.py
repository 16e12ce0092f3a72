"""A whole answer that failed has cost what it says: the account gets it, and the caller the failure.

So it is with vectors that are of no use.
"""

import json
from typing import Any

import pytest

from adapters.http.embedding_model import HttpEmbeddingModel
from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.providers.compatible.embeddings import CompatibleEmbeddings, compatible_embeddings
from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.gemini.embeddings import GeminiEmbeddings
from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.wire.codec import Codec
from adapters.wire.embedding import EmbeddingCodec
from domain.model.embedding import FailedAtCost
from domain.model.errors import ChatError, ErrorReason
from domain.model.usage import AttemptOutcome, Usage, UsageSource
from domain.services.settle import Settled
from domain.services.settle_embedding import SettledEmbedding
from tests.support.embedding_calls import embed
from tests.support.http_calls import USAGE, call
from tests.support.http_peer import SECRET, answering, drained, far_model, sized

OPENROUTER = openrouter_codec(OpenRouterConfig())
COUNTED = {"promptTokenCount": 7, "thoughtsTokenCount": 3}
ERROR = {"code": 502, "message": f"gone, {SECRET}"}
CHOICE = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "error"}
FAILED: dict[str, tuple[Codec, dict[str, Any], ErrorReason]] = {
    "openrouter, error": (
        OPENROUTER,
        {"error": ERROR, "usage": USAGE},
        ErrorReason.PROVIDER_SERVER_ERROR,
    ),
    "openrouter, error in the choice": (
        OPENROUTER,
        {"choices": [{**CHOICE, "error": ERROR}], "usage": USAGE},
        ErrorReason.PROVIDER_SERVER_ERROR,
    ),
    "openrouter, end in an error": (
        OPENROUTER,
        {"choices": [CHOICE], "usage": USAGE},
        ErrorReason.PROVIDER_SERVER_ERROR,
    ),
    "gemini, blocked": (
        GeminiCodec(),
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNTED},
        ErrorReason.PROVIDER_CONTENT_BLOCKED,
    ),
    "gemini, spoiled": (
        GeminiCodec(),
        {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}], "usageMetadata": COUNTED},
        ErrorReason.PROVIDER_PROTOCOL_ERROR,
    ),
    "anthropic, error": (
        AnthropicCodec(),
        {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "Overloaded"},
            "usage": {"input_tokens": 7, "output_tokens": 3},
        },
        ErrorReason.PROVIDER_OVERLOADED,
    ),
}


async def record_of(codec: Codec, body: dict[str, Any]) -> tuple[ChatError, Usage]:
    log = MemoryUsageLog()
    async with far_model(answering(sized(json.dumps(body).encode())), codec=codec) as (model, far):
        with pytest.raises(ChatError) as caught:
            await drained(Settled(model, codec.name, log), call(whole=True))
        # It was read to its end; the connection can serve on.
        assert not far.all_closed
    (record,) = log.records
    assert record.attempt.outcome is AttemptOutcome.FAILED
    assert record.attempt.error_reason is caught.value.reason
    return caught.value, record.attempt.usage


@pytest.mark.parametrize("name", FAILED)
async def test_a_failed_whole_answer_leaves_its_cost_in_the_account(name: str) -> None:
    codec, body, reason = FAILED[name]
    error, usage = await record_of(codec, body)
    assert error.reason is reason
    assert SECRET not in error.message
    assert (usage.input_tokens, usage.output_tokens) == (7, 3)
    assert usage.source is UsageSource.PROVIDER_PARTIAL


@pytest.mark.parametrize("name", FAILED)
async def test_a_failed_whole_answer_that_tells_no_cost_leaves_none(name: str) -> None:
    codec, body, reason = FAILED[name]
    silent = {key: value for key, value in body.items() if key not in {"usage", "usageMetadata"}}
    error, usage = await record_of(codec, silent)
    assert error.reason is reason
    assert usage.source is None


ENDPOINT_EMBEDDINGS = compatible_embeddings(CompatibleEmbeddings(name="endpoint"))
SPENT = {"prompt_tokens": 7, "total_tokens": 7}
SPOILED: dict[str, tuple[EmbeddingCodec, dict[str, Any]]] = {
    "endpoint, error": (ENDPOINT_EMBEDDINGS, {"error": ERROR, "usage": SPENT}),
    "endpoint, no vector": (ENDPOINT_EMBEDDINGS, {"data": [], "usage": SPENT}),
    "endpoint, no order": (
        ENDPOINT_EMBEDDINGS,
        {"data": [{"index": 1, "embedding": [0.5]}], "usage": SPENT},
    ),
    "gemini, error": (
        GeminiEmbeddings(),
        {"error": ERROR, "usageMetadata": {"promptTokenCount": 7}},
    ),
    "gemini, no numbers": (
        GeminiEmbeddings(),
        {"embeddings": [{"values": ["a"]}], "usageMetadata": {"promptTokenCount": 7}},
    ),
}


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("name", SPOILED)
async def test_vectors_that_are_of_no_use_leave_their_cost_in_the_account(
    name: str, counted: bool
) -> None:
    codec, answer = SPOILED[name]
    told = {key: value for key, value in answer.items() if counted or not key.startswith("usage")}
    body, log = json.dumps(told).encode(), MemoryUsageLog()
    async with far_model(answering(sized(body))) as (chat, _):
        model = HttpEmbeddingModel(codec=codec, endpoint=chat.endpoint, transport=chat.transport)
        with pytest.raises(ChatError) as caught:
            await SettledEmbedding(model, codec.name, log).embed(embed())
    assert type(caught.value) is not FailedAtCost
    assert SECRET not in caught.value.message
    (record,) = log.records
    assert record.attempt.outcome is AttemptOutcome.FAILED
    assert record.attempt.error_reason is caught.value.reason
    assert record.attempt.upstream_status == 200
    assert record.attempt.usage.input_tokens == (7 if counted else None)
    assert record.attempt.usage.source is (UsageSource.PROVIDER_PARTIAL if counted else None)
