"""What was tried for a call is told the same in its answer or failure, in the account and in the log."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import grpc
from loguru import logger

from domain.model.usage import AttemptOutcome, total
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.answers import attempt_pb, counts_pb
from tests.support.scripted_upstream import Asked, json_answer, open_upstream
from tests.support.system_gateway import Gateway, ask, in_thread, open_gateway, refusal, stub

KEYS = {"TWO_KEYS": "sk-the-first-key, sk-the-second-key", "ONE_KEY": "sk-the-only-key"}
SAID = {"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop", "index": 0}
ANSWER = {
    "id": "c-1",
    "model": "m-1",
    "choices": [SAID],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5},
}
BROKEN = {"error": {"message": "no", "type": "no", "code": None}}
WORDS = {401: "401 Unauthorized", 429: "429 Too Many Requests", 500: "500 Internal Server Error"}
WRITTEN = {
    pb.AttemptOutcome.Name(number): each
    for each in AttemptOutcome
    for number in [pb.AttemptOutcome.Value(f"ATTEMPT_OUTCOME_{each.name}")]
}


@attrs.define
class Far:
    """Providers that answer with one status after the other, and with the last of them for ever."""

    rows: Mapping[str, Sequence[int]]
    asked: dict[str, int] = attrs.field(factory=dict)

    def answer(self, asked: Asked) -> bytes:
        name = asked.path.split("/")[1]
        nth, row = self.asked.get(name, 0), self.rows[name]
        self.asked[name] = nth + 1
        status = row[min(nth, len(row) - 1)]
        if status == 200:
            return json_answer(ANSWER)
        wait = {"retry_after": "30"} if status == 429 else {}
        return json_answer(BROKEN, WORDS[status], x_request_id=f"req-{nth}", **wait)


@asynccontextmanager
async def providers(**rows: Sequence[int]) -> AsyncIterator[Gateway]:
    """Serve with one provider for each of `rows`; the one called ``keyed`` has two keys."""
    async with open_upstream(Far(rows).answer) as upstream:
        configured = {
            name: {
                "kind": "compatible",
                "models": ["m"],
                "base_url": f"{upstream.url}/{name}/v1",
                "api_key_env": "TWO_KEYS" if name == "keyed" else "ONE_KEY",
            }
            for name in rows
        }
        tree: Mapping[str, Any] = {
            "local": {"enabled": False},
            "retry": {"base_s": 0.02},
            "providers": configured,
        }
        async with open_gateway(tree, KEYS) as gateway:
            yield gateway


async def tried(gateway: Gateway, provider: str, *fallbacks: str) -> Sequence[tuple[str, str, int]]:
    """Call; hold that all who are told of its attempts are told the same; return them in short."""
    before, lines = len(gateway.log.records), list[Mapping[str, Any]]()
    sink = logger.add(lambda message: lines.append(message.record["extra"]), level="INFO")
    try:
        attempts, usage = await in_thread(_told, gateway.address, provider, fallbacks)
    finally:
        logger.remove(sink)
    (line,) = lines
    asked = [each for each in attempts if each.outcome != pb.ATTEMPT_OUTCOME_SKIPPED_COOLDOWN]
    records = [each.attempt for each in gateway.log.records[before:]]
    assert asked == [attempt_pb(each) for each in records]
    assert [each.index for each in attempts] == list(range(len(attempts)))
    spent = total(each.usage for each in records)
    assert usage in (None, counts_pb(spent))
    assert line["attempts"] == len(attempts)
    assert (line["input_tokens"], line["output_tokens"]) == (
        spent.input_tokens,
        spent.output_tokens,
    )
    for each, short in zip(attempts, line.get("tried", [])[-len(attempts) :], strict=False):
        outcome = WRITTEN[pb.AttemptOutcome.Name(each.outcome)]
        reason = f" {pb.ErrorReason.Name(each.error_reason)}" if each.error_reason else ""
        status = f" {each.upstream_status}" if each.upstream_status else ""
        assert short.startswith(f"{each.provider}/{each.model} {outcome}{reason}{status} ")
    assert len(attempts) == 1 or len(line["tried"]) == len(attempts)
    return [
        (each.provider, WRITTEN[pb.AttemptOutcome.Name(each.outcome)].name, each.upstream_status)
        for each in attempts
    ]


def _told(
    address: str, provider: str, fallbacks: Sequence[str]
) -> tuple[Sequence[pb.Attempt], pb.Usage | None]:
    targets = [pb.Target(provider=each, model="m") for each in fallbacks]
    request = ask(provider, "m", routing=pb.RoutingPolicy(fallbacks=targets))
    answered = list[pb.LLMResponse]()
    with stub(address) as service:
        try:
            answered.append(service.invoke(request))
        except grpc.RpcError as error:
            refused = refused_by(error)
            assert refused is not None
            return list(refused.attempts), refused.usage
    return list(answered[0].attempts), None


def refused_by(error: grpc.RpcError) -> pb.FailureUsage | None:
    def again() -> object:
        raise error

    return refusal(again).usage


async def test_all_who_are_told_of_the_attempts_of_a_call_are_told_the_same() -> None:
    rows = {"retried": [500, 200], "left": [500], "well": [200], "keyed": [401, 200]}
    async with providers(**rows, down=[500], limited=[429]) as gateway:
        assert await tried(gateway, "well") == [("well", "SERVED", 200)]
        assert await tried(gateway, "retried") == [
            ("retried", "FAILED", 500),
            ("retried", "SERVED", 200),
        ]
        assert await tried(gateway, "left", "well") == [
            ("left", "FAILED", 500),
            ("well", "SERVED", 200),
        ]
        assert await tried(gateway, "keyed") == [("keyed", "FAILED", 401), ("keyed", "SERVED", 200)]
        assert await tried(gateway, "down") == [("down", "FAILED", 500)] * 3
        # It is told to wait for longer than anybody waits; the next call passes it over.
        assert await tried(gateway, "limited") == [("limited", "FAILED", 429)]
        assert await tried(gateway, "limited", "well") == [
            ("limited", "SKIPPED_COOLDOWN", 0),
            ("well", "SERVED", 200),
        ]
        assert await tried(gateway, "limited") == [("limited", "SKIPPED_COOLDOWN", 0)]
