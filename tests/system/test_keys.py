"""Callers' keys as an operator handles them: the program beside a running server, and Google's client."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import PROGRAM, Running, called, environment, run, serving
from tests.support.system_gateway import Refused, Stub, ask, refusal, stub

IN_FORCE_S = 2.0
CONFIG = """
[account]
database = "sqlite:///{folder}/usage.db"
[local]
enabled = false
[providers.demo]
kind = "scripted"
[providers.demo.models]
hello = [{{ say = "Hello" }}]
other = [{{ say = "x" }}]
"""


def config(folder: Path, more: str = "") -> str:
    return CONFIG.format(folder=folder) + more


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path, config(tmp_path), LLMSERVICE_LOG_LEVEL="TRACE") as running:
        yield running


def keys(folder: Path, *words: str) -> str:
    """Return what `llmservice keys` prints."""
    done = called("keys", *words, f"--config={folder}/c.toml")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


def invoked(client: Stub, token: str = "", model: str = "hello") -> str:
    metadata = bearer(token) if token else ()
    return client.invoke(ask("demo", model), metadata=metadata, timeout=20).content


def refused(client: Stub, token: str = "", model: str = "hello") -> Refused:
    return refusal(lambda: invoked(client, token, model))


def in_time(looks: Callable[[], bool]) -> bool:
    """Look until it `looks` right, for as long as a change may take."""
    end = time.monotonic() + IN_FORCE_S
    while not looks():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_refused(client: Stub, token: str, reason: str) -> bool:
    try:
        invoked(client, token)
    except grpc.RpcError as error:
        info: Any = error
        raised = refusal(lambda: _raise(info))
        return raised.reason == reason
    return False


def _raise(error: Exception) -> None:
    raise error


def test_the_life_of_a_key_beside_a_running_server(tmp_path: Path, server: Running) -> None:
    with stub(server.address) as client:
        assert invoked(client) == "Hello"
        alice = keys(tmp_path, "create", "alice", "--allow=demo/hello")
        assert in_time(lambda: is_refused(client, "", "POLICY_UNAUTHENTICATED"))
        assert invoked(client, alice) == "Hello"
        assert refused(client, alice, "other").reason == "POLICY_ACCESS_DENIED"

        bob = keys(tmp_path, "create", "bob")
        assert in_time(lambda: not is_refused(client, bob, "POLICY_UNAUTHENTICATED"))
        keys(tmp_path, "set", "bob", "--requests-per-minute=1")
        assert in_time(lambda: is_refused(client, bob, "POLICY_RATE_LIMITED"))
        # Two changes of two keys are waited for together.
        keys(tmp_path, "set", "bob", "--requests-per-minute=none")
        renewed = keys(tmp_path, "rotate", "alice")
        assert in_time(lambda: not is_refused(client, bob, "POLICY_RATE_LIMITED"))
        assert in_time(lambda: is_refused(client, alice, "POLICY_UNAUTHENTICATED"))
        assert invoked(client, renewed) == "Hello"
        keys(tmp_path, "revoke", "alice")
        assert in_time(lambda: is_refused(client, renewed, "POLICY_UNAUTHENTICATED"))
        assert "revoked" in refused(client, renewed).message
        keys(tmp_path, "revoke", "bob")
        assert in_time(lambda: is_refused(client, bob, "POLICY_UNAUTHENTICATED"))
        assert refused(client).code is grpc.StatusCode.UNAUTHENTICATED
    assert server.stop() == 0
    assert '"caller":"alice"' in server.log()
    for token in (alice, renewed, bob):
        assert_secret(token, tmp_path, server.log())


def assert_secret(token: str, folder: Path, log: str) -> None:
    assert token not in log
    assert sha256(token.encode()).hexdigest() not in log
    for file in folder.glob("usage*"):
        assert token.encode() not in file.read_bytes()


def test_a_token_is_all_that_goes_to_stdout(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(config(tmp_path))
    done = run("keys", "create", "alice", f"--config={tmp_path}/c.toml")
    token = done.stdout.removesuffix("\n")
    assert token.startswith("llmsk_")
    assert len(token) == len("llmsk_") + 43
    assert token not in done.stderr
    assert "not shown again" in done.stderr
    assert "first key" in done.stderr
    again = run("keys", "create", "bob", f"--config={tmp_path}/c.toml")
    assert "first key" not in again.stderr
    with sqlite3.connect(tmp_path / "usage.db") as database:
        kept = dict(database.execute("SELECT name, token_sha256 FROM callers").fetchall())
    database.close()
    assert kept["alice"] == sha256(token.encode()).digest()


def test_a_list_tells_everything_but_tokens(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(config(tmp_path))
    token = keys(
        tmp_path,
        *("create", "alice", "--scope=usage.read_all", "--allow=demo/*", "--allow=openai/*"),
        *("--requests-per-minute=10", "--tokens-per-minute=2000", "--parallel-calls=3"),
        *("--budget-usd-per-day=0.5", "--budget-usd-per-month=12.000000001"),
        "--expires=2099-01-31",
    )
    keys(tmp_path, "create", "bob")
    keys(tmp_path, "revoke", "bob")
    table, lines = keys(tmp_path, "list"), keys(tmp_path, "list", "--json")
    alice, bob = map(json.loads, lines.splitlines())
    assert alice.pop("created").endswith("Z")
    assert alice == {
        "name": "alice",
        "state": "in force",
        "scopes": ["usage.read_all"],
        "allow": ["demo/*", "openai/*"],
        "requests_per_minute": 10,
        "tokens_per_minute": 2000,
        "parallel_calls": 3,
        "budget_usd_per_day": "0.50",
        "budget_usd_per_month": "12.000000001",
        "expires": "2099-01-31T00:00:00Z",
        "revoked": None,
    }
    assert (bob["state"], bob["allow"], bob["expires"]) == ("revoked", ["*"], None)
    assert "12.000000001" in table
    assert "revoked" in table
    for shown in (table, lines):
        assert token not in shown
        assert sha256(token.encode()).hexdigest()[:12] not in shown


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["create", "a b"], 2, "use up to 64 letters"),
        (["create", "anonymous"], 2, "not anonymous"),
        (["create", "bob", "--allow=openai"], 2, "--allow: 'openai' must be provider/model"),
        (["create", "bob", "--scope=X Y"], 2, "--scope: 'X Y' is no scope"),
        (["create", "bob", "--requests-per-minute=0"], 2, "--requests-per-minute: must be >= 1"),
        (["create", "bob", "--parallel-calls=x"], 2, "--parallel-calls: must be a whole number"),
        (["create", "bob", "--budget-usd-per-day=x"], 2, "--budget-usd-per-day: must be an amount"),
        (["create", "bob", "--expires=2020-01-01"], 2, "has passed"),
        (["create", "bob", "--expires=soon"], 2, "30d"),
        (["create", "bob", "--expires=999999w"], 2, "too far away"),
        (["create", "carol"], 1, "[callers.carol]"),
        (["create", "alice"], 1, "`llmservice keys set alice`"),
        (["set", "alice"], 2, "say what to change"),
        (["set", "nobody", "--expires=none"], 1, "there are: alice"),
        (["revoke", "nobody"], 1, "there are: alice"),
        (["rotate", "nobody"], 1, "there are: alice"),
    ],
)
def test_what_makes_no_sense_is_one_line_with_the_remedy(
    tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    static = f'[callers.carol]\ntoken_sha256 = "{"0" * 64}"\n'
    (tmp_path / "c.toml").write_text(config(tmp_path, static))
    keys(tmp_path, "create", "alice")
    done = called("keys", *words, f"--config={tmp_path}/c.toml")
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_account_in_memory_has_no_keys() -> None:
    done = run("keys", "list", LLMSERVICE_ACCOUNT__DATABASE="memory")
    assert done.returncode == 2
    assert "account.database is memory" in done.stderr


def test_with_a_key_the_server_may_be_reached_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(config(tmp_path))
    token = keys(tmp_path, "create", "alice")
    with serving(tmp_path, config(tmp_path), "--host=0.0.0.0") as server:
        with stub(f"127.0.0.1:{server.address.rpartition(':')[2]}") as client:
            assert refused(client).code is grpc.StatusCode.UNAUTHENTICATED
            assert invoked(client, token) == "Hello"
        assert server.stop() == 0


def test_callers_of_the_configuration_and_keys_are_known_side_by_side(tmp_path: Path) -> None:
    static = f'[callers.carol]\ntoken_sha256 = "{sha256(b"carols").hexdigest()}"\n'
    with serving(tmp_path, config(tmp_path, static)) as server, stub(server.address) as client:
        assert invoked(client, "carols") == "Hello"
        token = keys(tmp_path, "create", "alice")
        assert in_time(lambda: not is_refused(client, token, "POLICY_UNAUTHENTICATED"))
        assert invoked(client, "carols") == "Hello"


def test_a_budget_outlives_the_server(tmp_path: Path) -> None:
    # A token of the answer costs a cent, and a call may need five.
    priced = config(tmp_path, '[prices."demo/*"]\ninput_usd = 0\noutput_usd = 10000\n')
    (tmp_path / "c.toml").write_text(priced)
    token = keys(tmp_path, "create", "alice", "--budget-usd-per-day=0.10")
    said = pb.ChatMessage(role="user", content="Hello")
    request = pb.LLMRequest(provider="demo", model="hello", max_tokens=5, messages=[said])

    def outcome(client: Stub) -> str | int:
        try:
            answer = client.invoke(request, metadata=bearer(token), timeout=20)
        except grpc.RpcError as error:
            info: Exception = error
            return refusal(lambda: _raise(info)).reason
        return answer.usage.cost_nano_usd

    with serving(tmp_path, priced) as server, stub(server.address) as client:
        before = [outcome(client)]
        while before[-1] != "POLICY_BUDGET_EXCEEDED":
            assert isinstance(before[-1], int)
            assert before[-1] > 0
            before.append(outcome(client))
        assert len(before) > 1
        assert server.stop() == 0
    with serving(tmp_path, priced) as server, stub(server.address) as client:
        assert outcome(client) == "POLICY_BUDGET_EXCEEDED"
        keys(tmp_path, "set", "alice", "--budget-usd-per-day=1000")
        assert in_time(lambda: isinstance(outcome(client), int))


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, True), (0o600, False)])
def test_who_puts_a_token_where_others_read_it_is_told(
    tmp_path: Path, mode: int, warned: bool
) -> None:
    (tmp_path / "c.toml").write_text(config(tmp_path))
    file = tmp_path / "token"
    file.touch()
    file.chmod(mode)
    with file.open("w") as stdout:
        command = [*PROGRAM, "keys", "create", "alice", f"--config={tmp_path}/c.toml"]
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment(), check=True
        )
    assert file.read_text().startswith("llmsk_")
    assert ("chmod 600" in done.stderr) is warned


def test_a_database_that_somebody_else_writes_to_is_said_to_be_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.toml").write_text(config(tmp_path))
    monkeypatch.setattr("adapters.storage.sql.database._BUSY_S", 0.01)
    keys(tmp_path, "list")
    with closing(sqlite3.connect(tmp_path / "usage.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = called("keys", "create", "alice", f"--config={tmp_path}/c.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is locked: another program writes to it" in done.stderr
    assert "try again" in done.stderr
