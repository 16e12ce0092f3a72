"""`llmservice chat` and `models` against a real server, as processes."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_runs import (
    CONFIG,
    PATIENCE_S,
    PROGRAM,
    Running,
    run,
    serving,
    started,
    terminal,
    wait_until,
)

DOWN = """
down = [{ fail = { reason = "PROVIDER_OVERLOADED" } }]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("server"), CONFIG + DOWN) as running:
        yield running


def chat(
    server: Running, *words: str, model: str = "hello", text: str | None = None
) -> subprocess.CompletedProcess[str]:
    return run(
        "chat", "--target", server.address, "--provider=demo", f"--model={model}", *words, text=text
    )


def test_the_answer_is_on_stdout_and_its_usage_on_stderr(server: Running) -> None:
    done = chat(server, "hi")
    assert (done.returncode, done.stdout) == (0, "Hello world\n")
    (usage,) = done.stderr.splitlines()
    assert usage.startswith("demo/hello | ")
    assert "1 tokens in, 2 tokens out | $0.00001 | first token" in usage
    assert "total" in usage


@pytest.mark.parametrize("words", [(), ("-",)])
def test_the_prompt_may_come_from_stdin(server: Running, words: tuple[str, ...]) -> None:
    done = chat(server, *words, text="hi\n")
    assert (done.returncode, done.stdout) == (0, "Hello world\n")


def test_the_target_may_come_from_the_environment(server: Running) -> None:
    done = run("chat", "--model=demo/hello", "hi", LLMSERVICE_TARGET=server.address)
    assert (done.returncode, done.stdout) == (0, "Hello world\n")


def test_json_is_one_event_a_line(server: Running) -> None:
    done = chat(server, "--json", "hi")
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [each["type"].removeprefix("STREAM_EVENT_TYPE_") for each in events]
    assert (kinds[0], kinds[-1]) == ("START", "FINISH")
    assert "".join(each.get("content", "") for each in events) == "Hello world"


def test_text_arrives_as_it_is_said(server: Running) -> None:
    with started("chat", "--target", server.address, "--model=demo/slow", "hi") as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == "Hello"
        assert process.poll() is None


def test_an_interrupted_answer_ends_the_call_on_the_server(server: Running) -> None:
    cancelled = server.log().count('"CANCELLED"')
    with started("chat", "--target", server.address, "--model=demo/slow", "hi") as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == "Hello"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""
    server.wait_for('"CANCELLED"', cancelled + 1)


def test_a_reader_that_has_had_enough_ends_the_call_quietly(server: Running) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -c 3', "sh", *_words(server, "hello")],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout == "Hel"
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def _words(server: Running, model: str) -> list[str]:
    return [*PROGRAM, "chat", "--target", server.address, f"--model=demo/{model}", "hi"]


def test_an_unknown_model_is_one_line_and_1(server: Running) -> None:
    done = chat(server, "hi", model="none")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("llmservice: CALLER_MODEL_UNKNOWN: ")
    assert "llmservice models" in line


def test_an_answer_that_breaks_off_is_one_line_and_1(server: Running) -> None:
    done = chat(server, "hi", model="broken")
    assert done.returncode == 1
    assert done.stdout.startswith("Hello")
    (line,) = done.stderr.splitlines()
    assert line.startswith("llmservice: PROVIDER_OVERLOADED: ")


def test_no_server_is_one_line_and_1() -> None:
    done = run("chat", "--target=127.0.0.1:1", "hi")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("llmservice: UNAVAILABLE: cannot connect to 127.0.0.1:1: ")
    assert "llmservice serve" in line


def test_the_traceback_is_for_those_who_ask() -> None:
    done = run("chat", "--target=127.0.0.1:1", "hi", LLMSERVICE_LOG_LEVEL="DEBUG")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_models_are_listed(server: Running) -> None:
    done = run("models", "--target", server.address)
    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split()[:2] == ["provider", "model"]
    assert sorted(row.split()[:2] for row in rows) == [
        ["demo", "broken"],
        ["demo", "down"],
        ["demo", "hello"],
        ["demo", "slow"],
    ]
    as_json = run("models", "--target", server.address, "--provider=demo", "--json")
    assert {json.loads(line)["model"] for line in as_json.stdout.splitlines()} == {
        "broken",
        "down",
        "hello",
        "slow",
    }


def test_a_conversation_remembers_and_forgets(server: Running) -> None:
    with terminal("chat", "--target", server.address, "--provider=demo", "--model=hello") as screen:
        screen.expect("demo/hello at")
        screen.expect("> ")
        screen.send("hi\n")
        screen.expect("Hello world")
        screen.expect("first token")
        screen.expect("> ")
        screen.send("/help\n")
        screen.expect("Ctrl-D ends it")
        screen.expect("> ")
        screen.send("/reset\n")
        screen.expect("forgotten")
        screen.expect("> ")
        screen.send("\x04")
        assert screen.ended() == 0


def test_ctrl_c_cancels_the_answer_and_not_the_conversation(server: Running) -> None:
    cancelled = server.log().count('"CANCELLED"')
    with terminal("chat", "--target", server.address, "--provider=demo", "--model=slow") as screen:
        screen.expect("> ")
        screen.send("hi\n")
        screen.expect("Hello")
        screen.send("\x03")
        screen.expect("cancelled")
        server.wait_for('"CANCELLED"', cancelled + 1)
        screen.expect("> ")
        screen.send("half a li")
        screen.expect("half a li")
        screen.interrupt("> ")
        screen.send("/exit\n")
        assert screen.ended() == 0


def test_ctrl_c_twice_ends_the_conversation(server: Running) -> None:
    with terminal("chat", "--target", server.address, "--provider=demo", "--model=hello") as screen:
        screen.expect("> ")
        screen.interrupt("> ")
        screen.interrupt("\n")
        assert screen.ended() == 130


def test_a_terminal_is_told_nothing_it_would_obey(tmp_path: Path) -> None:
    config = (
        '[local]\nenabled = false\n[providers.demo]\nkind = "scripted"\n'
        '[providers.demo.models]\nevil = [{ say = "a\\u001b]0;title\\u0007b" }]\n'
    )
    with serving(tmp_path, config) as server:
        with terminal("chat", "--target", server.address, "--model=demo/evil", "hi") as screen:
            screen.expect("a]0;titleb")
            assert screen.ended() == 0
        # A pipe gets what was said.
        done = run("chat", "--target", server.address, "--model=demo/evil", "hi")
        assert done.stdout == "a\x1b]0;title\x07b\n"


def test_a_paused_reader_does_not_make_it_deaf(tmp_path: Path) -> None:
    config = (
        '[local]\nenabled = false\n[providers.demo]\nkind = "scripted"\n'
        f'[providers.demo.models]\nlong = [{{ say = "{"x" * 500_000}" }}]\n'
    )
    with (
        serving(tmp_path, config) as server,
        started("chat", "--target", server.address, "--model=demo/long", "hi") as process,
    ):
        assert process.stdout is not None
        # The pipe is full soon after, and nobody reads on.
        assert process.stdout.read(1) == "x"
        process.send_signal(signal.SIGINT)
        wait_until(lambda: process.poll() is not None, "end of the command")
        assert process.returncode == 130


def test_another_model_answers_where_the_first_cannot(server: Running) -> None:
    done = chat(server, "--fallback=demo/hello", "hi", model="down")
    assert (done.returncode, done.stdout) == (0, "Hello world\n")
    assert "demo/hello" in done.stderr
    refused = chat(server, "--fallback=demo/nobody", "hi", model="down")
    assert refused.returncode != 0
    assert "routing.fallbacks[0]" in refused.stderr
    once = chat(server, "--fallback=demo/hello", "--max-attempts=1", "hi", model="down")
    assert (once.returncode, once.stdout) == (1, "")


def test_a_key_is_for_one_question(server: Running) -> None:
    first, again = (chat(server, "--idempotency-key=k-1", "hi") for _ in range(2))
    assert first.stdout == again.stdout == "Hello world\n"
    other = chat(server, "--idempotency-key=k-1", "something else")
    assert other.returncode != 0
    assert "CALLER_IDEMPOTENCY_CONFLICT" in other.stderr
