"""What the documentation shows: code blocks with what is to become of each, and a folder to run them in."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from tests.support.cli_runs import ROOT, Running, environment

NOT_RUN: Mapping[str, str] = {
    "set-up": "it makes the whole project's environment; tests/system/test_cli_demo.py runs the demo",
    "installs": "it installs into the machine; deploy/prove-root.sh runs the same steps",
    "containers": "it wants Docker or a cluster; tests/deploy/ checks the files that it names",
    "another program": "it belongs to a program that need not be installed",
    "the site": "tests/docs/test_site.py builds it",
    "part of examples/go": "tests/system/test_examples.py runs all of it, where Go is installed",
}
"""All reasons for which something that is shown is not run."""
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
"""Decisions are records of their day, and show no commands."""
_BEGINS = re.compile(r"( *)```([a-z]*)\n")
_MARKED = re.compile(r" *<!-- not run: (.+) -->\n")

_PROGRAM = """#!/bin/sh
# Stands for the program: a server ends again once it has begun; what runs is asked of the one there is.
if [ "$1" = top ]; then
    shift
    set -- top --target "$SHOWN" "$@"
elif [ "$1" = serve ]; then
    rm -f begun
    "$PYTHON" -m entrypoints.cli.main "$@" --port 0 --address-file begun 2>server.log &
    while [ ! -s begun ]; do
        kill -0 $! 2>/dev/null || { cat server.log >&2; exit 1; }
        sleep 0.02
    done
    kill -TERM $!
    wait $!
    exit
fi
exec "$PYTHON" -I -S "$FORKS" "$COMMANDS" "$@"
"""
_JUSTW = """#!/bin/sh
# Stands for `just`, whose recipes for using the service are the program's commands.
exec llmservice "$@"
"""


@attrs.frozen
class Snippet:
    """A code block of a page.

    Attributes:
        line: Where it begins.
        mark: Why it is not run; empty: it is.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.page.stem}-{self.line}-{self.language}"


def snippets(page: Path) -> Iterator[Snippet]:
    """Give the code blocks of a page, those that stand below a tab among them."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    at = 0
    while at < len(lines):
        begun = _BEGINS.fullmatch(lines[at])
        if begun:
            indent, end = begun[1], lines.index(f"{begun[1]}```\n", at + 1)
            text = "".join(each.removeprefix(indent) for each in lines[at + 1 : end])
            marked = _MARKED.fullmatch(lines[at - 1])
            yield Snippet(page, at + 1, begun[2], text, marked[1] if marked else "")
            at = end
        at += 1


@attrs.frozen
class Place:
    """A folder that looks like the project's, and a server that the programs shown there ask.

    Attributes:
        shown: Address of the server's HTTP side.
        commands: Socket of what does the commands, see `docs_forks`.
        modules: Where Node finds what the clients import.
    """

    folder: Path
    server: Running
    shown: str
    commands: Path
    modules: Path | None = None

    def made(self) -> "Place":
        """Put into the folder what the commands find in the project's."""
        for name, text in (("bin/llmservice", _PROGRAM), ("justw", _JUSTW)):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        for name in ("proto", "examples", "deploy"):
            (self.folder / name).symlink_to(ROOT / name)
        return self

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; the addresses that the pages name are those of the server."""
        path = f"{self.folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            [self.named(word) for word in words],
            cwd=self.folder,
            env=environment(
                PATH=path,
                PYTHON=sys.executable,
                PYTHONPATH=f"{ROOT}:{self.folder}",
                NODE_PATH=str(self.modules or ""),
                XDG_STATE_HOME=str(self.folder / "state"),
                LLMSERVICE_TARGET=self.server.address,
                SHOWN=f"http://{self.shown}",
                FORKS=str(Path(__file__).with_name("docs_forks.py")),
                COMMANDS=str(self.commands),
            ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def named(self, text: str) -> str:
        """Return `text` with the addresses of this server."""
        text = text.replace("127.0.0.1:50051", self.server.address)
        return text.replace("127.0.0.1:9464", self.shown)
