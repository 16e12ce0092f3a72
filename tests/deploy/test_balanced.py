"""Envoy in front of two servers, as docs/scaling.md has it: one is drained and replaced; nobody notices."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast
from urllib.request import urlopen

import attrs
import grpc

from tests.support.cli_runs import PATIENCE_S, serving, wait_until
from tests.support.deploy_tools import DEPLOY, TOOLS, demand_tools
from tests.support.system_gateway import ask, stub

CONFIG = """
[account]
database = "memory"

[local]
enabled = false

[providers.demo]
kind = "scripted"

[providers.demo.models]
paced = [{ say = "one" }, { wait_s = 0.1 }, { say = " two" }, { wait_s = 0.1 }, { say = " three" }]
"""


@attrs.frozen
class Envoy:
    """A running balancer."""

    address: str
    admin: str

    def healthy(self) -> int:
        """Return how many servers it sends calls to."""
        with urlopen(f"http://{self.admin}/clusters?format=json", timeout=5) as answer:
            (cluster,) = json.load(answer)["cluster_statuses"]
        return sum(
            each["health_status"] == {"eds_health_status": "HEALTHY"}
            for each in cluster["host_statuses"]
        )


@contextmanager
def balanced(folder: Path, servers: list[str]) -> Iterator[Envoy]:
    """Have the configuration under deploy/ run in front of `servers` while the block does."""
    demand_tools()
    text = (DEPLOY / "envoy" / "envoy.yaml").read_text()
    for number, server in enumerate(servers, 1):
        host, _, port = server.rpartition(":")
        there = f"address: llmservice-{number}, port_value: 50051"
        assert there in text
        text = text.replace(there, f"address: {host}, port_value: {port}")
    text = text.replace("address: 0.0.0.0, port_value: 8080", "address: 127.0.0.1, port_value: 0")
    text = text.replace("port_value: 9901", "port_value: 0")
    config, admin, log = (folder / name for name in ("envoy.yaml", "admin", "envoy.log"))
    config.write_text(text)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                TOOLS / "envoy",
                *("--config-path", config),
                *("--admin-address-path", admin),
                *("--concurrency", "1"),
                "--use-dynamic-base-id",
            ],
            stdout=out,
            stderr=out,
        )
    with process:
        try:
            wait_until(
                lambda: (admin.exists() and admin.read_text() != "") or process.poll() is not None,
                "the balancer's address",
            )
            assert process.poll() is None, log.read_text()
            with urlopen(f"http://{admin.read_text()}/listeners?format=json", timeout=5) as answer:
                (listener,) = json.load(answer)["listener_statuses"]
            where = listener["local_address"]["socket_address"]
            envoy = Envoy(f"{where['address']}:{where['port_value']}", admin.read_text())
            wait_until(lambda: envoy.healthy() == len(servers), "all servers healthy")
            yield envoy
        finally:
            process.kill()


@attrs.define
class Callers:
    """Clients that stream without pause, and never try again."""

    address: str
    over: threading.Event = attrs.field(factory=threading.Event)

    def call(self) -> int:
        """Return how many answers came, whole."""
        done = 0
        with stub(self.address) as channel:
            while not self.over.is_set():
                said = [each.content for each in channel.stream(ask("demo", "paced"), timeout=20)]
                assert "".join(said) == "one two three"
                done += 1
        return done


def test_a_server_behind_a_balancer_is_replaced_and_no_call_fails(tmp_path: Path) -> None:
    demand_tools()
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("first", "second", "third", "envoy")]
        for each in folders:
            each.mkdir()
        first, second = (stack.enter_context(serving(each, CONFIG)) for each in folders[:2])
        envoy = stack.enter_context(balanced(folders[3], [first.address, second.address]))
        callers = Callers(envoy.address)
        with ThreadPoolExecutor(8) as threads:
            ends = [threads.submit(callers.call) for _ in range(8)]
            try:
                wait_until(lambda: first.log().count('"call"') > 20, "calls at the first server")
                assert first.stop() == 0
                port = first.address.rpartition(":")[2]
                third = stack.enter_context(serving(folders[2], CONFIG, f"--port={port}"))
                wait_until(lambda: third.log().count("InvokeStream") > 8, "calls at the new server")
            finally:
                callers.over.set()
            done = [each.result(PATIENCE_S) for each in ends]
        assert min(done) > 3
        assert [each.stop() for each in (second, third)] == [0, 0]
        calls = [
            json.loads(line)
            for each in (first, second, third)
            for line in each.log().splitlines()
            if "InvokeStream" in line
        ]
    assert {each["code"] for each in calls} == {"OK"}
    assert len(calls) == sum(done)


def test_a_client_that_leaves_is_gone_behind_the_balancer_too(tmp_path: Path) -> None:
    slow = CONFIG.replace("{ wait_s = 0.1 }", "{ wait_s = 60.0 }")
    demand_tools()
    with ExitStack() as stack:
        one = stack.enter_context(serving(tmp_path, slow))
        envoy = stack.enter_context(balanced(tmp_path, [one.address, one.address]))
        with stub(envoy.address) as channel:
            answer = channel.stream(ask("demo", "paced"), timeout=20)
            while next(answer).content != "one":
                pass
            began = time.monotonic()
            cast("grpc.Call", answer).cancel()
            one.wait_for('"CANCELLED"')
        assert time.monotonic() - began < PATIENCE_S / 2
