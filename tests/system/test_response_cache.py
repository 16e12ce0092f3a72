"""The response cache over a real socket, with a client that nobody here wrote."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
from typing import Any

import grpc
import trio

from domain.model.usage import AttemptOutcome
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.system_gateway import ask, in_thread, open_gateway, refusal, stub

READ_WRITE = pb.ResponseCachePolicy(mode=pb.RESPONSE_CACHE_MODE_READ_WRITE)


SLOW = [{"chunks": {"count": 40, "every_s": 0.05, "text": "word "}}]
SHARE = pb.ResponseCachePolicy(coalesce=True)


def settings(**more: Any) -> Mapping[str, Any]:
    answer = [{"chunks": {"count": 100, "text": "word "}}]
    return {
        "local": {"enabled": False},
        "providers": {
            "play": {
                "kind": "scripted",
                "models": {"long": answer, "other": [{"say": "no"}], "slow": SLOW},
            }
        },
        **more,
    }


def joined(messages: Sequence[pb.LLMStreamResponse]) -> str:
    assert [each.sequence for each in messages] == list(range(len(messages)))
    assert messages[-1].type == pb.STREAM_EVENT_TYPE_FINISH
    return "".join(each.content for each in messages)


async def test_an_answer_is_given_again_in_both_shapes_without_a_provider_or_a_charge() -> None:
    async with open_gateway(settings()) as gateway:
        with stub(gateway.address) as client:
            question = ask("play", "long", response_cache=READ_WRITE)
            first = await in_thread(lambda: list(client.stream(question)))
            again = await in_thread(lambda: list(client.stream(question)))
            whole = await in_thread(client.invoke, question)
            plain = await in_thread(client.invoke, ask("play", "long"))
        assert joined(first) == joined(again) == whole.content == plain.content == "word " * 100
        assert first[0].start.cache_status == pb.CACHE_STATUS_MISS
        assert again[0].start.cache_status == whole.cache_status == pb.CACHE_STATUS_HIT
        assert plain.cache_status == pb.CACHE_STATUS_UNSPECIFIED
        for usage in (again[-1].usage, whole.usage):
            assert usage.source == pb.USAGE_SOURCE_LOCAL_CACHE
            assert usage.HasField("cost_nano_usd")
            assert usage.cost_nano_usd == 0
            assert usage.output_tokens == first[-1].usage.output_tokens == 100
        assert not again[-1].finish.attempts
        assert not whole.attempts
        # It came in pieces, though not in as many.
        assert 1 < sum(each.content != "" for each in again) <= 10
        assert len(gateway.log.records) == 2


async def test_a_hit_costs_no_limits_and_is_not_for_who_may_not_use_the_model() -> None:
    callers = {
        name: {"token_sha256": sha256(name.encode()).hexdigest(), **more}
        for name, more in (
            ("alice", {"requests_per_minute": 1}),
            ("bob", {"allow": ["play/other"]}),
            ("carol", {}),
        )
    }
    async with open_gateway(settings(callers=callers)) as gateway:
        question = ask("play", "long", response_cache=READ_WRITE)

        def call(caller: str) -> Any:
            return client.invoke(question, metadata=[("authorization", f"Bearer {caller}")])

        with stub(gateway.address) as client:
            first = await in_thread(call, "alice")
            hits = [await in_thread(call, "alice") for _ in range(5)]
            denied = await in_thread(refusal, lambda: call("bob"))
            other = await in_thread(call, "carol")
    assert first.cache_status == other.cache_status == pb.CACHE_STATUS_MISS
    assert {each.cache_status for each in hits} == {pb.CACHE_STATUS_HIT}
    assert denied.code is grpc.StatusCode.PERMISSION_DENIED
    assert {each.attempt.model for each in gateway.log.records} == {"long"}
    assert len(gateway.log.records) == 2


async def test_servers_share_answers_over_redis_and_go_on_without_it(redis_url: str) -> None:
    shared = settings(response_cache={"store": "redis", "redis_url": redis_url})
    question = ask("play", "long", response_cache=READ_WRITE)
    async with open_gateway(shared) as one, open_gateway(shared) as other:
        with stub(one.address) as client:
            first = await in_thread(client.invoke, question)
        with stub(other.address) as client:
            again = await in_thread(client.invoke, question)
        assert again.cache_status == pb.CACHE_STATUS_HIT
        assert (again.content, again.id) == (first.content, first.id)
        assert other.log.records == ()
    nowhere = settings(response_cache={"store": "redis", "redis_url": "redis://127.0.0.1:1"})
    async with open_gateway(nowhere) as gateway:
        with stub(gateway.address) as client:
            found = [await in_thread(client.invoke, question) for _ in range(2)]
    assert [each.cache_status for each in found] == [pb.CACHE_STATUS_MISS] * 2


async def test_what_makes_no_sense_in_a_policy_is_named() -> None:
    policy = pb.ResponseCachePolicy(mode=9, scope="s" * 300)  # type: ignore[arg-type]
    policy.ttl.seconds = -1
    policy.max_age.seconds = -1
    async with open_gateway(settings()) as gateway:
        with stub(gateway.address) as client:
            found = await in_thread(
                refusal, lambda: client.invoke(ask("play", "long", response_cache=policy))
            )
    assert set(found.fields) == {
        f"response_cache.{field}" for field in ("mode", "ttl", "max_age", "scope")
    }


async def test_200_calls_at_once_are_one_call_to_the_provider() -> None:
    async with open_gateway(settings()) as gateway:

        def call() -> Sequence[Sequence[pb.LLMStreamResponse]]:
            with ExitStack() as stack:
                # A connection takes a hundred at once.
                own = [("grpc.use_local_subchannel_pool", 1)]
                channels = [
                    stack.enter_context(grpc.insecure_channel(gateway.address, options=own))
                    for _ in range(4)
                ]
                calls = [
                    channel.unary_stream(
                        "/llmservice.v1.LLMService/InvokeStream",
                        pb.LLMRequest.SerializeToString,
                        pb.LLMStreamResponse.FromString,
                    )(ask("play", "slow", response_cache=SHARE))
                    for channel in channels
                    for _ in range(50)
                ]
                return [list(each) for each in calls]

        found = await in_thread(call)
    assert {joined(each) for each in found} == {"word " * 40}
    told = [each[0].start.cache_status for each in found]
    assert told.count(pb.CACHE_STATUS_MISS) == 1
    assert told.count(pb.CACHE_STATUS_COALESCED) == 199
    paid = [each[-1] for each in found if each[-1].usage.source != pb.USAGE_SOURCE_LOCAL_CACHE]
    assert [len(each.finish.attempts) for each in paid] == [1]
    assert len(gateway.log.records) == 1


async def test_one_who_hangs_up_leaves_the_others_their_answer_and_the_last_ends_it() -> None:
    async with open_gateway(settings()) as gateway:
        with stub(gateway.address) as client:
            calls = [client.stream(ask("play", "slow", response_cache=SHARE)) for _ in range(3)]

            def first_of_each() -> None:
                for each in calls:
                    for _ in range(3):
                        next(each)

            await in_thread(first_of_each)
            for each in calls[:2]:
                each.cancel()  # type: ignore[attr-defined]
            rest = await in_thread(lambda: list(calls[2]))
            assert rest[-1].type == pb.STREAM_EVENT_TYPE_FINISH
            last = client.stream(ask("play", "slow", response_cache=SHARE))
            await in_thread(lambda: next(last))
            last.cancel()  # type: ignore[attr-defined]
            with trio.fail_after(5):
                while len(gateway.log.records) < 2:  # noqa: ASYNC110
                    await trio.sleep(0.01)
    outcomes = [each.attempt.outcome for each in gateway.log.records]
    assert outcomes == [AttemptOutcome.SERVED, AttemptOutcome.CANCELLED]
