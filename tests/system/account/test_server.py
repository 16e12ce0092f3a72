"""A real server under load: what was answered is accounted for, whatever happens to it or to its database."""

import signal
import time
from collections import Counter
from pathlib import Path

import grpc
import pytest
import trio

from tests.support.account_load import load
from tests.support.account_open import open_account_at
from tests.support.cli_runs import CONFIG, called, run, serving
from tests.support.postgres import PASSWORD, PostgresServer

WINDOW_S = 0.2


def config(url: str, **account: object) -> str:
    """Return the configuration of a server with its account at `url`."""
    keys = {"database": f'"{url}"', **account}
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    return CONFIG.replace('[account]\ndatabase = "memory"', f"[account]\n{lines}")


def recorded(url: str, folder: Path) -> Counter[str]:
    """Return how often each call is in the database, once nothing is in the journal any more."""

    async def read() -> Counter[str]:
        async with open_account_at(url, folder) as account:
            with trio.fail_after(20):
                while account.log.stats.journal_bytes:  # noqa: ASYNC110 - a file tells nobody
                    await trio.sleep(0.01)
            return Counter([each.request_id for each in await account.records()])

    return trio.run(read)


def test_a_server_that_is_stopped_loses_nothing(url: str, tmp_path: Path) -> None:
    with (
        serving(tmp_path, config(url, journal=f'"{tmp_path}/usage.journal"')) as server,
        load(server.address) as calls,
    ):
        calls.wait_for(100)
        assert server.stop() == 0
        calls.stop()
    found = recorded(url, tmp_path)
    assert set(calls.answered) <= set(found)
    assert set(found.values()) == {1}


def test_strict_loses_nothing_that_was_answered_when_it_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/usage.db"
    with (
        serving(tmp_path, config(url, durability='"strict"')) as server,
        load(server.address) as calls,
    ):
        calls.wait_for(100)
        server.stop(signal.SIGKILL)
        calls.stop()
    found = recorded(url, tmp_path)
    assert set(calls.answered) <= set(found)
    assert set(found.values()) == {1}


def test_batched_loses_at_most_its_window_when_it_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/usage.db"
    with serving(tmp_path, config(url)) as server, load(server.address) as calls:
        calls.wait_for(200)
        time.sleep(2 * WINDOW_S)
        server.stop(signal.SIGKILL)
        killed = time.monotonic()
        calls.stop()
    lost = set(calls.answered) - set(recorded(url, tmp_path))
    # The window, and the transaction that was on its way.
    assert all(killed - calls.answered[each] < WINDOW_S + 0.3 for each in lost)
    assert len(lost) < len(calls.answered)


@pytest.mark.parametrize("durability", ["batched", "strict"])
def test_a_database_that_is_away_costs_no_call_and_no_record(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path, durability: str
) -> None:
    settings = config(
        postgres_url, journal=f'"{tmp_path}/usage.journal"', durability=f'"{durability}"'
    )
    with serving(tmp_path, settings) as server, load(server.address) as calls:
        calls.wait_for(50)
        postgres_server.stop(signal.SIGQUIT)
        server.wait_for("the usage database is away")
        assert '"level":"WARNING","message":"the usage database is away' in server.log()
        calls.wait_for(100)
        postgres_server.start()
        server.wait_for("the usage database is back")
        calls.wait_for(50)
        calls.stop()
        assert server.stop() == 0
        assert PASSWORD not in server.log()
    assert calls.failed == []
    found = recorded(postgres_url, tmp_path)
    assert set(found) == set(calls.answered)
    assert set(found.values()) == {1}


def test_where_nothing_can_be_kept_calls_are_refused_and_none_is_unrecorded(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    settings = config(postgres_url, journal=f'"{tmp_path}/usage.journal"', journal_bytes=20_000)
    with serving(tmp_path, settings) as server, load(server.address) as calls:
        calls.wait_for(20)
        postgres_server.stop(signal.SIGQUIT)
        server.wait_for("new calls are refused")
        refused = len(calls.failed)
        while len(calls.failed) < refused + 4:
            time.sleep(0.01)
        postgres_server.start()
        server.wait_for("calls are taken")
        calls.wait_for(20)
        calls.stop()
        assert server.stop() == 0
    assert set(calls.failed) == {grpc.StatusCode.UNAVAILABLE}
    found = recorded(postgres_url, tmp_path)
    assert set(found) == set(calls.answered)


def test_a_database_that_cannot_be_opened_ends_the_start_without_its_password(
    tmp_path: Path,
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(config(f"postgresql://me:{PASSWORD}@127.0.0.1:1/usage"))
    done = run("serve", f"--config={file}", "--port=0")
    assert done.returncode == 1
    assert "the usage database 127.0.0.1/usage: connection failed" in done.stderr
    done = called("check", f"--config={file}")
    assert done.returncode == 0
    assert "account: postgresql://(hidden)@127.0.0.1:1/usage" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


def test_the_address_may_come_from_a_file(tmp_path: Path) -> None:
    file, secret = tmp_path / "c.toml", tmp_path / "secret"
    file.write_text(CONFIG.replace('database = "memory"', 'database_env = "ACCOUNT_URL"'))
    done = called("check", f"--config={file}")
    assert done.returncode == 1
    assert "set ACCOUNT_URL, or ACCOUNT_URL_FILE" in done.stderr
    secret.write_text(f"postgresql://me:{PASSWORD}@host/usage\n")
    done = called("check", f"--config={file}", ACCOUNT_URL_FILE=str(secret))
    assert done.returncode == 0
    assert PASSWORD not in done.stdout + done.stderr
    secret.write_text(f"mysql://me:{PASSWORD}@host/usage\n")
    done = called("check", f"--config={file}", ACCOUNT_URL_FILE=str(secret))
    assert "ACCOUNT_URL (account.database_env) must be memory, sqlite:///PATH" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr


def test_the_default_is_a_file_in_the_state_folder_that_only_its_owner_reads(
    tmp_path: Path,
) -> None:
    with serving(
        tmp_path, CONFIG.replace('database = "memory"', ""), XDG_STATE_HOME=str(tmp_path / "state")
    ) as server:
        assert server.stop() == 0
    folder = tmp_path / "state/llmservice"
    assert (folder / "usage.db").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
