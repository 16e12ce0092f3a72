"""A scenario that could not fail would prove nothing: with its subject broken, each of the eleven does."""

import os
import re
import subprocess
import sys

from tests.e2e.house import BROKEN, LIVE
from tests.support.cli_runs import ROOT

SCENARIOS = 11


def test_every_scenario_fails_where_its_subject_is_broken() -> None:
    environment = {name: value for name, value in os.environ.items() if name != LIVE}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=no"),
            "tests/e2e/test_scenarios.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment | {BROKEN: "1"},
    )
    failed = set(re.findall(r"(?m)^FAILED \S+::(test_\w+)", done.stdout))
    assert len(failed) == SCENARIOS, done.stdout
    assert " passed" not in done.stdout.splitlines()[-1]


def test_nothing_real_is_asked_without_a_key() -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e", "--live"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 2
    assert "no provider's key" in done.stderr
