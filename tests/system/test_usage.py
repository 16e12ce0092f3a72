"""The account as callers and operators read it: QueryUsage over a real socket, and the program."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from google.protobuf.timestamp_pb2 import Timestamp

from entrypoints.client.client import connect
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.account_open import open_account_at
from tests.support.account_records import NOON_S, record
from tests.support.cli_runs import Running, called, serving, terminal, wait_until
from tests.support.system_gateway import ask, refusal, stub

CONFIG = """
[account]
database = "sqlite:///{folder}/usage.db"
[local]
enabled = false
[providers.demo]
kind = "scripted"
[providers.demo.models]
priced = [{{ say = "Hello" }}, {{ usage = {{ input_tokens = 10, output_tokens = 3 }} }}]
unpriced = [{{ say = "Hello" }}, {{ usage = {{ input_tokens = 5, output_tokens = 1 }} }}]
[prices."demo/priced"]
input_usd = 1
output_usd = 2.5
[callers.alice]
token_sha256 = "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"
[callers.bob]
token_sha256 = "81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9"
[callers.ops]
token_sha256 = "a92c36e66a25ee99ff862faa8e87987be6c7cd13c3ee661c400a45b0f1e3b132"
scopes = ["usage.read_all"]
"""


def bearer(name: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {name}")]


def queried(address: str, name: str, **wanted: Any) -> list[pb.UsageRecord]:
    with usage_stub(address) as query:
        return list(query(pb.QueryUsageRequest(**wanted), metadata=bearer(name), timeout=20))


@contextmanager
def usage_stub(address: str) -> Iterator[Any]:
    with grpc.insecure_channel(address) as channel:
        yield channel.unary_stream(
            "/llmservice.v1.UsageService/QueryUsage",
            pb.QueryUsageRequest.SerializeToString,
            pb.UsageRecord.FromString,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A server with the records of three calls."""
    folder = tmp_path_factory.mktemp("usage")
    calls = [
        ("alice", "priced", {"team": "blue"}),
        ("alice", "unpriced", {"team": "red"}),
        ("bob", "unpriced", {"team": "blue", "n": "1"}),
    ]
    with serving(folder, CONFIG.format(folder=folder)) as server:
        with stub(server.address) as client:
            for name, model, labels in calls:
                request = ask("demo", model, labels=labels)
                client.invoke(request, metadata=bearer(name), timeout=20)
        wait_until(lambda: len(queried(server.address, "ops")) == len(calls), "the records")
        yield server, folder


def test_callers_are_told_their_own_records_and_those_with_the_scope_all(
    served: tuple[Running, Path],
) -> None:
    address = served[0].address
    (first, second) = queried(address, "alice")
    assert (first.caller, first.attempt.provider, first.attempt.model) == (
        "alice",
        "demo",
        "priced",
    )
    assert first.attempt.outcome == pb.ATTEMPT_OUTCOME_SERVED
    assert first.attempt.usage.cost_nano_usd == 17_500
    assert dict(first.labels) == {"team": "blue"}
    assert abs(first.time.seconds - datetime.now(UTC).timestamp()) < 600
    assert not second.attempt.usage.HasField("cost_nano_usd")
    assert [each.caller for each in queried(address, "bob")] == ["bob"]
    assert [each.caller for each in queried(address, "ops")] == ["alice", "alice", "bob"]


def test_times_and_labels_choose(served: tuple[Running, Path]) -> None:
    address = served[0].address
    blue = queried(address, "ops", labels={"team": "blue"})
    assert [each.caller for each in blue] == ["alice", "bob"]
    assert len(queried(address, "ops", labels={"team": "blue", "n": "1"})) == 1
    second = queried(address, "ops")[1].time
    assert len(queried(address, "ops", start=second)) == 2
    assert len(queried(address, "ops", end=second)) == 1
    assert queried(address, "alice", end=Timestamp(seconds=1)) == []


def test_what_makes_no_sense_is_named_by_field(served: tuple[Running, Path]) -> None:
    address = served[0].address
    bad = Timestamp(seconds=5, nanos=-1)
    found = refusal(lambda: queried(address, "alice", start=bad, labels={"k": "v" * 300}))
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(found.fields) == {"start", "labels['k']"}
    early, late = Timestamp(seconds=1), Timestamp(seconds=2)
    found = refusal(lambda: queried(address, "alice", start=late, end=early))
    assert found.fields == {"end": "must be later than start"}


def test_who_is_not_known_is_told_nothing(served: tuple[Running, Path]) -> None:
    assert refusal(lambda: queried(served[0].address, "x")).reason == "POLICY_UNAUTHENTICATED"


async def test_the_projects_client_reads_records_and_may_leave_at_any_moment(
    tmp_path: Path,
) -> None:
    count = 3_000
    url = f"sqlite:///{tmp_path}/usage.db"
    async with open_account_at(url, tmp_path) as account:
        for number in range(count):
            await account.log.append(record(str(number), time_s=NOON_S + number))
    config = CONFIG.format(folder=tmp_path).partition("[callers")[0]
    with serving(tmp_path, config) as server:
        async with connect(server.address) as client:
            request = pb.QueryUsageRequest()
            async with client.query_usage(request) as records:
                found = [each.request_id async for each in records]
            assert found == [str(number) for number in range(count)]
            for taken in (0, 1, 700):
                async with client.query_usage(request) as records:
                    for number in range(taken):
                        assert (await anext(records)).request_id == str(number)
            with trio.fail_after(10):
                async with client.query_usage(request) as records:
                    assert (await anext(records)).request_id == "0"
            bad = pb.QueryUsageRequest(start=Timestamp(seconds=9), end=Timestamp(seconds=8))
            async with client.query_usage(bad) as records:
                with pytest.raises(CallFailed, match="end"):
                    await anext(records)
        assert server.stop() == 0
    assert "SERVICE_INTERNAL" not in server.log()
    assert "Traceback" not in server.log()


# ------------------------------------------------------------------ the program


def lines(*words: str, **environment: str) -> list[Mapping[str, Any]]:
    done = called("usage", "--json", *words, **environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_database_and_the_server_tell_the_same(served: tuple[Running, Path]) -> None:
    server, folder = served
    for more in (["--by=caller,label:team,outcome"], ["--label=team=blue"], ["--by=total"]):
        kept = lines(f"--config={folder}/c.toml", *more)
        told = lines(f"--target={server.address}", *more, LLMSERVICE_TOKEN="ops")
        assert kept == told
        assert kept
    own = lines(f"--target={server.address}", "--by=caller", LLMSERVICE_TOKEN="bob")
    assert [(each["caller"], each["calls"]) for each in own] == [("bob", 1)]
    (one,) = lines(f"--config={folder}/c.toml", "--by=caller", "--caller=alice")
    assert (one["caller"], one["calls"]) == ("alice", 2)


def test_what_is_not_known_is_never_free(served: tuple[Running, Path]) -> None:
    config = f"--config={served[1]}/c.toml"
    priced, unpriced = lines(config, "--by=model")
    assert (priced["cost_usd"], priced["calls_of_unknown_cost"]) == ("0.0000175", 0)
    assert (unpriced["cost_usd"], unpriced["calls_of_unknown_cost"]) == (None, 2)
    table = called("usage", config, "--by=model").stdout.splitlines()
    assert table[0].startswith("since ")
    assert table[1].split() == ["model", "calls", "served", "input", "output", "USD"]
    assert table[2].split() == ["priced", "1", "1", "10", "3", "0.0000175"]
    assert table[3].split() == ["unpriced", "2", "2", "10", "2", "unknown"]
    assert lines(config, "--by=model", "--by=day") == lines(config, "--by=model,day")
    total = called("usage", config, "--by=total").stdout.splitlines()
    assert total[2].endswith("0.0000175 + 2 unknown")


def test_a_terminal_shows_bars(served: tuple[Running, Path]) -> None:
    with terminal("usage", f"--config={served[1]}/c.toml", "--by=model") as shown:
        shown.expect("unpriced")
        shown.expect("█")
        assert shown.ended() == 0


def test_nothing_recorded_is_said(served: tuple[Running, Path]) -> None:
    done = called(
        "usage", f"--config={served[1]}/c.toml", "--since=2020-01-01", "--until=2020-01-02"
    )
    assert done.stdout.splitlines() == [
        "2020-01-01 00:00 UTC to 2020-01-02 00:00 UTC",
        "nothing was recorded",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by=colour"], "label:KEY"),
        (["--since=yesterday"], "24h"),
        (["--since=1h", "--until=2h"], "--until must be later"),
        (["--label=team"], "KEY=VALUE"),
        (["--config=x", "--target=y"], "alternatives"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_2(words: list[str], said: str) -> None:
    done = called("usage", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_account_in_memory_is_told_by_its_server_alone() -> None:
    done = called("usage", LLMSERVICE_ACCOUNT__DATABASE="memory")
    assert done.returncode == 2
    assert "--target" in done.stderr
