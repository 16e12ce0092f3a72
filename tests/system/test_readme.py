"""What the README shows is run as it stands there."""

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from adapters.local.config import LocalConfig
from adapters.local.presence import missing
from entrypoints.settings.loading import structure
from tests.support.cli_runs import ROOT, environment, serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
needs_model = pytest.mark.skipif(
    missing(LocalConfig()) is not None, reason=missing(LocalConfig()) or ""
)


def block(language: str, containing: str) -> str:
    """Return the only code block in `language` that holds `containing`."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    (found,) = [each for each in blocks if containing in each]
    return str(found)


def run(program: Path, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=folder,
        env=environment(PYTHONPATH=f"{ROOT}:{folder}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_configuration_is_valid() -> None:
    settings = structure(tomllib.loads(block("toml", "[grpc]")))
    assert set(settings.providers) == {"mistral", "groq", "openai", "demo"}


def test_keys_are_made_and_handled_as_it_is_shown(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", block("sh", "keys create")],
        cwd=tmp_path,
        env=environment(PATH=path, XDG_STATE_HOME=str(tmp_path), PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "alice.token").read_text().startswith("llmsk_")
    assert "revoked" in done.stdout


def test_a_configured_caller_is_valid() -> None:
    (example,) = tomllib.loads(block("toml", "[callers.alice]"))["callers"].values()
    digest = hashlib.sha256(b"token").hexdigest()
    assert structure({"callers": {"alice": {**example, "token_sha256": digest}}}).callers


@needs_model
def test_the_program_in_process_answers(tmp_path: Path) -> None:
    program = tmp_path / "in_process.py"
    program.write_text(block("python", "open_service"))
    assert run(program, tmp_path).strip()


@needs_model
def test_the_projects_own_client_answers(tmp_path: Path) -> None:
    with serving(tmp_path, config="") as server:
        program = tmp_path / "own.py"
        program.write_text(
            block("python", "invoke_stream(request").replace("127.0.0.1:50051", server.address)
        )
        assert run(program, tmp_path).strip()


@needs_model
def test_the_grpcio_client_is_generated_and_answers(tmp_path: Path) -> None:
    command = re.search(r"generate with `python (-m grpc_tools[^`]*)`", README)
    assert command is not None
    words = command[1].replace("--python_out=.", f"--python_out={tmp_path}")
    words = words.replace("--grpc_python_out=.", f"--grpc_python_out={tmp_path}")
    subprocess.run([sys.executable, *words.split()], cwd=ROOT, check=True, timeout=60)
    with serving(tmp_path, config="") as server:
        program = tmp_path / "client.py"
        program.write_text(
            block("python", "insecure_channel").replace("127.0.0.1:50051", server.address)
        )
        assert run(program, tmp_path).strip()
