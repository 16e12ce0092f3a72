"""What `examples/` shows is run as it stands there, where its tool is installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.local.config import LocalConfig
from adapters.local.presence import missing
from tests.support.cli_runs import ROOT, Running, environment, serving

PATIENCE_S = 180.0
GO_TOOLS = ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc")
pytestmark = pytest.mark.skipif(
    missing(LocalConfig()) is not None, reason=missing(LocalConfig()) or ""
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("serve"), config="") as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy, for what the examples generate and install."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=_made)
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    return tmp_path


def _made(folder: str, names: list[str]) -> set[str]:
    return {"node_modules", "__pycache__", "pb"} & set(names)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # The tools of this environment come first.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(PATH=path, PYTHON=sys.executable),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def answered(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip(), done.stderr
    return done.stdout


def test_python(server: Running, folder: Path) -> None:
    done = run(folder, "examples/python/generate.sh")
    assert done.returncode == 0, done.stderr
    done = run(folder, sys.executable, "examples/python/client.py", server.address)
    answered(done)
    assert "tokens in" in done.stderr


def test_python_says_what_went_wrong(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run(folder, "examples/python/generate.sh")
    with serving(tmp_path_factory.mktemp("bare")) as bare:
        done = run(folder, sys.executable, "examples/python/client.py", bare.address)
    assert done.returncode == 1
    assert "NOT_FOUND" in done.stderr
    assert "(0 bytes of details)" not in done.stderr


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_node(server: Running, folder: Path) -> None:
    done = run(folder / "examples/node", "npm", "install", "--no-audit", "--no-fund", "--silent")
    assert done.returncode == 0, done.stderr
    done = run(folder, "node", "examples/node/client.js", server.address)
    answered(done)
    assert "tokens in" in done.stderr


def test_go(server: Running, folder: Path) -> None:
    lacking = [each for each in GO_TOOLS if shutil.which(each) is None]
    if lacking:
        pytest.skip(f"not installed: {', '.join(lacking)}")
    done = run(folder, "examples/go/generate.sh")
    assert done.returncode == 0, done.stderr
    if run(folder / "examples/go", "go", "mod", "tidy").returncode:
        pytest.skip("Go's modules cannot be downloaded here")
    done = run(folder / "examples/go", "go", "run", ".", server.address)
    answered(done)
    assert "tokens in" in done.stderr


@pytest.mark.parametrize("tool", ["grpcurl", "buf"])
def test_shell(server: Running, folder: Path, tool: str) -> None:
    assert "FINISH" in answered(run(folder, f"examples/shell/{tool}.sh", server.address))
