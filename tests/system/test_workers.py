"""`llmservice serve --workers`: several processes at one port, from outside, with real signals."""

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import Running, run, serving, wait_until
from tests.support.system_gateway import ask, stub

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="ports are shared among listeners on Linux"
)
CONFIG = """
[account]
database = "sqlite:///FOLDER/usage.db"

[local]
enabled = false

[providers.demo]
kind = "scripted"

[providers.demo.models]
quick = [{ say = "Hello" }]
paced = [{ say = "one" }, { wait_s = 0.8 }, { say = " two" }]
endless = [{ say = "one" }, { wait_s = 60.0 }]
"""
IN_MEMORY = CONFIG.replace("sqlite:///FOLDER/usage.db", "memory")
APART: list[tuple[str, str | int]] = [("grpc.use_local_subchannel_pool", 1)]
"""Every channel has a connection of its own, so that both workers have some."""


def lines(server: Running) -> Iterator[Mapping[str, Any]]:
    return (json.loads(line) for line in server.log().splitlines())


def said(server: Running, message: str) -> list[Mapping[str, Any]]:
    return [line for line in lines(server) if line["message"] == message]


def workers_of(server: Running) -> list[int]:
    """Return the processes that the supervisor has started."""
    # Of all its threads: whichever has started them.
    found = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    return sorted(int(each) for of_one in found for each in of_one.read_text().split())


def called(address: str) -> str:
    """Make a call on a connection of its own, again if no server took it on."""
    for attempt in range(8):
        try:
            with stub(address, options=APART) as channel:
                return channel.invoke(ask("demo", "quick"), timeout=20).content
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            time.sleep(0.02 * 2**attempt)
    raise AssertionError("unavailable, however often it was asked for")


def test_workers_share_the_load_outlive_one_another_and_drain_together(tmp_path: Path) -> None:
    with (
        serving(tmp_path, CONFIG.replace("FOLDER", str(tmp_path)), "--workers=2") as server,
        ThreadPoolExecutor(8) as threads,
    ):
        first = workers_of(server)
        assert len(first) == 2
        before = list(threads.map(called, [server.address] * 24))
        os.kill(first[0], signal.SIGKILL)
        meanwhile = list(threads.map(called, [server.address] * 24))
        server.wait_for("a worker serves again")
        assert len(workers_of(server)) == 2
        assert first[1] in workers_of(server)
        with ExitStack() as stack:
            # Calls that have begun, on both workers, are all finished on the way out.
            streams = []
            for _ in range(16):
                channel = stack.enter_context(stub(server.address, options=APART))
                streams.append(channel.stream(ask("demo", "paced"), timeout=20))
            begun = [next(iter(each)) for each in streams]
            ends: list[Future[str]] = [threads.submit(rest_of, each) for each in streams]
            assert server.stop() == 0
            assert {each.result() for each in ends} == {"one two"}
        assert len(begun) == 16
        assert not server.address_file.exists()
        (stopped,) = said(server, "stopped")
        assert (stopped["finished"], stopped["cut"], stopped["restarts"]) == (16, 0, 1)
        assert len(said(server, "serving")) == 1
        (killed,) = (line for line in lines(server) if line["level"] == "ERROR")
        assert "SIGKILL" in killed["message"]
        calls = said(server, "call")
        assert {line["worker"] for line in calls} == {1, 2}
    assert set(before + meanwhile) == {"Hello"}
    with sqlite3.connect(tmp_path / "usage.db") as database:
        (kept,) = database.execute("SELECT count(*) FROM usage_records").fetchone()
    database.close()
    # A worker that is killed takes along what it had not yet written, of a tenth of a second or so.
    assert 16 + 24 <= kept <= len(before) + len(meanwhile) + 16 + 8


def test_every_worker_loads_again_and_a_second_signal_cuts_the_calls_of_all(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, IN_MEMORY, "--workers=2") as server, ExitStack() as stack:
        server.process.send_signal(signal.SIGHUP)
        server.wait_for('"message":"reloaded"', 2)
        assert {line["worker"] for line in said(server, "reloaded")} == {1, 2}
        streams = []
        for _ in range(6):
            channel = stack.enter_context(stub(server.address, options=APART))
            streams.append(iter(channel.stream(ask("demo", "endless"), timeout=20)))
        for each in streams:
            next(each)
        # Somebody else's server does not share the port because it could.
        port = server.address.rpartition(":")[2]
        done = run("serve", "--workers=2", f"--port={port}", LLMSERVICE_LOCAL__ENABLED="false")
        assert (done.returncode, "cannot listen at" in done.stderr) == (1, True)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for('"message":"stopping"', 3)
        assert server.stop(signal.SIGINT) == 0
        (stopped,) = said(server, "stopped")
        assert (stopped["finished"], stopped["cut"]) == (0, 6)


def test_workers_whose_supervisor_is_killed_stop_by_themselves(tmp_path: Path) -> None:
    with serving(tmp_path, IN_MEMORY, "--workers=2") as server:
        workers = workers_of(server)
        server.process.kill()
        server.process.wait(10)
        wait_until(lambda: not any(map(is_running, workers)), "end of the workers")
        assert len([line for line in lines(server) if "supervisor is gone" in line["message"]]) == 2


def rest_of(stream: Iterable[pb.LLMStreamResponse]) -> str:
    return "".join(each.content for each in stream)


def is_running(process: int) -> bool:
    with suppress(OSError):
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"LLMSERVICE_LIMITS__PARALLEL_CALLS": "5"}, 2, "limits.parallel_calls is kept by each"),
        ({"LLMSERVICE_GRPC__HOST": "0.0.0.0"}, 2, "--insecure"),
        ({"LLMSERVICE_ACCOUNT__DATABASE": "sqlite:////proc/none/usage.db"}, 1, "/proc/none"),
    ],
)
def test_what_cannot_work_is_said_once_with_its_exit_code(
    changes: Mapping[str, str], code: int, told: str
) -> None:
    words = [] if any("GRPC" in name for name in changes) else ["--port=0"]
    done = run("serve", "--workers=2", *words, **{"LLMSERVICE_LOCAL__ENABLED": "false", **changes})
    assert done.returncode == code, done.stderr
    assert done.stderr.count("llmservice: ") == 1
    assert told in done.stderr
