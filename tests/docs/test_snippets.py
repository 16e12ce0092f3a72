"""What the pages show is run as it stands there, or says why not."""

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from entrypoints.settings.loading import structure
from tests.support.cli_runs import ROOT, Running, serving
from tests.support.docs_snippets import NOT_RUN, PAGES, Place, Snippet, snippets

CONFIG = """
[local]
enabled = false
[providers.local]
kind = "scripted"
models = { "smollm2-135m-instruct" = [{ say = "Hello" }, { say = " world" }] }
embedding_models = { "smollm2-135m-instruct" = [] }
[providers.demo]
kind = "scripted"
[providers.demo.models]
hello = [{ say = "Hello" }, { say = " world" }]
broken = [{ fail = { reason = "PROVIDER_OVERLOADED" } }]
"""
"""What answers is scripted: that the embedded model does is for tests/system/test_examples.py to say."""
WANTED = ("curl",)
"""Programs that the pages show and that a machine need not have."""
NODE = ROOT / "tests" / "system" / "clients" / "node"
ALL = [each for page in PAGES for each in snippets(page)]
RUN = [each for each in ALL if not each.mark]
SHELL = sorted(
    {each.page for each in RUN if each.language == "sh"}, key=lambda page: page.as_posix()
)


def those(language: str) -> list[Snippet]:
    return [each for each in RUN if each.language == language]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("serve")
    with serving(folder, CONFIG, XDG_STATE_HOME=str(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(NODE, folder, dirs_exist_ok=True)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefer-offline"],
        cwd=folder, check=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return folder / "node_modules"


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("commands") / "socket"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.docs_forks", "serve", path],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield path
        process.kill()


@pytest.fixture
def place(server: Running, commands: Path, tmp_path: Path) -> Place:
    (shown,) = re.findall(r'"metrics and health over HTTP","address":"([^"]+)"', server.log())
    (tmp_path / "llmservice.toml").write_text(CONFIG)
    return Place(tmp_path, server, shown, commands).made()


def test_every_snippet_is_run_or_says_why_not() -> None:
    assert {each.mark for each in ALL if each.mark} == NOT_RUN.keys()
    assert len(RUN) > 2 * len([each for each in ALL if each.mark])
    for each in RUN:
        assert each.language in {"sh", "toml", "python", "js", "text"}, each
        if each.language == "text":  # shows what is printed, and no command
            assert not re.search(r"^(\$ |\./|llmservice |just )", each.text, re.MULTILINE), each


@pytest.mark.parametrize("snippet", those("toml"), ids=str)
def test_a_configuration_is_valid(snippet: Snippet) -> None:
    digest = hashlib.sha256(b"token").hexdigest()
    tree = tomllib.loads(snippet.text.replace("64 hex digits", digest))
    assert tree
    structure(tree)


@pytest.mark.parametrize("page", SHELL, ids=lambda page: page.stem)
def test_commands_do_what_is_said_of_them(place: Place, page: Path) -> None:
    lacking = {name for name in WANTED if shutil.which(name) is None}
    shown = [each for each in snippets(page) if each.language == "sh" and not each.mark]
    if any(re.search(rf"\b{name} ", each.text) for each in shown for name in lacking):
        pytest.skip(f"not installed: {', '.join(sorted(lacking))}")
    for snippet in shown:
        done = place.run("sh", "-eu", "-c", snippet.text)
        assert done.returncode == 0, f"{snippet}: {done.stdout}{done.stderr}"
    for token in place.folder.glob("*.token"):
        assert token.read_text().startswith("llmsk_")


@pytest.mark.parametrize("snippet", those("python"), ids=str)
def test_a_program_in_python_answers(place: Place, snippet: Snippet) -> None:
    if "llm_service_pb2_grpc" in snippet.text:
        said = re.search(r"`python (-m grpc_tools[^`]*)`", snippet.page.read_text())
        assert said is not None
        done = place.run("python", *said[1].split())
        assert done.returncode == 0, done.stderr
    done = place.run("python", "-c", snippet.text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
@pytest.mark.parametrize("snippet", those("js"), ids=str)
def test_a_program_in_node_answers(place: Place, modules: Path, snippet: Snippet) -> None:
    there = attrs.evolve(place, modules=modules)
    done = there.run("node", "-e", snippet.text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_programs_in_go_are_those_of_the_examples() -> None:
    example = (ROOT / "examples" / "go" / "main.go").read_text()
    shown = [each for each in ALL if each.language == "go"]
    assert shown
    for snippet in shown:
        for called in re.findall(r"\w+\.(New\w+|InvokeStream|Recv)\(", snippet.text):
            assert f"{called}(" in example, called
