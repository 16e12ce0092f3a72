"""The demo, from a server's start to its stop; with the real model where it is installed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.local.config import LocalConfig
from adapters.local.presence import missing
from tests.support.cli_runs import PATIENCE_S, ROOT, environment, wait_until

DEMO = (sys.executable, "-m", "entrypoints.cli.demo")
needs_model = pytest.mark.skipif(
    missing(LocalConfig()) is not None, reason="the embedded model is not installed"
)


def _servers(folder: Path) -> list[int]:
    """Return the processes whose command line names `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def _demo(folder: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(TMPDIR=str(folder), **changes),
        cwd=ROOT,
    )


@needs_model
def test_the_main_job_is_done_once(tmp_path: Path) -> None:
    done = _demo(tmp_path, "Say", "hello.")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    lines = done.stderr.splitlines()
    assert lines[0] == "starting the server"
    assert lines[1].startswith("asking local/smollm2-135m-instruct at 127.0.0.1:")
    assert lines[1].endswith(": Say hello.")
    assert lines[2].startswith("local/smollm2-135m-instruct | ")
    assert "toy quality" in lines[3]
    assert lines[4:] == ["the server stopped cleanly"]
    assert list(tmp_path.iterdir()) == []
    assert _servers(tmp_path) == []


@needs_model
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_behind_when_it_is_interrupted(
    tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [*DEMO, "Tell me a long story."],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(TMPDIR=str(tmp_path)),
        cwd=ROOT,
    ) as demo:
        try:
            assert demo.stdout is not None
            assert demo.stdout.read(1)
            assert len(_servers(tmp_path)) == 1
            demo.send_signal(number)
            assert demo.wait(PATIENCE_S) == (130 if number == signal.SIGINT else 128 + number)
        finally:
            demo.kill()
    assert _servers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_start_leaves_nothing_behind_either(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*DEMO],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(TMPDIR=str(tmp_path)),
        cwd=ROOT,
    ) as demo:
        try:
            wait_until(lambda: bool(_servers(tmp_path)), "server process")
            demo.send_signal(signal.SIGINT)
            assert demo.wait(PATIENCE_S) == 130
        finally:
            demo.kill()
    assert _servers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_start_is_shown_with_its_last_words(tmp_path: Path) -> None:
    done = _demo(tmp_path, LLMSERVICE_GRPC__PROT="1")
    assert done.returncode == 1
    assert "the server's last words:" in done.stderr
    assert "grpc.prot" in done.stderr
    assert done.stderr.splitlines()[-1] == "demo: the server did not start (exit code 2)"


def test_a_question_that_fails_is_a_failed_demo(tmp_path: Path) -> None:
    done = _demo(tmp_path, LLMSERVICE_LOCAL__ENABLED="false")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("demo: CALLER_MODEL_UNKNOWN: ")
    assert _servers(tmp_path) == []
