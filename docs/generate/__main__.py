"""Prints the generated pages as one object of JSON, by their place in the site."""

import json
import sys
from pathlib import Path

from docs.generate import (
    command_line,
    configuration,
    errors,
    interface,
    metrics,
    models,
    repository,
)

ROOT = Path(__file__).resolve().parents[2]


def pages() -> dict[str, str]:
    """Return every generated page."""
    return {
        "reference/configuration.md": configuration.page(),
        "reference/command-line.md": command_line.page(),
        "reference/api.md": interface.page(
            ROOT / "proto" / "llmservice" / "v1" / "llm_service.proto"
        ),
        "reference/errors.md": errors.page(),
        "reference/metrics.md": metrics.page(),
        "reference/models.md": models.page(),
        **repository.pages(ROOT),
    }


if __name__ == "__main__":
    json.dump(pages(), sys.stdout)
