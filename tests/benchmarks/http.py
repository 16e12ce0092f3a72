"""Calls per CPU-second of our HTTP driver, beside httpx as it comes and aiohttp.

    just bench http [--rounds N] [--seconds S] [--only NAME ...] [--json FILE]

Every client is a process of its own on one core, and understands what it reads: JSON, and for ours the
events that a codec makes of it. The provider has the other core; the row `direct` says what it and a client
that only counts bytes, beside it on that core, can do. aiohttp is installed into a folder of its own under
.benchmarks.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

import attrs

from tests.benchmarks.contestants import direct
from tests.benchmarks.http_clients import CLIENTS
from tests.benchmarks.machine import other_core, subject_core
from tests.benchmarks.peers import environment_of
from tests.benchmarks.process import profiled
from tests.benchmarks.table import ROOT, Figures, in_turn
from tests.benchmarks.upstream import CHUNKS, Upstream, running

LOADS: Mapping[str, tuple[str, int]] = {
    "whole answers, 1 at once": ("whole", 1),
    "whole answers, 32 at once": ("whole", 32),
    "whole answers, 128 at once": ("whole", 128),
    f"streams of {CHUNKS} chunks, 32 at once": ("burst", 32),
}


@attrs.frozen
class Client:
    """A running client."""

    _popen: "subprocess.Popen[str]"

    @property
    def process(self) -> int:
        """Its number."""
        return self._popen.pid

    def asked(self, url: str, streamed: bool, at_once: int, seconds: float) -> Mapping[str, float]:
        """Have it ask; return its figures."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps([url, streamed, at_once, seconds]) + "\n")
        self._popen.stdin.flush()
        found = json.loads(self._popen.stdout.readline())
        return {
            "calls/CPU-s": found["calls"] / found["cpu_s"],
            "CPU us a call": found["cpu_s"] / found["calls"] * 1e6,
            "calls/s": found["calls"] / found["s"],
        }


@contextmanager
def client(name: str, core: int) -> Iterator[Client]:
    """Have a client run on `core` while the block does."""
    python = environment_of("aiohttp", "aiohttp") if name == "aiohttp" else Path(sys.executable)
    words = ["taskset", "-c", str(core), str(python), "-m", "tests.benchmarks.http_clients", name]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as popen:
        try:
            yield Client(popen)
        finally:
            popen.kill()


def measure(
    clients: Mapping[str, Client], upstream: Upstream, rounds: int, seconds: float
) -> Figures:
    """Have every client ask everything in turn; the first round, which warms up, does not count."""
    figures = Figures()
    itself = direct(upstream)
    for turn in range(rounds + 1):
        for load, (kind, at_once) in LOADS.items():
            url = upstream.base_url(kind)
            for name, each in in_turn(tuple(clients.items()), turn):
                found = each.asked(url, kind != "whole", at_once, seconds)
                if turn:
                    figures.add(load, name, found)
            began = perf_counter()
            counted = itself.ask(kind, at_once, seconds, None)
            if turn:
                figures.add(load, "direct", {"calls/s": counted.calls / (perf_counter() - began)})
    return figures


def compare(names: Sequence[str], rounds: int, seconds: float) -> tuple[Figures, str]:
    """Return the figures of the clients called `names`, and what answered them."""
    everybody = os.sched_getaffinity(0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llmservice-bench-")))
        upstream = stack.enter_context(running(other_core(), folder))
        clients = {name: stack.enter_context(client(name, subject_core())) for name in names}
        os.sched_setaffinity(0, {other_core()})
        stack.callback(os.sched_setaffinity, 0, everybody)
        if "ours" in clients:
            stack.enter_context(profiled(clients["ours"].process, other_core()))
        return measure(clients, upstream, rounds, seconds), upstream.software


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.4, help="of load, each time")
    parser.add_argument("--only", nargs="+", choices=tuple(CLIENTS), default=tuple(CLIENTS))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found, software = compare(asked.only, asked.rounds, asked.seconds)
    found.report("http", asked.only[0], asked.json, provider=software)
