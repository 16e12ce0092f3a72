"""The whole way: load generator, server on a core of its own, provider; whole answers and streams.

    just bench service [--rounds N] [--seconds S] [--peers] [--json FILE]

The server is measured with everything on (authentication, limits, budget, prices, the record in SQLite)
and with nothing, beside the floor (the least that a gateway made of our parts can cost, without any of
what ours does), the provider asked directly and, with --peers, LiteLLM's proxy and Portkey's gateway. All
of them run at once, and are asked in turn, so that what else the machine does hits all alike. Generator
and provider share the other core: the row `direct` says what they can do. A server that answers so fast
that they are the slower ones shows in its processor time a call, which counts.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import attrs

from tests.benchmarks.contestants import EVERYTHING, NOTHING, Contestant, direct, floor, ours
from tests.benchmarks.grpc_load import Counted
from tests.benchmarks.machine import other_core, subject_core
from tests.benchmarks.process import profiled
from tests.benchmarks.table import Figures, in_turn
from tests.benchmarks.upstream import CHUNKS, running

SUBJECT = "ours, all on"
BARE = "ours, bare"
MANY = 500
FAILED = "calls FAILED"


@attrs.frozen
class Load:
    """What is asked for.

    Attributes:
        kind: Of the answers; see `tests.benchmarks.upstream.KINDS`.
        at_once: Calls open at any time.
    """

    name: str
    kind: str
    at_once: int


LOADS = (
    Load("whole answers, 1 at once", "whole", 1),
    Load("whole answers, 32 at once", "whole", 32),
    Load("whole answers, 128 at once", "whole", 128),
    Load(f"streams of {CHUNKS} chunks every 5 ms, 1 at once", "brisk", 1),
    Load(f"streams of {CHUNKS} chunks at once, 32 at once", "burst", 32),
    Load(f"streams of {CHUNKS} chunks every 5 ms, 32 at once", "brisk", 32),
)
GRPCIO = Load("whole answers, 1 at once, asked by grpcio", "whole", 1)
STREAMS = Load(f"{MANY} streams of {CHUNKS} chunks every 50 ms", "paced", MANY)


def measure(contestants: Sequence[Contestant], rounds: int, seconds: float) -> Figures:
    """Ask everyone everything in turn; the first round, which warms up, does not count."""
    figures = Figures()
    for each in contestants:
        if each.program is not None:
            figures.add("idle", each.name, {"MiB": each.program.resident_mib()})
        # Not asked before: what it is started with.
    for turn in range(rounds + 1):
        for load in LOADS:
            for each in in_turn(contestants, turn):
                found = _asked(each, load, seconds if turn else min(seconds, 0.2))
                if turn:
                    figures.add(load.name, each.name, found)
        for each in in_turn(contestants, turn):
            if each.grpcio is not None:
                counted = each.grpcio(seconds)
                _made(each, GRPCIO, counted)
                if turn:
                    figures.add(GRPCIO.name, each.name, _waits(counted))
    for each in contestants:
        figures.add(STREAMS.name, each.name, _streams(each))
    return figures


def _asked(contestant: Contestant, load: Load, seconds: float) -> Mapping[str, float]:
    before = _cpu_s(contestant)
    began = perf_counter()
    counted = contestant.ask(load.kind, load.at_once, seconds, None)
    took_s = perf_counter() - began
    done = _made(contestant, load, counted)
    return {
        "calls/s": done / took_s,
        "CPU us a call": (_cpu_s(contestant) - before) / done * 1e6,
        **_waits(counted),
    }


def _streams(contestant: Contestant) -> Mapping[str, float]:
    """Ask for many paced streams, once each; watch the memory meanwhile."""
    seen: list[float] = [0.0]

    def look() -> None:
        if contestant.program is not None:
            seen.append(contestant.program.resident_mib())

    before = _cpu_s(contestant)
    began = perf_counter()
    counted = contestant.ask(STREAMS.kind, STREAMS.at_once, 0.0, look)
    took_s = perf_counter() - began
    done = _made(contestant, STREAMS, counted)
    return {
        "s": took_s,
        "CPU us a chunk": (_cpu_s(contestant) - before) / done / CHUNKS * 1e6,
        "MiB": max(seen),
        **_waits(counted),
    }


def _made(contestant: Contestant, load: Load, counted: Counted) -> int:
    """Return how many calls were made.

    Raises:
        AssertionError: None was, or they came back too short to be whole.
    """
    least = 200 if load.kind == "whole" else CHUNKS * 5
    if not counted.calls or counted.size < counted.calls * least:
        raise AssertionError(
            f"{contestant.name}, {load.name}: {counted.failed} calls failed, {counted.calls} did not, "
            f"with {counted.size} bytes"
        )
    return counted.calls


def _waits(counted: Counted) -> Mapping[str, float]:
    whole = counted.whole_s
    p99 = quantiles(whole, n=100, method="inclusive")[98] if len(whole) > 1 else whole[0]
    return {
        "p50 ms": median(whole) * 1e3,
        "p99 ms": p99 * 1e3,
        "first byte p50 ms": median(counted.first_s) * 1e3,
        **({FAILED: counted.failed} if counted.failed else {}),
    }


def _cpu_s(contestant: Contestant) -> float:
    return 0.0 if contestant.program is None else contestant.program.cpu_s()


@contextmanager
def contest(names: Sequence[str]) -> Iterator[tuple[Sequence[Contestant], Mapping[str, str]]]:
    """Have everyone run while the block does, us on one core, the rest on the other."""
    mine, rest = subject_core(), other_core()
    everybody = os.sched_getaffinity(0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llmservice-bench-")))
        upstream = stack.enter_context(running(rest, folder))
        found = [
            stack.enter_context(ours(SUBJECT, EVERYTHING, upstream, mine, folder / "all")),
            stack.enter_context(ours(BARE, NOTHING, upstream, mine, folder / "bare")),
            stack.enter_context(floor(upstream, mine, folder / "floor")),
            direct(upstream),
        ]
        if names:
            from tests.benchmarks.peers import PEERS_BY_NAME  # noqa: PLC0415

            found += [
                stack.enter_context(PEERS_BY_NAME[name](upstream, mine, folder)) for name in names
            ]
        os.sched_setaffinity(0, {rest})
        stack.callback(os.sched_setaffinity, 0, everybody)
        yield found, {"provider": upstream.software}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="of load, each time")
    parser.add_argument(
        "--peers", nargs="*", choices=("litellm", "portkey"), help="beside these; none named: both"
    )
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    peers = ("litellm", "portkey") if asked.peers == [] else asked.peers or ()
    with contest(peers) as (all_of_them, facts):
        subject = all_of_them[0].program
        assert subject is not None
        with profiled(subject.process, other_core()):
            found = measure(all_of_them, asked.rounds, asked.seconds)
    found.report("service", SUBJECT, asked.json, **facts)
    # Others may fail, which the table says; we may not.
    sys.exit(any(FAILED in each[name] for each in found.found.values() for name in (SUBJECT, BARE)))
