"""Keys and questions over real sockets, with the account on a real PostgreSQL."""

import json
from pathlib import Path

import grpc
import pytest

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import Running, called, serving, wait_until
from tests.support.system_gateway import ask, stub

CONFIG = """
[account]
database = "{url}"
journal = "{folder}/usage.journal"
[local]
enabled = false
[providers.demo]
kind = "scripted"
[providers.demo.models]
hello = [{{ say = "Hello" }}, {{ usage = {{ input_tokens = 10, output_tokens = 3 }} }}]
[prices."demo/hello"]
input_usd = 1
output_usd = 2.5
"""


def queried(server: Running, token: str, **labels: str) -> list[pb.UsageRecord]:
    with grpc.insecure_channel(server.address) as channel:
        query = channel.unary_stream(
            "/llmservice.v1.UsageService/QueryUsage",
            pb.QueryUsageRequest.SerializeToString,
            pb.UsageRecord.FromString,
        )
        wanted = pb.QueryUsageRequest(labels=labels)
        return list(query(wanted, metadata=bearer(token), timeout=20))


def bearer(token: str) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {token}"),)


def test_a_key_from_its_making_to_its_end(postgres_url: str, tmp_path: Path) -> None:
    def keys(*words: str) -> str:
        done = called("keys", *words, f"--config={tmp_path}/c.toml")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    config = CONFIG.format(url=postgres_url, folder=tmp_path)
    (tmp_path / "c.toml").write_text(config)
    alice, ops = keys("create", "alice"), keys("create", "ops", "--scope=usage.read_all")
    with serving(tmp_path, config) as server, stub(server.address) as client:
        for team in ("blue", "red"):
            request = ask("demo", "hello", labels={"team": team})
            client.invoke(request, metadata=bearer(alice), timeout=20)
        wait_until(lambda: len(queried(server, ops)) == 2, "the records")
        (blue,) = queried(server, alice, team="blue")
        assert (blue.caller, blue.attempt.usage.cost_nano_usd) == ("alice", 17_500)
        done = called("usage", "--by=caller", "--json", f"--config={tmp_path}/c.toml")
        assert json.loads(done.stdout)["cost_usd"] == "0.000035"
        with pytest.raises(AssertionError, match="there is a key 'alice' already"):
            keys("create", "alice")
        keys("revoke", "alice")
        wait_until(lambda: _refused(server, alice), "the revocation")
        assert len(queried(server, ops)) == 2


def _refused(server: Running, token: str) -> bool:
    try:
        queried(server, token)
    except grpc.RpcError as error:
        return error.code() is grpc.StatusCode.UNAUTHENTICATED
    return False
