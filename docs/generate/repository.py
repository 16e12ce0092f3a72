"""Pages that stand elsewhere in the repository: their links lead to where they are in the site."""

import re
from collections.abc import Mapping
from pathlib import Path

from docs.generate.markdown import table

_MOVED = ("CHANGELOG.md", "CONTRIBUTING.md")
_LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def pages(root: Path) -> Mapping[str, str]:
    """Return the pages by their place in the site."""
    found = {each.lower(): moved((root / each).read_text(encoding="utf-8")) for each in _MOVED}
    return found | {"adr/index.md": _decisions(root / "docs" / "adr")}


def moved(text: str) -> str:
    """Return `text`, a page of the repository's root, with its links as the site has them.

    What has no place in the site is named, and not linked.
    """

    def link(found: re.Match[str]) -> str:
        path = found[1].removeprefix("docs/") if found[1].startswith("docs/") else found[1].lower()
        return f"]({path}{found[2] or ''})"

    return _LINK.sub(link, text)


def _decisions(folder: Path) -> str:
    rows = []
    for page in sorted(folder.glob("[0-9]*.md")):
        number, _, title = page.read_text(encoding="utf-8").partition("\n")[0][2:].partition(". ")
        rows.append((number, f"[{title}]({page.name})"))
    return f"{_HEAD}\n{table(('Number', 'Decision'), rows)}"


_HEAD = """# Decisions

Each page says what was decided, why, what else was thought of, and the evidence. They are records:
what a page measured was so on its day.
"""
