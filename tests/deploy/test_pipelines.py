"""The pipelines are what GitHub understands, and give nobody more than they need."""

import re
from pathlib import Path

import pytest

from tests.support.cli_runs import ROOT
from tests.support.deploy_tools import good, tool, yaml

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def test_workflows_have_no_fault() -> None:
    assert [each.stem for each in WORKFLOWS] == ["ci", "deploy", "release"]
    assert good(tool("actionlint", "-no-color", *WORKFLOWS)) == ""


def test_workflows_open_no_door() -> None:
    config = ROOT / ".github" / "zizmor.yml"
    good(tool("zizmor", "--offline", "--min-severity=medium", f"--config={config}", ".github"))


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", WORKFLOWS), ("dependabot", [ROOT / ".github" / "dependabot.yml"])],
)
def test_pipelines_fit_their_schemas(schema: str, files: list[Path]) -> None:
    good(tool("check-jsonschema", f"--builtin-schema=vendor.{schema}", *files))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_one_released_version(workflow: Path) -> None:
    used = re.findall(r"uses: (\S+)", workflow.read_text())
    assert used
    for each in used:
        assert each.startswith("./") or re.search(r"@v?\d+(\.\d+)*$", each), each


def test_every_job_ends_by_itself() -> None:
    for workflow in WORKFLOWS:
        for name, job in yaml(workflow)["jobs"].items():
            assert "uses" in job or job["timeout-minutes"] <= 60, f"{workflow.stem}: {name}"


def test_nothing_is_deployed_without_its_environment() -> None:
    deploy = yaml(ROOT / ".github" / "workflows" / "deploy.yaml")["jobs"]["deploy"]
    assert deploy["environment"] == "${{ inputs.environment }}"
    assert "--atomic" in deploy["steps"][-1]["run"]
