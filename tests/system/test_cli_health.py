"""`llmservice check --health`: what a container's health check says of a server."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.cli_runs import Running, run, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("serve")) as running:
        yield running


@pytest.mark.parametrize("service", ["", "llmservice.v1.LLMService"])
def test_a_server_that_takes_calls_is_healthy(server: Running, service: str) -> None:
    done = run("check", f"--health={server.address}", f"--service={service}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{service or server.address}: SERVING\n"


def test_the_server_may_be_named_by_the_environment(server: Running) -> None:
    done = run("check", "--health", LLMSERVICE_TARGET=server.address)
    assert done.returncode == 0, done.stderr


def test_a_service_that_is_not_there_is_not_healthy(server: Running) -> None:
    done = run("check", f"--health={server.address}", "--service=llmservice.v1.Nobody")
    assert done.returncode == 1
    assert "llmservice.v1.Nobody" in done.stderr


def test_where_nobody_listens_nobody_is_healthy() -> None:
    done = run("check", "--health=127.0.0.1:1")
    assert done.returncode == 1
    assert "Connection refused" in done.stderr


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        done = run("check", f"--health={address}", "--timeout=0.2")
    assert done.returncode == 1
    assert f"{address}: no answer within 0.2 s" in done.stderr


def test_a_target_that_makes_no_sense_is_bad_usage() -> None:
    assert run("check", "--health=ftp://nowhere").returncode == 2
