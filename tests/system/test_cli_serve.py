"""`llmservice serve` as a process, from outside."""

import json
import signal
import socket
from pathlib import Path

import grpc
import pytest

from tests.support.cli_runs import CONFIG, run, serving, started, wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_serves_and_stops_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as server:
        host, _, port = server.address.rpartition(":")
        assert host == "127.0.0.1"
        socket.create_connection((host, int(port))).close()
        server.wait_for('"serving"')
        lines = [json.loads(line) for line in server.log().splitlines()]
        assert lines[-1]["message"] == "serving"
        assert lines[-1]["address"] == server.address
        assert server.stop(number) == 0
        assert not server.address_file.exists()
        assert json.loads(server.log().splitlines()[-1])["message"] == "stopped"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.toml", "log"]


def test_it_stops_with_calls_in_flight(tmp_path: Path) -> None:
    with (
        serving(tmp_path, LLMSERVICE_GRPC__DRAIN_GRACE_S="0.1") as server,
        started("chat", "--target", server.address, "--model", "slow", "hi") as chat,
    ):
        assert chat.stdout is not None
        assert chat.stdout.read(5) == "Hello"
        assert server.stop() == 0
        assert chat.wait(10) == 1
        assert chat.stderr is not None
        assert "SERVICE_DRAINING" in chat.stderr.read()


def test_a_file_of_another_server_is_left_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.address_file.write_text("127.0.0.1:1\n")
        assert server.stop() == 0
        assert server.address_file.read_text() == "127.0.0.1:1\n"


def test_an_address_that_is_taken_is_one_line_and_1(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        port = server.address.rpartition(":")[2]
        second = run("serve", f"--port={port}", LLMSERVICE_LOCAL__ENABLED="false")
    assert second.returncode == 1
    last = second.stderr.splitlines()[-1]
    assert last.startswith(f"llmservice: cannot listen at 127.0.0.1:{port}: ")
    assert "Traceback" not in second.stderr


def test_an_address_file_that_cannot_be_written_is_one_line_and_1(tmp_path: Path) -> None:
    done = run(
        "serve",
        "--port=0",
        f"--address-file={tmp_path}/none/address",
        LLMSERVICE_LOCAL__ENABLED="false",
    )
    assert done.returncode == 1
    assert "cannot write" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com"])
def test_other_machines_are_refused_without_authentication(host: str) -> None:
    done = run("serve", f"--host={host}", "--port=0")
    assert done.returncode == 2
    assert "--insecure" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_other_machines_are_welcome_when_that_is_said(tmp_path: Path) -> None:
    with serving(tmp_path, CONFIG, "--host=0.0.0.0", "--insecure") as server:
        assert server.address.startswith("0.0.0.0:")
        assert server.stop() == 0


def test_it_listens_at_several_places_and_tells_the_first(tmp_path: Path) -> None:
    sock, file = tmp_path / "s", tmp_path / "address"
    listen = json.dumps(["[::1]:0", f"unix:{sock}", "127.0.0.1:0"])
    with started(
        "serve",
        f"--address-file={file}",
        LLMSERVICE_LOCAL__ENABLED="false",
        LLMSERVICE_GRPC__LISTEN=listen,
    ) as server:
        wait_until(file.exists, "the address")
        address = file.read_text().strip()
        assert address.startswith("[::1]:")
        for target in (address, f"unix:{sock}"):
            with grpc.insecure_channel(target) as channel:
                models: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                    "/llmservice.v1.ModelService/ListModels"
                )
                assert models(b"", timeout=10) is not None
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
    assert not sock.exists()


def test_an_address_that_is_none_names_the_setting_and_is_2() -> None:
    done = run("serve", LLMSERVICE_GRPC__LISTEN='["127.0.0.1:0", "here"]')
    assert done.returncode == 2
    assert "grpc.listen: 'here' is no address: write HOST:PORT" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_address_is_looked_at_for_safety(tmp_path: Path) -> None:
    done = run("serve", LLMSERVICE_GRPC__LISTEN=f'["unix:{tmp_path}/s", "0.0.0.0:0"]')
    assert done.returncode == 2
    assert "0.0.0.0:0 is reachable" in done.stderr
    assert "--insecure" in done.stderr


def test_a_bad_configuration_names_the_path_and_is_2(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[grpc]\nprot = 1\n")
    done = run("serve", f"--config={config}")
    assert done.returncode == 2
    assert "grpc" in done.stderr
    assert "prot" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_bad_log_level_is_2() -> None:
    done = run("serve", LLMSERVICE_LOG_LEVEL="LOUD")
    assert done.returncode == 2
    assert "LLMSERVICE_LOG_LEVEL" in done.stderr


def test_the_log_is_as_quiet_as_asked(tmp_path: Path) -> None:
    with serving(tmp_path, LLMSERVICE_LOG_LEVEL="error") as server:
        assert server.stop() == 0
        assert server.log() == ""
