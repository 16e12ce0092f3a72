"""Markdown, written from what Python's docstrings say."""

import re
from collections.abc import Iterable, Mapping, Sequence
from inspect import cleandoc

_ATTRIBUTE = re.compile(r" {4}(\w+): (.*)")
_SECTIONS = ("Args:", "Attributes:", "Raises:", "Returns:", "Source:")


def code(text: object) -> str:
    """Return `text` as code; in a table, too."""
    return f"`{str(text).replace('|', chr(92) + '|')}`" if str(text) else ""


def prose(docstring: str) -> str:
    """Return one paragraph of a docstring as Markdown: code has one mark there, not two."""
    return " ".join(docstring.replace("``", "`").split())


def cell(text: str) -> str:
    """Return `text` so that it stays in one cell of a table."""
    return prose(text).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a column that is empty in every row is left out."""
    filled = [list(row) for row in rows]
    kept = [at for at in range(len(head)) if any(row[at] for row in filled)]
    lines = [[head[at] for at in kept], ["---"] * len(kept)]
    lines += [[row[at] for at in kept] for row in filled]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def opening(docstring: str | None) -> str:
    """Return the paragraphs of a docstring that come before its sections."""
    paragraphs = (docstring or "").split("\n\n")
    kept: list[str] = []
    for each in paragraphs:
        if each.strip().startswith(_SECTIONS):
            break
        kept.append(prose(each))
    return "\n\n".join(kept)


def attributes(docstring: str | None) -> Mapping[str, str]:
    """Return what the section ``Attributes:`` says of each name."""
    found: dict[str, str] = {}
    name, inside = "", False
    for line in cleandoc(docstring or "").splitlines():
        if line and not line.startswith(" "):
            inside = line == "Attributes:"
        elif inside and (begun := _ATTRIBUTE.fullmatch(line)):
            name = begun[1]
            found[name] = begun[2]
        elif inside and line:
            found[name] += " " + line.strip()
    return {each: prose(text) for each, text in found.items()}
