"""Programs that check what is under deploy/; they live in an environment of their own, `.deploy`.

``./justw deploy-tools`` sets it up. Without it the tests that want it are skipped and say so; where `CI` is
set they fail.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli_runs import ROOT

TOOLS = ROOT / ".deploy" / "bin"
MISSING = "what checks deploy/ is not there: run `./justw deploy-tools`, which sets it up in half a minute"
DEPLOY = ROOT / "deploy"


def demand_tools() -> None:
    """Skip the test without the tools; in CI, fail it."""
    if not (TOOLS / "zizmor").exists():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)


def tool(
    name: str, *words: str | Path, text: str = "", **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the tools in the project's folder, to its end."""
    demand_tools()
    return subprocess.run(
        [TOOLS / name, *words],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": f"{TOOLS}:{os.defpath}", "HOME": os.environ.get("HOME", "/")} | changes,
    )


def good(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a program printed that has nothing to find fault with."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def yaml(path: Path) -> Any:
    """Return what a file of YAML says."""
    read = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"
    return json.loads(good(tool("python", "-c", read, path)))


def rendered(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every object that the chart makes of `values`, which are all valid."""
    program = Path(__file__).with_name("deploy_chart.py")
    told: list[dict[str, Any]] = json.loads(
        good(tool("python", program, DEPLOY / "chart", text=json.dumps(values)))
    )
    return told
