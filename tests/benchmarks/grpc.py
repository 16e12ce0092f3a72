"""Unary calls and streamed messages per CPU-second of the server, beside grpc.aio and grpclib.

    just bench grpc [--rounds N] [--seconds S] [--json FILE]

Every server is a process of its own on one core, with the same handler and the same load (4 connections; 16
calls, or 4 streams of 500 messages with a turn of the event loop each); the client has the other core. What
counts is the processor time that the server's process used, so the client may be the slower one. Rounds are
interleaved, so that what else the machine does hits all alike.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
from google.protobuf.wrappers_pb2 import BytesValue

from entrypoints.grpc.transport.messages import frame_message
from tests.benchmarks.grpc_load import load
from tests.benchmarks.grpc_servers import KINDS, SERVICE
from tests.benchmarks.machine import facts
from tests.benchmarks.process import cpu_s, profiled
from tests.benchmarks.table import RESULTS, ROOT, save

BODY = frame_message(BytesValue(value=b"x" * 100).SerializeToString())


@attrs.frozen
class Load:
    """What is asked, and what is counted."""

    method: str
    calls: int
    counted: str


LOADS: Mapping[str, Load] = {
    "unary": Load("Unary", 16, "calls"),
    "streamed": Load("Out", 4, "messages"),
}
GOALS = (
    ("unary", "nghttp2", "grpc.aio", 3.0),
    ("streamed", "nghttp2", "grpc.aio", 2.0),
    ("unary", "h2", "grpc.aio", 1.0),
)


@attrs.frozen
class Server:
    """A running server."""

    process: int
    port: int

    def cpu_s(self) -> float:
        """Return the processor time used so far, all threads, kernel included."""
        return cpu_s(self.process)

    def measured(self, asked: Load, seconds: float) -> float:
        """Return how many calls or messages a CPU-second of it is worth."""
        before = self.cpu_s()
        counted = load(
            self.port,
            f"/{SERVICE}/{asked.method}",
            BODY,
            connections=4,
            calls=asked.calls,
            seconds=seconds,
        )
        if counted.failed:
            raise AssertionError(f"{counted.failed} calls failed")
        done = counted.calls if asked.counted == "calls" else counted.size / len(BODY)
        return done / (self.cpu_s() - before)


@contextmanager
def running(kind: str, core: int) -> Iterator[Server]:
    """Have a server run while the block does."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.grpc_servers", kind, str(core)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            yield Server(process.pid, int(process.stdout.readline()))
        finally:
            process.kill()


def measure(kinds: Sequence[str], rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Return the figures of every round, by load and server."""
    cores = sorted(os.sched_getaffinity(0))
    figures: dict[str, dict[str, list[float]]] = {name: {k: [] for k in kinds} for name in LOADS}
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(running(kind, cores[0])) for kind in kinds}
        os.sched_setaffinity(0, {cores[-1]})
        stack.callback(os.sched_setaffinity, 0, set(cores))
        stack.enter_context(profiled(next(iter(servers.values())).process, cores[-1]))
        for turn in range(rounds + 1):
            for kind, server in servers.items():
                for name, asked in LOADS.items():
                    figure = server.measured(asked, seconds)
                    # The first turn warms up.
                    if turn:
                        figures[name][kind].append(figure)
    return figures


def report(figures: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, object]:
    """Print the figures; return them with what they were measured on."""
    medians = {
        (name, kind): statistics.median(found)
        for name, by_kind in figures.items()
        for kind, found in by_kind.items()
    }

    def ratio(name: str, kind: str, other: str) -> float:
        # Round by round: what disturbed one of a pair disturbed the other.
        pairs = zip(figures[name][kind], figures[name][other], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    for name, by_kind in figures.items():
        print(f"{name}: {LOADS[name].counted} per CPU-second of the server")
        for kind, found in by_kind.items():
            beside = ""
            if "grpc.aio" in by_kind:
                beside = f"  {ratio(name, kind, 'grpc.aio'):5.2f} x grpc.aio"
            print(
                f"  {kind:10}{medians[name, kind]:10,.0f}  ({min(found):,.0f} to {max(found):,.0f}){beside}"
            )
    goals = [
        {
            "goal": f"{name}: {kind} >= {factor:g} x {other}",
            "reached": ratio(name, kind, other),
            "met": ratio(name, kind, other) >= factor,
        }
        for name, kind, other, factor in GOALS
        if {kind, other} <= figures[name].keys()
    ]
    for each in goals:
        print(f"{'met   ' if each['met'] else 'MISSED'} {each['goal']}: {each['reached']:.2f} x")
    return {
        "machine": facts(),
        "figures": figures,
        "medians": {f"{name}/{kind}": value for (name, kind), value in medians.items()},
        "goals": goals,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of load, each time")
    parser.add_argument("--only", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--json", type=Path, default=RESULTS / "grpc.json")
    asked = parser.parse_args()
    save("grpc", report(measure(asked.only, asked.rounds, asked.seconds)), asked.json)
