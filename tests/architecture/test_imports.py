"""Who may import whom, and what the top level is."""

import subprocess
import sys
import tomllib

import pytest

from tests.support.core_source import PACKAGES, ROOT


def lint(*options: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the project as it is on disk."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
            *options,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
    )


def test_imports_point_inwards_and_nowhere_else() -> None:
    outcome = lint()
    assert outcome.returncode == 0, outcome.stdout[-5000:] + outcome.stderr[-2000:]
    assert "0 broken" in outcome.stdout


def test_the_linter_reads_our_contracts() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(config["root_packages"]) == set(PACKAGES)
    assert {contract["id"] for contract in config["contracts"]} >= {
        "layers",
        "core-without-io",
        "pure-core",
        "pure-codecs",
        "independent-providers",
        "one-transport",
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_every_folder_of_code_is_a_package() -> None:
    folders = {
        path.parent
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "__pycache__" not in path.parts
    }
    assert [str(each) for each in folders if not (each / "__init__.py").is_file()] == []
