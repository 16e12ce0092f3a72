"""The product's own source, as text and as syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "ports", "adapters", "entrypoints")
GENERATED = ROOT / "entrypoints/grpc/pb"


def product_files(*folders: str) -> list[Path]:
    """Return the Python files below `folders`, or of the whole product; none that is generated."""
    return [
        path
        for folder in folders or PACKAGES
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not path.is_relative_to(GENERATED)
    ]


def product_trees(*folders: str) -> Iterator[ast.Module]:
    """Parse the files below `folders`, or of the whole product."""
    for path in product_files(*folders):
        yield ast.parse(path.read_text(encoding="utf-8"))
