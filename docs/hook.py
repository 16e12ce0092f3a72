"""Brings what is generated into the site. MkDocs runs it, in an environment of its own."""

import json
import subprocess
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name every decision in the navigation."""
    pages = sorted(path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    decisions = ["adr/index.md", *(f"adr/{name}" for name in pages)]
    project = next(part["Project"] for part in config.nav or [] if "Project" in part)
    project[-1] = {"Decisions": decisions}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated."""
    told = subprocess.run(  # noqa: S603 - a program of this project
        [ROOT / ".venv" / "bin" / "python", "-m", "docs.generate"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    for place, text in json.loads(told).items():
        files.append(File.generated(config, place, content=text))
    return files
