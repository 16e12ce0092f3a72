"""Several keys and several routes over real sockets: what is refused rests, and another one answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import grpc

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.scripted_upstream import Asked, json_answer, open_upstream
from tests.support.system_gateway import (
    Gateway,
    Refused,
    ask,
    in_thread,
    open_gateway,
    refusal,
    stub,
)

KEYS = {"FAR_KEY": "sk-the-first-key, sk-the-second-key"}
FIRST, SECOND = "Bearer sk-the-first-key", "Bearer sk-the-second-key"
ANSWER = {
    "id": "c-1",
    "model": "m-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5},
}


def tree(url: str, **more: Any) -> Mapping[str, Any]:
    far = {"kind": "compatible", "base_url": f"{url}/v1", "api_key_env": "FAR_KEY"}
    return {
        "local": {"enabled": False},
        # What a route answers once is to be seen.
        "retry": {"max_attempts": 1},
        "providers": {
            "far": {**far, "models": ["m"]},
            "play": {"kind": "scripted", "models": {"hello": [{"say": "Hello"}]}},
        },
        **more,
    }


def limited(told_s: int) -> bytes:
    error = {"error": {"message": "slow down", "type": "rate_limit", "code": None}}
    return json_answer(error, "429 Too Many Requests", retry_after=str(told_s))


def broken() -> bytes:
    return json_answer({"error": {"message": "broken"}}, "500 Internal Server Error")


async def keys_used(gateway: Gateway, many: int, model: str = "far/m") -> Sequence[str]:
    """Call so often; return the aliases of the keys that served."""

    def calls() -> Sequence[str]:
        with stub(gateway.address) as service:
            found = [service.invoke(ask("", model)) for _ in range(many)]
        return [each.attempts[-1].credential_alias for each in found]

    return await in_thread(calls)


async def refused(gateway: Gateway, model: str = "far/m") -> Refused:
    """Call, and return how that fails."""

    def call() -> Refused:
        with stub(gateway.address) as service:
            return refusal(lambda: service.invoke(ask("", model)))

    return await in_thread(call)


async def test_a_key_that_is_told_to_wait_rests_so_long_while_the_other_serves() -> None:
    told = [1]

    def answer(asked: Asked) -> bytes:
        if asked.headers["authorization"] == FIRST and told:
            return limited(told.pop())
        return json_answer(ANSWER)

    async with open_upstream(answer) as upstream, open_gateway(tree(upstream.url), KEYS) as gateway:
        failed = await refused(gateway)
        began_s = anyio.current_time()
        assert failed.reason == "PROVIDER_RATE_LIMITED"
        assert await keys_used(gateway, 3) == ["FAR_KEY#2"] * 3

        assert failed.retry_after_s == 1.0
        await anyio.sleep(began_s + 1.0 + 0.01 - anyio.current_time())
        assert {*await keys_used(gateway, 2)} == {"FAR_KEY#1", "FAR_KEY#2"}
        shown = [each.headers["authorization"] for each in upstream.asked]
        assert shown[:2] == [FIRST, SECOND]
        aliases = {each.attempt.credential_alias for each in gateway.log.records}
        assert aliases == {"FAR_KEY#1", "FAR_KEY#2"}
        assert "sk-the" not in str(gateway.log.records)


async def test_a_route_that_fails_is_left_alone_and_closes_again_through_a_probe() -> None:
    breaker = {"min_calls": 2, "open_s": 0.5}
    async with (
        open_upstream(lambda _: broken()) as upstream,
        open_gateway(tree(upstream.url, breaker=breaker), KEYS) as gateway,
    ):
        for _ in range(2):
            assert (await refused(gateway)).reason == "PROVIDER_SERVER_ERROR"
        at_once = await refused(gateway)
        assert (at_once.code, at_once.reason) == (
            grpc.StatusCode.UNAVAILABLE,
            "PROVIDER_SERVER_ERROR",
        )
        assert at_once.retry_after_s is not None
        assert 0 < at_once.retry_after_s <= 0.5
        assert at_once.usage is not None
        assert [each.outcome for each in at_once.usage.attempts] == [
            pb.ATTEMPT_OUTCOME_SKIPPED_COOLDOWN
        ]
        assert len(upstream.asked) == len(gateway.log.records) == 2
        upstream.answer = lambda _: json_answer(ANSWER)
        await anyio.sleep(at_once.retry_after_s)
        assert len(await keys_used(gateway, 3)) == 3
        assert len(upstream.asked) == 5


async def test_a_public_name_goes_on_where_its_first_route_rests_and_its_health_is_listed() -> None:
    models = {"fast": {"routes": ["far/m", "play/hello"]}}
    one_key = {"FAR_KEY": "sk-the-first-key"}
    async with (
        open_upstream(lambda _: limited(30)) as upstream,
        open_gateway(tree(upstream.url, models=models), one_key) as gateway,
    ):
        await refused(gateway)

        def calls() -> tuple[pb.LLMResponse, pb.ListModelsResponse]:
            with stub(gateway.address) as service:
                return service.invoke(ask("", "fast")), service.models(pb.ListModelsRequest())

        response, listed = await in_thread(calls)
        assert (response.provider, response.content) == ("play", "Hello")
        assert [(each.provider, each.outcome) for each in response.attempts] == [
            ("far", pb.ATTEMPT_OUTCOME_SKIPPED_COOLDOWN),
            ("play", pb.ATTEMPT_OUTCOME_SERVED),
        ]
        found = {(each.provider, each.model): each for each in listed.models}
        assert list(found["", "fast"].capabilities)[-2:] == [
            "route:far/m=resting",
            "route:play/hello=ready",
        ]
        assert list(found["far", "m"].capabilities)[-1] == "route:far/m=resting"
        assert len(upstream.asked) == 1


async def test_a_public_name_shares_its_calls_by_weight_and_uses_the_keys_it_is_given() -> None:
    far = {"target": "far/m", "weight": 1_000_000, "keys": [2]}
    models = {"mine": {"routes": [far, "play/hello"]}}
    async with (
        open_upstream(lambda _: json_answer(ANSWER)) as upstream,
        open_gateway(tree(upstream.url, models=models), KEYS) as gateway,
    ):
        assert await keys_used(gateway, 4, "mine") == ["FAR_KEY#2"] * 4
        assert {each.headers["authorization"] for each in upstream.asked} == {SECOND}
