"""Puts the server under load and reports: an open model, everything switched on, scripted providers.

    just load [--rate 100] [--duration 120] [--mix unary=43,stream=45,cancel=10,fail=2] [--out FOLDER]

Calls come by chance at the rate that was asked for, whatever became of those before. `fail` calls are refused
by the scripted provider. Fails (1) if a call ended as nobody planned, or if the account does not agree.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

import attrs

from tests.benchmarks.machine import facts
from tests.benchmarks.table import RESULTS
from tests.load.plan import DEFAULT_MIX, mix_of, plan
from tests.load.play import Made, play
from tests.load.report import write
from tests.load.server import TOKEN, outcomes, serving
from tests.load.summary import Summary, summary


def main() -> int:
    """Return an exit code."""
    asked = _asked()
    calls = plan(asked.rate, asked.duration, asked.mix, asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder, asked.engine) as server:
            print(f"{len(calls)} calls in {asked.duration:g} s at {server.address}", flush=True)
            server.look()

            def tell(ended: int, at_s: float) -> None:
                sample = server.look()
                line = f"{at_s:4.0f} s  {ended:6d} ended  {sample.resident_mib:6.1f} MiB"
                end = "\r" if sys.stdout.isatty() else "\n"
                if sys.stdout.isatty() or round(at_s) % 10 == 0:
                    print(line, end=end, flush=True)

            made: list[Made] = asyncio.run(
                play(server.address, TOKEN, calls, asked.connections, tell)
            )
            server.look()
            code = server.program.stop()
        found = summary(made, server.samples, outcomes(folder / "usage.db"), asked.window)
    return _told(found, asked, code)


def _told(found: Summary, asked: argparse.Namespace, code: int) -> int:
    about = {
        "calls": f"{found.calls:,}",
        "rate": f"{asked.rate:g} a second",
        "duration": f"{asked.duration:g} s",
        "mix": ", ".join(f"{kind} {share:g}" for kind, share in asked.mix.items()),
        "connections": str(asked.connections),
        "seed": str(asked.seed),
        "processor used by the server": f"{100 * found.cpu_share():.0f} % of a core",
        **facts(),
    }
    write(asked.out / "load.html", found, about)
    whole = {"about": about, "faults": found.faults, **attrs.asdict(found)}
    (asked.out / "load.json").write_text(json.dumps(whole, indent=1) + "\n")
    for kind, times in found.added_ms.items():
        print(f"added, {kind}: " + ", ".join(f"p{p:g} {ms:.1f} ms" for p, ms in times.items()))
    print("records: " + ", ".join(f"{name} {count}" for name, count in found.records.items()))
    memory = [each.resident_mib for each in found.samples]
    print(
        f"memory: {memory[0]:.0f} MiB at first, {max(memory):.0f} at most, {memory[-1]:.0f} at last"
    )
    print(f"the report: {asked.out / 'load.html'}")
    faults = [*found.faults, *([f"the server ended with {code}"] if code else [])]
    print(*(f"fault: {each}" for each in faults), sep="\n", end="\n" if faults else "")
    return bool(faults)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="just load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=_more, default=100.0, help="calls a second (100)")
    parser.add_argument("--duration", type=_more, default=120.0, help="in seconds (120)")
    parser.add_argument("--mix", type=mix_of, default=mix_of(DEFAULT_MIX), help=DEFAULT_MIX)
    parser.add_argument("--connections", type=int, default=8, help="to spread the calls over (8)")
    parser.add_argument("--window", type=_more, default=2.0, help="of the plots, in seconds (2)")
    parser.add_argument("--seed", type=int, default=1, help="of chance (1)")
    parser.add_argument("--engine", choices=("auto", "nghttp2", "h2"), default="auto")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the report")
    return parser.parse_args()


def _more(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
