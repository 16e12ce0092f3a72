"""Plays gRPC's interoperability cases with every client, and says what came of them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import attrs

from tests.support.cli_runs import ROOT, environment
from tests.support.interop.cases import CASES
from tests.support.interop.messages import PROTO
from tests.support.interop.play import CLIENTS
from tests.support.interop.where import Where
from tests.support.interop.with_tools import CASES as TOOL_CASES
from tests.support.interop.with_tools import TOOLS, UNFIT, runner

NODE = ROOT / "tests/system/clients/node"
PATIENCE_S = 300.0


@attrs.frozen
class Result:
    """What came of one case.

    Attributes:
        outcome: ``passed``, ``failed`` or ``skipped``.
        why: It did not pass.
    """

    client: str
    engine: str
    security: str
    case: str
    outcome: str
    why: str = ""


def python_client(client: str, places: Sequence[Where]) -> list[Result]:
    """Play the cases with a Python client, in a process of its own."""
    words = [sys.executable, "-m", "tests.support.interop.play", client]
    return _all(client, places, _told(words, places, ROOT))


def node_client(places: Sequence[Where], folder: Path) -> list[Result]:
    """Play the cases with grpc-js, installed in `folder`; skip them where there is no npm."""
    if shutil.which("npm") is None:
        return _skipped("grpc-js", places, "npm is not installed")
    shutil.copytree(NODE, folder, dirs_exist_ok=True)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent"],
        cwd=folder, check=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    words = ["node", "interop.js", str(PROTO)]
    return _all("grpc-js", places, _told(words, places, folder))


def tool(name: str, places: Sequence[Where]) -> list[Result]:
    """Play the cases with a command-line client; skip them where it is not installed."""
    if not Path(TOOLS[name](places[0], "", ())[0]).exists():
        return _skipped(name, places, f"{name} is not installed")
    return _all(name, places, _commands(name, places))


def players(folder: Path) -> dict[str, Callable[[Sequence[Where]], list[Result]]]:
    """Return what plays the cases, by the client's name."""
    return {
        **{client: partial(python_client, client) for client in CLIENTS},
        "grpc-js": lambda places: node_client(places, folder),
        **{name: partial(tool, name) for name in TOOLS},
    }


def _commands(name: str, places: Sequence[Where]) -> Iterator[Result]:
    for where in places:
        for case, why in UNFIT.items():
            yield Result(name, where.engine, where.security, case, "skipped", why)
        for play in TOOL_CASES:
            outcome, why = "passed", ""
            try:
                play(runner(name, where))
            except (AssertionError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
                outcome, why = "failed", f"{type(error).__name__}: {error}"[:400]
            yield Result(name, where.engine, where.security, play.__name__, outcome, why)


def _told(words: Sequence[str], places: Sequence[Where], folder: Path) -> Iterator[Result]:
    done = subprocess.run(
        words,
        input="".join(each.line() for each in places),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    for line in done.stdout.splitlines():
        yield Result(**json.loads(line))
    if done.returncode:
        raise AssertionError(f"{words} ended with {done.returncode}: {done.stderr[-2000:]}")


def _all(client: str, places: Sequence[Where], results: Iterable[Result]) -> list[Result]:
    """Return `results`, and a failure for each case that nobody played."""
    found = list(results)
    played = {(each.engine, each.security, each.case) for each in found}
    return found + [
        Result(client, where.engine, where.security, case, "failed", "was not played")
        for where in places
        for case in CASES
        if (where.engine, where.security, case) not in played
    ]


def _skipped(client: str, places: Sequence[Where], why: str) -> list[Result]:
    return [
        Result(client, where.engine, where.security, case, "skipped", why)
        for where in places
        for case in CASES
    ]
