"""Limits over a real socket: never over, never for nothing, and every refusal says when to come back."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import grpc
import trio

from domain.model.usage import UsageRecord
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.system_gateway import Refused, ask, in_thread, open_gateway, refusal, stub

CALLS = 200
PARALLEL = 5


def settings(**limits: Any) -> Mapping[str, Any]:
    answer = [
        {"wait_s": 0.05},
        {"say": "Hello"},
        {"usage": {"input_tokens": 20, "output_tokens": 80}},
    ]
    return {
        "local": {"enabled": False},
        "providers": {"play": {"kind": "scripted", "models": {"hello": answer}}},
        "limits": {"providers": {"play": limits}},
    }


def question(max_queue_s: int) -> pb.LLMRequest:
    request = ask("play", "hello", "x" * 400, max_tokens=80)
    request.timeouts.max_queue.seconds = max_queue_s
    return request


async def outcomes(address: str, request: pb.LLMRequest) -> Sequence[Refused | pb.LLMResponse]:
    """Call many times at once."""

    def call() -> Sequence[Refused | pb.LLMResponse]:
        with grpc.insecure_channel(address) as channel:
            method = channel.unary_unary(
                "/llmservice.v1.LLMService/Invoke",
                pb.LLMRequest.SerializeToString,
                pb.LLMResponse.FromString,
            )
            calls = [method.future(request) for _ in range(CALLS)]
            return [
                each.result() if each.exception() is None else refusal(each.result)
                for each in calls
            ]

    return await in_thread(call)


def most_at_once(records: Sequence[UsageRecord]) -> int:
    """Return how many attempts ran at the same time, at most."""
    changes = [(each.time_s - each.attempt.total_s, 1) for each in records]
    changes += [(each.time_s, -1) for each in records]
    return max(accumulate(change for _, change in sorted(changes)))


async def test_many_calls_at_once_never_use_more_tokens_than_a_minute_has() -> None:
    # Each call needs 120 of 12,000; a call's worth comes back every 0.6 s.
    async with open_gateway(settings(tokens_per_minute=12_000)) as gateway:
        began = trio.current_time()
        found = await outcomes(gateway.address, question(0))
        took_s = trio.current_time() - began
        refused = [each for each in found if isinstance(each, Refused)]
        served = len(found) - len(refused)
        used = sum((each.attempt.usage.input_tokens or 0) + 80 for each in gateway.log.records)
        assert len(gateway.log.records) == served
        assert used == served * 100 <= 12_000 * (1 + took_s / 60)
        assert {each.code for each in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert {each.reason for each in refused} == {"POLICY_RATE_LIMITED"}
        waits = sorted(each.retry_after_s or 0 for each in refused)
        assert waits[0] > 0
        await trio.sleep(waits[0])
        with stub(gateway.address) as client:
            answer = await in_thread(client.invoke, question(0))
        assert answer.content == "Hello"


async def test_many_calls_at_once_never_run_beside_more_than_may() -> None:
    async with open_gateway(settings(parallel_calls=PARALLEL)) as gateway:
        found = await outcomes(gateway.address, question(0))
        refused = [each for each in found if isinstance(each, Refused)]
        assert {each.reason for each in refused} == {"POLICY_CONCURRENCY_LIMITED"}
        assert all(each.retry_after_s for each in refused)
        assert most_at_once(gateway.log.records) <= PARALLEL
        assert len(gateway.log.records) == CALLS - len(refused)
        await trio.sleep(min(each.retry_after_s or 0 for each in refused))
        with stub(gateway.address) as client:
            assert (await in_thread(client.invoke, question(0))).content == "Hello"


async def test_calls_that_may_wait_are_all_served_in_turn() -> None:
    async with open_gateway(settings(parallel_calls=PARALLEL)) as gateway:
        found = await outcomes(gateway.address, question(60))
        assert [each.content for each in found if isinstance(each, pb.LLMResponse)] == [
            "Hello"
        ] * CALLS
        assert 1 < most_at_once(gateway.log.records) <= PARALLEL
        waits = [each.attempt.queued_s for each in gateway.log.records]
        assert max(waits) > 0.1
        assert found[-1].attempts[0].HasField("queued")  # type: ignore[union-attr]
