"""Idempotency keys over a real socket: again, in conflict, and resumed after a lost connection."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from domain.model.usage import AttemptOutcome
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.system_gateway import Refused, ask, in_thread, open_gateway, refusal, stub


def settings(**idempotency: Any) -> Mapping[str, Any]:
    answer = [{"chunks": {"count": 100, "every_s": 0.01, "text": "word "}}]
    return {
        "local": {"enabled": False},
        "providers": {"play": {"kind": "scripted", "models": {"long": answer}}},
        "idempotency": idempotency,
    }


def question(key: str = "k", **more: Any) -> pb.LLMRequest:
    return ask("play", "long", idempotency_key=key, **more)


def rest(address: str, seen: object, key: str = "k") -> Sequence[pb.LLMStreamResponse]:
    with stub(address) as client:
        return list(client.stream(question(key), metadata=[("x-resume-from", str(seen))]))


async def test_a_stream_that_lost_its_connection_is_resumed_where_it_was() -> None:
    def broken_off() -> Sequence[pb.LLMStreamResponse]:
        # Its connection is its own, and is closed under it.
        own = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(gateway.address, options=own) as channel:
            stream = channel.unary_stream(
                "/llmservice.v1.LLMService/InvokeStream",
                pb.LLMRequest.SerializeToString,
                pb.LLMStreamResponse.FromString,
            )(question())
            return [next(stream) for _ in range(1 + 30)]

    async with open_gateway(settings(resume_window_s=30)) as gateway:
        first = await in_thread(broken_off)
        second = await in_thread(rest, gateway.address, first[-1].sequence)
        with stub(gateway.address) as client:
            whole = await in_thread(client.invoke, question())
            unbroken = await in_thread(lambda: list(client.stream(question())))
        nothing = await in_thread(rest, gateway.address, second[-1].sequence)
    messages = [*first, *second]
    assert [each.sequence for each in messages] == list(range(len(messages)))
    assert messages == unbroken
    assert "".join(each.content for each in messages) == whole.content == "word " * 100
    assert nothing == []
    assert [each.attempt.outcome for each in gateway.log.records] == [AttemptOutcome.SERVED]


async def test_another_request_under_the_key_already_exists() -> None:
    async with open_gateway(settings()) as gateway:
        with stub(gateway.address) as client:
            await in_thread(client.invoke, question())
            found = await in_thread(refusal, lambda: client.invoke(question(seed=1)))
    assert (found.code, found.reason) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "CALLER_IDEMPOTENCY_CONFLICT",
    )
    assert len(gateway.log.records) == 1


async def test_what_cannot_be_resumed_says_why() -> None:
    async with open_gateway(settings()) as gateway:

        async def why(seen: object, key: str) -> Refused:
            return await in_thread(refusal, lambda: rest(gateway.address, seen, key))

        found = [await why(3, "unknown"), await why(3, ""), await why("three", "k")]
        with stub(gateway.address) as client:
            await in_thread(client.invoke, question())
        found.append(await why(10_000, "k"))
    assert {each.code for each in found} == {grpc.StatusCode.INVALID_ARGUMENT}
    told = [each.fields["x-resume-from"] for each in found]
    assert "nothing is held" in told[0]
    assert "idempotency_key" in told[1]
    assert "must be the `sequence`" in told[2]
    assert "messages were sent" in told[3]
    assert len(gateway.log.records) == 1
