"""Several workers, seen from outside as one server: one set of metrics, one health, one console."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import attrs
import grpc
import pytest

from tests.support.cli_runs import Running, run, serving, wait_until
from tests.support.http_side import http_address
from tests.support.planted import planted
from tests.support.system_gateway import ask, stub

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="ports are shared among listeners on Linux"
)
ANNAS, OPERATORS = planted("annas-token"), planted("operators-token")
CONFIG = f"""
[account]
database = "sqlite:///FOLDER/usage.db"

[local]
enabled = false

[http]
host = "0.0.0.0"

[breaker]
enabled = false

[callers.anna]
token_sha256 = "{sha256(ANNAS.encode()).hexdigest()}"

[callers.operator]
token_sha256 = "{sha256(OPERATORS.encode()).hexdigest()}"
scopes = ["console.cancel", "metrics.read"]

[prices."demo/*"]
input_usd = 0.123
output_usd = 4.567

[providers.demo]
kind = "scripted"

[providers.demo.models]
quick = [{{ say = "one two three" }}]
broken = [{{ say = "one" }}, {{ fail = {{ reason = "PROVIDER_OVERLOADED" }} }}]
endless = [{{ say = "one two three four" }}, {{ wait_s = 600.0 }}]
"""
APART: list[tuple[str, str | int]] = [("grpc.use_local_subchannel_pool", 1)]
"""Every channel has a connection of its own, so that both workers have some."""
ANNA = [("authorization", f"Bearer {ANNAS}")]
CALLS = 20
WORKERS = frozenset({1, 2})


@attrs.frozen
class Crew:
    """A server of two workers.

    Attributes:
        http: Where its HTTP side is.
    """

    running: Running
    http: str

    def answer(self, path: str, token: str = OPERATORS, **form: str) -> tuple[int, str]:
        """Return status and text; what there is of `form` is sent."""
        data = urlencode(form).encode() if form else None
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            with urlopen(Request(f"{self.http}{path}", data, headers), timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        """Return all metrics, by what stands in front of the number."""
        status, text = self.answer("/metrics")
        assert status == 200, text
        told = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in told}

    def total(self, name: str) -> float:
        """Return the sum of a metric over all its labels."""
        found = self.metrics().items()
        return sum(value for which, value in found if which.partition("{")[0] == name)

    def now(self) -> dict[str, Any]:
        """Return what the console shows."""
        status, text = self.answer("/console/snapshot")
        assert status == 200, text
        found: dict[str, Any] = json.loads(text)
        return found

    def call(self, model: str) -> str:
        """Make a call on a connection of its own; return its code."""
        try:
            with stub(self.running.address, options=APART) as channel:
                list(channel.stream(ask("demo", model), metadata=ANNA, timeout=30))
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"

    def worker(self) -> int:
        """Return the process of the first worker."""
        found = Path(f"/proc/{self.running.process.pid}/task").glob("*/children")
        return min(int(each) for of_one in found for each in of_one.read_text().split())


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    config = CONFIG.replace("FOLDER", str(tmp_path))
    with serving(tmp_path, config, "--workers=2") as running:
        port = http_address(running).rpartition(":")[2]
        yield Crew(running, f"http://127.0.0.1:{port}")


def account(folder: Path) -> tuple[int, ...]:
    what = "count(*), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd)"
    with sqlite3.connect(f"file:{folder}/usage.db?mode=ro", uri=True) as database:
        (found,) = database.execute(f"select {what} from usage_records").fetchall()
    database.close()
    return tuple(found)


def test_workers_are_one_server_for_those_who_look_on(crew: Crew, tmp_path: Path) -> None:
    # The supervisor is there before its workers are.
    wait_until(lambda: crew.answer("/readyz", "") == (200, "ok\n"), "workers that take calls")
    assert crew.answer("/livez", "") == (200, "ok\n")
    for path, scope in (("/metrics", "metrics.read"), ("/console/snapshot", "console")):
        assert crew.answer(path, "")[0] == crew.answer(path, "nobody")[0] == 401
        assert crew.answer(path, ANNAS) == (403, f"this needs the scope {scope}\n")

    with ThreadPoolExecutor(8) as threads:
        ends = list(threads.map(crew.call, ["quick", "quick", "broken"] * 20))
    assert sorted(set(ends)) == ["OK", "UNAVAILABLE"]
    wait_until(lambda: crew.total("llm_usage_records_written_total") == 60, "records")
    count, tokens_in, tokens_out, nano_usd = account(tmp_path)
    told = crew.metrics()
    assert (
        count == 60 == sum(each for name, each in told.items() if "llm_upstream_attempts" in name)
    )
    for kind, expected in (("input", tokens_in), ("output", tokens_out)):
        found = [
            each
            for name, each in told.items()
            if name.startswith("llm_tokens_total{") and f'type="{kind}"' in name
        ]
        assert sum(found) == expected
    cost = [each for name, each in told.items() if name.startswith("llm_cost_usd_total")]
    assert sum(round(each * 1e9) for each in cost) == nano_usd
    if promtool := shutil.which("promtool"):
        text = crew.answer("/metrics")[1]
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")

    wait_until(lambda: crew.now()["calls"] == 60, "all calls")
    now = crew.now()
    assert {each["worker"] for each in now["last"]} == WORKERS
    assert (now["calls"], now["failed"]) == (60, 20)
    (used,) = (each for each in now["used"] if each["name"] == "demo/quick")
    assert used["attempts"] == 40
    _one_call_is_cancelled_where_it_runs(crew)
    _what_was_counted_stays(crew)


def _one_call_is_cancelled_where_it_runs(crew: Crew) -> None:
    """Have calls at both workers, and cancel one of each."""
    with ExitStack() as stack:
        calls: list[Any] = []
        for _ in range(CALLS):
            channel = stack.enter_context(stub(crew.running.address, options=APART))
            calls.append(channel.stream(ask("demo", "endless"), metadata=ANNA, timeout=120))
        begun = list(map(iter, calls))
        for each in begun:
            next(each)
        wait_until(lambda: len(_numbers(crew)) == CALLS, "calls of both")
        wait_until(lambda: crew.total("llm_streams_active") == CALLS, "count of both")
        flights = crew.now()["in_flight"]
        assert {each["worker"] for each in flights} == WORKERS
        page = crew.answer("/console")[1]
        assert set(re.findall(r'data-title="worker">(\d)', page)) == {"1", "2"}
        shown = run("top", "--once", f"--target={crew.http}", LLMSERVICE_TOKEN=OPERATORS)
        assert "worker 1 ready" in shown.stdout, shown.stderr
        chosen = [next(each for each in flights if each["worker"] == n) for n in WORKERS]
        for each in chosen:
            assert crew.answer("/console/cancel", call=each["number"]) == (
                200,
                "the call is cancelled\n",
            )
            wait_until(partial(_is_gone, crew, each["number"]), "end of the call")
        assert crew.answer("/console/cancel", call="99-1")[0] == 404
        assert len(_numbers(crew)) == CALLS - 2
        for each in calls:
            each.cancel()
    wait_until(lambda: not _numbers(crew), "end of all calls")
    stopped = [each for each in crew.now()["last"] if each["stopped"]]
    assert {each["worker"] for each in stopped} == WORKERS


def _is_gone(crew: Crew, number: str) -> bool:
    return number not in _numbers(crew)


def _numbers(crew: Crew) -> list[str]:
    return [each["number"] for each in crew.now()["in_flight"]]


def _what_was_counted_stays(crew: Crew) -> None:
    """Have a worker say nothing for a while, and then kill it."""
    wait_until(lambda: crew.total("llm_rpc_requests_total") == 60 + CALLS, "ends of all calls")
    before, calls = crew.metrics(), 60 + CALLS
    wait_until(lambda: crew.now()["calls"] == calls, "all calls")
    first = crew.worker()
    os.kill(first, signal.SIGSTOP)
    assert crew.metrics()['llm_worker_up{worker="1"}'] == 0
    assert crew.answer("/readyz") == (200, "ok\n")
    assert _counts(crew.metrics()) == _counts(before)
    os.kill(first, signal.SIGCONT)
    wait_until(lambda: crew.metrics()['llm_worker_up{worker="1"}'] == 1, "word of the worker")
    os.kill(first, signal.SIGKILL)
    crew.running.wait_for("a worker serves again")
    wait_until(lambda: crew.metrics()['llm_worker_up{worker="1"}'] == 1, "word of the worker")
    after = crew.metrics()
    assert _counts(after) == _counts(before)
    assert after['llm_worker_starts_total{worker="1"}'] == 2
    assert crew.now()["calls"] == calls


def _counts(told: dict[str, float]) -> dict[str, float]:
    return {
        name: each
        for name, each in told.items()
        if re.match(r"llm_(rpc|upstream|tokens|cost)", name)
    }
