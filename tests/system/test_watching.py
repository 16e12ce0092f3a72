"""Who watches the service sees every call over a real socket, and can end one."""

from typing import Any

import grpc
import trio

from domain.model.usage import AttemptOutcome
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.system_gateway import ask, in_thread, open_gateway, refusal, stub
from tests.support.watchers import Notes

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SETTINGS: dict[str, Any] = {
    "local": {"enabled": False},
    "retry": {"max_attempts": 1},
    "providers": {
        "demo": {
            "kind": "scripted",
            "models": {
                "short": [{"say": "one two"}],
                "broken": [{"fail": {"reason": "PROVIDER_OVERLOADED"}}],
                "endless": [{"say": "one"}, {"wait_s": 600}],
                "read-on": [{"say": "one"}, {"wait_s": 600}],
            },
        },
    },
}
DRAIN = pb.RoutingPolicy(on_disconnect=pb.DISCONNECT_POLICY_DRAIN)


async def until_chunks(notes: Notes, count: int) -> None:
    with trio.fail_after(15):
        while not notes.attempts or notes.attempts[-1].chunks < count:  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(0.01)


async def test_each_call_is_shown_from_its_headers_to_its_status() -> None:
    notes = Notes()
    async with open_gateway(SETTINGS, telemetry=notes) as gateway:
        with stub(gateway.address) as server:

            def play() -> None:
                metadata = [("x-request-id", "mine"), ("traceparent", PARENT)]
                list(server.stream(ask("demo", "short"), metadata=metadata))
                refusal(lambda: server.invoke(ask("demo", "broken")))
                refusal(lambda: server.invoke(ask("demo", "missing")))
                server.models(pb.ListModelsRequest())

            await in_thread(play)
    (served, ok), (_, broken), (_, missing), (listed, _) = notes.ended_
    assert (served.request_id, served.method) == ("mine", "llmservice.v1.LLMService/InvokeStream")
    assert served.caller.name == "anonymous"
    assert served.traceparent == PARENT
    assert served.peer.startswith("127.0.0.1:")
    assert served.asked is not None
    assert served.asked.traceparent == PARENT
    assert served.asked.ledger.attempts == [notes.settled[0]]
    assert (ok.code, ok.reason, ok.heard) == ("OK", "", True)
    assert 0 < ok.duration_s < 15
    assert (broken.code, broken.reason) == ("UNAVAILABLE", "PROVIDER_OVERLOADED")
    assert (missing.code, missing.reason) == ("NOT_FOUND", "CALLER_MODEL_UNKNOWN")
    assert (listed.method, listed.asked) == ("llmservice.v1.ModelService/ListModels", None)
    assert [each and each.outcome for each in notes.settled] == [
        AttemptOutcome.SERVED,
        AttemptOutcome.FAILED,
    ]


async def stopped(request: pb.LLMRequest) -> tuple[Notes, grpc.StatusCode, AttemptOutcome]:
    """Return what is told where an operator ends a call in the middle of its answer."""
    notes = Notes()
    ends: list[grpc.StatusCode] = []
    async with open_gateway(SETTINGS, telemetry=notes) as gateway:

        def play() -> None:
            with stub(gateway.address) as server:
                ends.append(refusal(lambda: list(server.stream(request))).code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(in_thread, play)
            await until_chunks(notes, 1)
            notes.calls[0].stop()
        (record,) = gateway.log.records
    return notes, ends[0], record.attempt.outcome


async def test_an_operator_can_end_a_call_and_its_client_is_told() -> None:
    notes, code, outcome = await stopped(ask("demo", "endless"))
    assert code is grpc.StatusCode.CANCELLED
    assert outcome is AttemptOutcome.CANCELLED
    ((call, end),) = notes.ended_
    assert (end.code, end.reason, end.heard) == ("CANCELLED", "CALLER_CANCELLED", True)
    # Once is enough.
    call.stop()


async def test_what_an_operator_ends_is_not_read_on() -> None:
    _, code, outcome = await stopped(ask("demo", "read-on", routing=DRAIN))
    assert code is grpc.StatusCode.CANCELLED
    assert outcome is AttemptOutcome.CANCELLED


async def test_a_call_whose_client_leaves_ends_unheard() -> None:
    notes = Notes()
    async with open_gateway(SETTINGS, telemetry=notes) as gateway:

        def play() -> None:
            with stub(gateway.address) as server:
                call: Any = server.stream(ask("demo", "endless"))
                next(call)
                next(call)
                call.cancel()

        await in_thread(play)
        with trio.fail_after(15):
            while not notes.ended_:  # noqa: ASYNC110 - it tells nobody
                await trio.sleep(0.01)
    ((_, end),) = notes.ended_
    assert (end.code, end.reason, end.heard) == ("CANCELLED", "CALLER_CANCELLED", False)
    assert notes.told[-1][1] == "call ended"
