"""`llmservice check --live` and `models --live`, as processes, against servers on this machine."""

import json
from pathlib import Path
from typing import Any

import trio

from tests.support import model_lists
from tests.support.cli_runs import called, run
from tests.support.http_sockets import serving
from tests.support.model_lists import GOOD, Lists

CONFIG = """
[local]
enabled = false
[providers.good]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key_env = "GOOD_KEY"
[providers.good.models.mine]
[providers.bad]
kind = "gemini"
base_url = "http://127.0.0.1:{port}"
api_key_env = "BAD_KEY"
"""


async def _run(tmp_path: Path, port: int, *words: str) -> tuple[int, str, str]:
    file = tmp_path / "c.toml"
    file.write_text(CONFIG.replace("{port}", str(port)))
    keys = {"GOOD_KEY": GOOD, "BAD_KEY": "sk-bad-key"}
    keys |= dict.fromkeys(
        ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"), ""
    )
    done: Any = await trio.to_thread.run_sync(
        lambda: run(*words, "--live", f"--config={file}", **keys)
    )
    assert GOOD not in done.stdout + done.stderr
    assert "sk-bad-key" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


async def test_each_provider_has_its_row_and_one_that_fails_is_1(tmp_path: Path) -> None:
    lists = Lists({**model_lists.OPENAI, **model_lists.GEMINI})
    async with serving(lists.handler) as port:
        code, out, err = await _run(tmp_path, port, "check")
        assert code == 1
        rows = {line.split()[0]: line for line in out.splitlines() if line}
        assert " ok " in rows["good"]
        assert "accepted" in rows["good"]
        assert "FAILED" in rows["bad"]
        assert "refused (401)" in rows["bad"]
        assert "[providers.good.models.mine]" in out
        assert err.splitlines()[-1] == "llmservice: 1 of 2 failed: bad"
        assert len(err.splitlines()) == 3

        code, out, err = await _run(tmp_path, port, "check", "--json")
        assert code == 1
        first, second = (json.loads(line) for line in out.splitlines())
        assert (first["provider"], first["ok"], first["models"]) == (
            "good",
            True,
            ["gpt-4o", "mine"],
        )
        assert (second["ok"], second["key"]) == (False, "refused (401)")
    assert all(each.startswith("GET ") for each in lists.asked)


async def test_models_are_those_that_the_providers_list(tmp_path: Path) -> None:
    async with serving(Lists(model_lists.OPENAI).handler) as port:
        code, out, err = await _run(tmp_path, port, "models", "--provider=good", "--json")
        assert code == 0, err
        listed = [json.loads(line) for line in out.splitlines()]
        assert [each["model"] for each in listed] == ["gpt-4o", "mine"]
        assert "images" in listed[0]["capabilities"]
        code, out, err = await _run(tmp_path, port, "models", "--provider=nobody")
        assert code == 2
        assert "there are: good, bad" in err


def test_options_of_live_alone_are_bad_usage() -> None:
    for words in (("check", "--json"), ("check", "--spend"), ("models", "--config=x.toml")):
        done = called(*words)
        assert done.returncode == 2, done
        assert "--live" in done.stderr


def test_a_redis_that_does_not_answer_is_1(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        """
[local]
enabled = false
[providers.play]
kind = "scripted"
models = { hello = [{ say = "Hello" }] }
[limits]
store = "redis"
redis_url = "redis://127.0.0.1:1"
"""
    )
    done = called("check", "--live", f"--config={file}")
    assert done.returncode == 1
    assert "limits: Redis at redis://127.0.0.1:1/0 is away" in done.stderr
    done = called("check", f"--config={file}")
    assert done.returncode == 0
    assert "limits: redis://127.0.0.1:1/0" in done.stdout
