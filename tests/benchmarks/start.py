"""How long it takes from the start of the process until calls are accepted, and what is imported for it.

    just bench start [--rounds N] [--json FILE]

A server without a model is started, beside a Python that does nothing and the program's `--help`, in turn.
Then one is started with the interpreter's own stopwatch on: which modules take longest to import, each with
all that it imports first (a stopwatch makes everything slower: compare the rows with one another).
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import attrs

from tests.benchmarks.machine import subject_core
from tests.benchmarks.process import pinned
from tests.benchmarks.table import ROOT, Figures

SERVE = "serve"
TOP = 15
_PROGRAM = ("-m", "entrypoints.cli.main")
_IMPORT = re.compile(r"import time: +(\d+) \| +(\d+) \| ( *)(\S+)")
_SETTINGS = """
[grpc]
port = 0
[http]
port = 0
[local]
enabled = false
[account]
database = "DATABASE"
"""


@attrs.frozen
class Imported:
    """One module.

    Attributes:
        own_ms: To run it.
        all_ms: With what it imports first.
    """

    name: str
    own_ms: float
    all_ms: float


def measure(rounds: int, folder: Path) -> Figures:
    """Start everything in turn; the first round, which fills the caches of files, does not count."""
    figures = Figures()
    databases = {SERVE: f"sqlite:///{folder}/usage.db", "serve, account in memory": "memory"}
    for turn in range(rounds + 1):
        found = {name: _served(database, folder) for name, database in databases.items()}
        found["llmservice --help"] = {"s": _ran(*_PROGRAM, "--help")}
        found["python"] = {"s": _ran("-c", "pass")}
        if turn:
            for name, each in found.items():
                figures.add("cold start, until calls are accepted", name, each)
    return figures


def _served(database: str, folder: Path, *options: str) -> dict[str, float]:
    """Start a server, and end it once it serves."""
    address, config = folder / "address", folder / "llmservice.toml"
    address.unlink(missing_ok=True)
    config.write_text(_SETTINGS.replace("DATABASE", database))
    words = [sys.executable, *options, *_PROGRAM, "serve"]
    words += ["--config", str(config), "--address-file", str(address)]
    began = perf_counter()
    with pinned(words, subject_core(), folder / "start.log") as server:
        server.line_of(address)
        took_s = perf_counter() - began
        return {"s": took_s, "CPU s": server.cpu_s(), "MiB": server.resident_mib()}


def _ran(*arguments: str) -> float:
    began = perf_counter()
    words = ["taskset", "-c", str(subject_core()), sys.executable, *arguments]
    subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began


def imports(folder: Path) -> list[Imported]:
    """Return what a server imports until it serves, in the order of the end of each import."""
    _served(f"sqlite:///{folder}/usage.db", folder, "-X", "importtime")
    return parsed((folder / "start.log").read_text().splitlines())


def parsed(lines: Iterable[str]) -> list[Imported]:
    """Return the modules in what ``-X importtime`` says."""
    found = (_IMPORT.match(line) for line in lines)
    return [Imported(x[4], int(x[1]) / 1e3, int(x[2]) / 1e3) for x in found if x is not None]


def tell(modules: Sequence[Imported]) -> None:
    """Print the slowest imports."""
    whole_ms = sum(each.own_ms for each in modules)
    print(
        f"{len(modules)} modules are imported in {whole_ms:.0f} ms, under the stopwatch; slowest:"
    )
    print(f"  {'with all it imports':48}  {'package, its own code alone'}")
    packages: dict[str, float] = {}
    for each in modules:
        package = each.name.partition(".")[0]
        packages[package] = packages.get(package, 0.0) + each.own_ms
    slowest = sorted(modules, key=lambda each: -each.all_ms)[:TOP]
    heaviest = sorted(packages.items(), key=lambda each: -each[1])[:TOP]
    for module, (package, own_ms) in zip(slowest, heaviest, strict=False):
        left = f"{module.all_ms:7.1f} ms  {module.name}"
        print(f"  {left:48}  {own_ms:7.1f} ms  {package}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llmservice-bench-")))
        figures = measure(asked.rounds, home)
        tell(imports(home))
    figures.report("start", SERVE, asked.json)
