"""The server under load, a process of its own with everything switched on, and what it uses."""

import hashlib
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.benchmarks.machine import cores
from tests.benchmarks.process import Program, pinned
from tests.load.plan import MODELS

TOKEN = "load-token-of-thirty-two-letters"
_MANY = 1_000_000_000
PROGRAM = (sys.executable, "-m", "entrypoints.cli.main")


@attrs.frozen
class Sample:
    """What the server used at one moment.

    Attributes:
        at_s: Seconds since the first one.
        cpu_s: Processor time so far.
    """

    at_s: float
    resident_mib: float
    cpu_s: float


@attrs.define
class Watched:
    """A server, looked at from outside."""

    address: str
    program: Program
    samples: list[Sample] = attrs.field(factory=list)
    _start_s: float = attrs.field(factory=time.perf_counter)

    def look(self) -> Sample:
        """Take a sample, and keep it."""
        at_s = time.perf_counter() - self._start_s
        self.samples.append(Sample(at_s, self.program.resident_mib(), self.program.cpu_s()))
        return self.samples[-1]


@contextmanager
def serving(folder: Path, engine: str) -> Iterator[Watched]:
    """Have the server run while the block does; its usage database is in `folder`."""
    config, address, log = (folder / name for name in ("c.toml", "address", "server.log"))
    config.write_text(_config(folder, engine))
    words = [*PROGRAM, "serve", f"--config={config}", f"--address-file={address}"]
    with pinned(words, cores()[0], log) as program:
        yield Watched(program.line_of(address), program)


def outcomes(database: Path) -> Mapping[str, int]:
    """Return how many records of each outcome the account holds."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute("select outcome from usage_records").fetchall()
    return Counter(str(outcome) for (outcome,) in rows)


def _config(folder: Path, engine: str) -> str:
    caller = {
        "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(),
        "requests_per_minute": _MANY,
        "tokens_per_minute": _MANY,
        "parallel_calls": 10_000,
        "budget_usd_per_day": 1_000_000,
    }
    provider = {"requests_per_minute": _MANY, "tokens_per_minute": _MANY, "parallel_calls": 10_000}
    tables: Mapping[str, Mapping[str, object]] = {
        "grpc": {"port": 0, "http2_engine": engine},
        "http": {"port": 0},
        "local": {"enabled": False},
        "account": {"database": f"sqlite:///{folder}/usage.db"},
        "callers.load": caller,
        "limits.providers.play": provider,
        'prices."play/*"': {"input_usd": 1.0, "output_usd": 2.0},
        "providers.play": {"kind": "scripted"},
    }
    lines = [
        line
        for name, table in tables.items()
        for line in (f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items()))
    ]
    lines.append("[providers.play.models]")
    lines += [f"{name} = [{', '.join(map(_inline, steps))}]" for name, steps in MODELS.items()]
    return "\n".join(lines) + "\n"


def _inline(step: object) -> str:
    if isinstance(step, Mapping):
        return "{ " + ", ".join(f"{key} = {_inline(value)}" for key, value in step.items()) + " }"
    return json.dumps(step)
