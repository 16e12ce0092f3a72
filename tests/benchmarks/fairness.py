"""How much a stream that never stops talking delays the first chunk of another one.

    just bench fairness [CALLS]

One client reads streams of 3,000 chunks, one after the other, without a pause; another, on a connection of
its own, measures how long its short streams take until their first chunk, first alone and then beside it.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from tests.support.cli_runs import serving
from tests.support.system_gateway import Stub, ask, stub

GOAL_MS = 50.0
CONFIG = """
[local]
enabled = false
[providers.play]
kind = "scripted"
[providers.play.models]
flood = [{ chunks = { count = 3000, text = "word " } }]
short = [{ say = "Hello" }]
"""


def _first_chunks_ms(client: Stub, calls: int) -> Sequence[float]:
    took = []
    for _ in range(calls):
        began = perf_counter()
        stream = client.stream(ask("play", "short"), timeout=60)
        next(stream)
        took.append(1000 * (perf_counter() - began))
        for _ in stream:
            pass
    return sorted(took)


def _row(name: str, took: Sequence[float]) -> str:
    p99 = took[int(0.99 * (len(took) - 1))]
    return f"{name:12} p50 {statistics.median(took):6.2f} ms  p99 {p99:6.2f} ms  max {took[-1]:6.2f} ms"


def main(calls: int) -> bool:
    """Print both rows; return whether the delay stays below the goal."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), CONFIG) as server,
        stub(server.address) as client,
    ):
        _first_chunks_ms(client, 50)
        alone = _first_chunks_ms(client, calls)
        flood = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.fairness", "--flood", server.address],
            stdout=subprocess.PIPE,
        )
        assert flood.stdout is not None
        flood.stdout.readline()
        beside = _first_chunks_ms(client, calls)
        flood.terminate()
        flood.wait()
        flood.stdout.close()
    print(_row("alone", alone))
    print(_row("beside it", beside))
    return beside[-1] - alone[len(alone) // 2] <= GOAL_MS


def _flood(address: str) -> None:
    done = threading.Event()
    with stub(address) as client:
        while not done.is_set():
            for index, _ in enumerate(client.stream(ask("play", "flood"), timeout=60)):
                if index == 1:
                    print("flooding", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="?", type=int, default=300)
    parser.add_argument("--flood", metavar="ADDRESS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.flood:
        _flood(asked.flood)
    else:
        sys.exit(not main(asked.calls))
