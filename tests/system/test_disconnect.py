"""Callers that leave over a real socket: their answers are cancelled, or read on for the account."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio

from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.errors import ErrorReason
from domain.model.usage import AttemptOutcome, UsageRecord, UsageSource
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.account_open import open_account_at
from tests.support.cli_runs import serving
from tests.support.system_gateway import Gateway, ask, in_thread, open_gateway, refusal, stub

SECOND = [{"say": "one two"}, {"wait_s": 0.4}, {"say": " three"}]
SETTINGS: dict[str, Any] = {
    "local": {"enabled": False},
    "providers": {
        "drained": {"kind": "scripted", "on_disconnect": "drain", "models": {"second": SECOND}},
        "cancelled": {"kind": "scripted", "models": {"second": SECOND}},
    },
}
DRAIN = pb.RoutingPolicy(on_disconnect=pb.DISCONNECT_POLICY_DRAIN)
CANCEL = pb.RoutingPolicy(on_disconnect=pb.DISCONNECT_POLICY_CANCEL)


def cancels(address: str, request: pb.LLMRequest) -> None:
    """Stream, and cancel after the first text."""
    with stub(address) as server:
        call: Any = server.stream(request)
        next(call)
        next(call)
        call.cancel()


def hangs_up(address: str, request: pb.LLMRequest) -> None:
    """Stream, and close the connection after the first text."""
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_stream(
            "/llmservice.v1.LLMService/InvokeStream",
            pb.LLMRequest.SerializeToString,
            pb.LLMStreamResponse.FromString,
        )(request)
        next(call)
        next(call)


def runs_late(address: str, request: pb.LLMRequest) -> None:
    """Stream, with a deadline in the middle of the answer."""
    with stub(address) as server:
        end = refusal(lambda: list(server.stream(request, timeout=0.2)))
    assert end.code is grpc.StatusCode.DEADLINE_EXCEEDED


def gives_up(address: str, request: pb.LLMRequest) -> None:
    """Ask for the whole answer, with a deadline before it comes."""
    with stub(address) as server:
        end = refusal(lambda: server.invoke(request, timeout=0.2))
    assert end.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def recorded(log: MemoryUsageLog) -> UsageRecord:
    """Return the only record, once it is there."""
    with trio.fail_after(15):
        while not log.records:  # noqa: ASYNC110 - a log tells nobody
            await trio.sleep(0.01)
    (record,) = log.records
    return record


async def left(leave: Callable[[str, pb.LLMRequest], None], request: pb.LLMRequest) -> UsageRecord:
    """Have a client `leave` a call for `request`; return its record."""
    async with open_gateway(SETTINGS) as gateway:
        await in_thread(leave, gateway.address, request)
        return await recorded(_log(gateway))


def _log(gateway: Gateway) -> MemoryUsageLog:
    return gateway.log


@pytest.mark.parametrize("leave", [cancels, hangs_up, runs_late, gives_up])
async def test_however_a_caller_leaves_its_answer_is_read_on_where_its_provider_says_so(
    leave: Callable[[str, pb.LLMRequest], None],
) -> None:
    attempt = (await left(leave, ask("drained", "second"))).attempt
    # The client's own deadline and its reset are a race.
    late = {ErrorReason.CALLER_CANCELLED, ErrorReason.CALLER_DEADLINE}
    assert attempt.error_reason in (
        late if leave in (runs_late, gives_up) else {ErrorReason.CALLER_CANCELLED}
    )
    assert attempt.outcome is AttemptOutcome.DRAINED
    assert attempt.usage.source is UsageSource.PROVIDER_FINAL
    assert attempt.usage.output_tokens == 3
    assert attempt.total_s >= 0.4


async def test_a_call_may_ask_for_it_where_its_provider_does_not() -> None:
    attempt = (await left(cancels, ask("cancelled", "second", routing=DRAIN))).attempt
    assert attempt.outcome is AttemptOutcome.DRAINED
    assert attempt.usage.output_tokens == 3


async def test_a_call_may_refuse_it_where_its_provider_does_it() -> None:
    attempt = (await left(cancels, ask("drained", "second", routing=CANCEL))).attempt
    assert attempt.outcome is AttemptOutcome.CANCELLED
    assert attempt.usage.source is UsageSource.ESTIMATED


CONFIG = """
[account]
database = "{url}"

[local]
enabled = false

[grpc]
drain_grace_s = 3.0

[providers.demo]
kind = "scripted"
on_disconnect = "drain"

[providers.demo.models]
second = [{{ say = "one two" }}, {{ wait_s = 1.5 }}, {{ say = " three" }}]
minute = [{{ say = "one two" }}, {{ wait_s = 60.0 }}, {{ say = " three" }}]
"""


def stopped(folder: Path, *signals: signal.Signals) -> dict[str, UsageRecord]:
    """Have two callers leave a server, send it `signals`; return its records by model."""
    url = f"sqlite:///{folder}/usage.db"
    with serving(folder, CONFIG.format(url=url)) as server:
        for model in ("second", "minute"):
            cancels(server.address, ask("demo", model))
        server.wait_for('"call"', 2)
        for each in signals:
            server.process.send_signal(each)
            # Two that come at once may be heard as one.
            server.wait_for(f'"{each.name}"')
        assert server.process.wait(10) == 0

    async def read() -> dict[str, UsageRecord]:
        async with open_account_at(url, folder) as account:
            return {each.attempt.model: each for each in await account.records()}

    return trio.run(read)


def test_a_server_that_goes_away_reads_on_for_as_long_as_its_grace(tmp_path: Path) -> None:
    found = stopped(tmp_path, signal.SIGTERM)
    second, minute = found["second"].attempt, found["minute"].attempt
    assert {second.outcome, minute.outcome} == {AttemptOutcome.DRAINED}
    assert {second.error_reason, minute.error_reason} == {ErrorReason.CALLER_CANCELLED}
    assert (second.usage.source, second.usage.output_tokens) == (UsageSource.PROVIDER_FINAL, 3)
    assert minute.usage.source is UsageSource.ESTIMATED
    assert 1.5 <= second.total_s < 3.0 <= minute.total_s < 6.0


def test_a_second_signal_ends_that_at_once(tmp_path: Path) -> None:
    minute = stopped(tmp_path, signal.SIGINT, signal.SIGTERM)["minute"].attempt
    assert minute.outcome is AttemptOutcome.DRAINED
    assert minute.usage.source is UsageSource.ESTIMATED
    assert minute.total_s < 3.0
