"""The image: what it is built from, and as whom it runs."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.cli_runs import ROOT
from tests.support.deploy_tools import DEPLOY, good, tool

DOCKERFILE = DEPLOY / "Dockerfile"


def stages() -> list[str]:
    return re.split(r"(?m)^FROM ", DOCKERFILE.read_text())[1:]


def test_the_dockerfile_has_no_fault() -> None:
    assert good(tool("hadolint", "--failure-threshold=style", DOCKERFILE)) == ""


def test_the_image_runs_as_nobody_and_stops_as_the_program_does() -> None:
    final = stages()[-1]
    assert re.search(r"(?m)^USER 10001:10001$", final)
    assert re.search(r"(?m)^STOPSIGNAL SIGTERM$", final)
    assert re.search(r'CMD \["llmservice", "check", "--health"\]', final)
    assert "build-root" not in final


def test_what_is_copied_is_there_and_all_else_is_kept_out() -> None:
    copied = {
        word
        for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", stages()[0])
        for word in line.split()[:-1]
    }
    lines = Path(f"{DOCKERFILE}.dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert copied == let_in
    assert all((ROOT / each).exists() for each in copied)


@pytest.mark.parametrize("script", ["build-root.sh", "prove-root.sh", "compose/up.sh"])
def test_scripts_can_be_read_by_their_shell(script: str) -> None:
    shell = (DEPLOY / script).read_text().splitlines()[0].removeprefix("#!/bin/")
    subprocess.run([shell, "-n", DEPLOY / script], check=True, timeout=10)
    assert os.access(DEPLOY / script, os.X_OK)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "usage"),
        (("/nowhere/llmservice", "fat"), 2, "full or slim, not fat"),
        (("/",), 1, "/ is there already"),
    ],
)
def test_a_tree_is_built_only_where_it_can_be(words: tuple[str, ...], code: int, said: str) -> None:
    done = subprocess.run(
        [DEPLOY / "build-root.sh", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert done.returncode == code
    assert said in done.stderr


def test_the_slim_tree_leaves_out_packages_that_nothing_else_wants() -> None:
    left_out = re.search(r"slim\) without='([^']+)'", (DEPLOY / "build-root.sh").read_text())
    assert left_out
    lock = (ROOT / "requirements-runtime.lock").read_text()
    for name in left_out[1].split():
        entry = re.search(rf"(?ms)^{name}==.*?(?=^[a-z0-9]|\Z)", lock)
        assert entry, f"{name} is not locked"
        wanted_by = re.findall(r"(?m)^    # +(?:via )?(?!-c)(\S.*)$", entry[0])
        assert {each for each in wanted_by if each != "via"} == {"llmservice (pyproject.toml)"}
