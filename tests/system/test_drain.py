"""A serving process that is told to stop."""

import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import Running, serving
from tests.support.system_gateway import ask

CONFIG = """
[local]
enabled = false

[grpc]
drain_grace_s = 3.0

[providers.demo]
kind = "scripted"

[providers.demo.models]
second = [{ say = "Hello" }, { wait_s = 1.0 }, { say = " world" }]
minute = [{ say = "Hello" }, { wait_s = 60.0 }, { say = " world" }]
"""


def called(server: Running, model: str, count: int, then: Callable[[], object]) -> list[object]:
    """Call `model` so often at once; do `then` when all have begun; return how each ended."""
    with grpc.insecure_channel(server.address) as channel, ThreadPoolExecutor(count) as threads:
        stream = channel.unary_stream(
            "/llmservice.v1.LLMService/InvokeStream",
            pb.LLMRequest.SerializeToString,
            pb.LLMStreamResponse.FromString,
        )
        calls = [stream(ask("demo", model), timeout=30) for _ in range(count)]
        for call in calls:
            next(call)
        then()

        def end(call: grpc.Call) -> object:
            try:
                list(call)  # type: ignore[call-overload]
            except grpc.RpcError as error:
                return error
            return call.code()

        return list(threads.map(end, calls))


def took_s(server: Running) -> float:
    """Return how long the way out took, by the server's log: when its process is gone is the machine's."""
    times = {
        line["message"]: datetime.fromisoformat(line["time"])
        for line in map(json.loads, server.log().splitlines())
    }
    return (times["stopped"] - times["stopping"]).total_seconds()


def stopped(server: Running) -> tuple[int, int, int]:
    """Return the exit code, and how many calls finished and were cut."""
    code = server.process.wait(10)
    last = json.loads(server.log().splitlines()[-1])
    assert last["message"] == "stopped"
    return code, last["finished"], last["cut"]


def test_a_hundred_streams_that_need_a_second_all_finish(tmp_path: Path) -> None:
    with serving(tmp_path, CONFIG) as server:
        ends = called(server, "second", 100, lambda: server.process.send_signal(signal.SIGTERM))
        assert ends == [grpc.StatusCode.OK] * 100
        assert stopped(server) == (0, 100, 0)


def test_what_outlasts_the_grace_is_cut_and_told_so(tmp_path: Path) -> None:
    with serving(tmp_path, CONFIG) as server:
        ends = called(server, "minute", 5, lambda: server.process.send_signal(signal.SIGTERM))
        assert stopped(server) == (0, 0, 5)
        # After the grace, and soon; how soon, a busy machine says.
        assert 3.0 <= took_s(server) < 6.0
        for error in ends:
            assert isinstance(error, grpc.Call)
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            details = dict(error.trailing_metadata())["grpc-status-details-bin"]
            assert isinstance(details, bytes)
            info, usage = ErrorInfo(), pb.FailureUsage()
            packed = Status.FromString(details).details
            assert packed[0].Unpack(info)
            assert info.reason == "SERVICE_DRAINING"
            assert packed[1].Unpack(usage)
            assert [each.outcome for each in usage.attempts] == [pb.ATTEMPT_OUTCOME_DRAINED]


def test_a_second_signal_cuts_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, CONFIG) as server:

        def stop() -> None:
            server.process.send_signal(signal.SIGINT)
            server.wait_for('"stopping"')
            server.process.send_signal(signal.SIGTERM)

        ends = called(server, "minute", 3, stop)
        assert stopped(server) == (0, 0, 3)
        assert took_s(server) < 3.0
        assert [each.code() for each in ends if isinstance(each, grpc.Call)] == [
            grpc.StatusCode.UNAVAILABLE
        ] * 3
