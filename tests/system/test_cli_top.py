"""`llmservice top` against a real server."""

import json
from pathlib import Path

from tests.support.cli_runs import called, run, serving, terminal
from tests.support.http_side import http_address

CONFIG = """
[local]
enabled = false
[account]
database = "memory"
[http]
port = 0
[providers.demo]
kind = "scripted"
models.short = [{ say = "hello there" }]
"""


def test_a_terminal_shows_what_the_console_does(tmp_path: Path) -> None:
    with serving(tmp_path, CONFIG) as running:
        where = f"http://{http_address(running)}"
        said = run(
            "chat", "--target", running.address, "--provider", "demo", "--model", "short", "hi"
        )
        assert said.returncode == 0, said.stderr
        once = run("top", "--once", "--target", where, COLUMNS="140")
        assert once.returncode == 0, once.stderr
        for word in ("in flight 0", "Calls in flight", "demo/short", "works", "served"):
            assert word in once.stdout
        told = called(
            "top", "--once", "--json", "--by", "caller", "--window", "1h", "--target", where
        )
        found = json.loads(told.stdout)
        assert (found["by"], found["window_s"], found["calls"]) == ("caller", 3600, 1)
        assert [each["name"] for each in found["used"]] == ["anonymous"]
        with terminal("top", "--target", where) as screen:
            screen.expect("Last calls")
            screen.send("q")
            assert screen.ended() == 0
        with terminal("top", "--target", where) as screen:
            screen.expect("Last calls")
            screen.send("\x03")
            assert screen.ended() == 130
        other = called("top", "--once", "--target", f"http://{running.address}")
        assert other.returncode == 1
        assert "does not answer" in other.stderr


def test_what_makes_no_sense_is_said_in_a_line() -> None:
    gone = called("top", "--target", "127.0.0.1:1")
    assert gone.returncode == 1
    assert gone.stderr.startswith("llmservice: http://127.0.0.1:1 does not answer")
    assert gone.stderr.count("\n") == 1
    for target in (
        "ftp://x",
        "http://",
        "http://u:secret@h:1",
        "http://h:1/path",
        "http://h:99999",
    ):
        wrong = called("top", "--once", "--target", target)
        assert wrong.returncode == 2, target
        assert "--target: " in wrong.stderr
        assert "secret" not in wrong.stderr
    plain = called("top", "--once", "--target", "http://192.0.2.1:9464", LLMSERVICE_TOKEN="t")
    assert plain.returncode == 2
    assert "--plain-token" in plain.stderr
