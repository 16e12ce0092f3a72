"""A flame graph of what a benchmark measures, while it does: .benchmarks/NAME.svg.

    just profile NAME [ARGUMENTS of the benchmark]

Of `service`, `http` and `grpc` it is the process that is measured (our server, our client, our transport);
of the others, which measure what is inside one process, it is that process with those that it starts. It is
drawn by py-spy, which needs leave to look into other processes (root, or ptrace_scope 0). The first level of
a server's is its threads.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.process import PROFILE
from tests.benchmarks.table import RESULTS, ROOT

OF_ONE_PROCESS = frozenset({"service", "http", "grpc"})
OF_ALL = frozenset({"cancel", "codec", "fairness", "layers", "soak", "start"})


def main(name: str, arguments: list[str]) -> int:
    """Run the benchmark and draw; return its exit code."""
    RESULTS.mkdir(exist_ok=True)
    drawn = RESULTS / f"{name}.svg"
    drawn.unlink(missing_ok=True)
    benchmark = [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments]
    environment = dict(os.environ)
    if name in OF_ONE_PROCESS:
        environment[PROFILE] = str(drawn)
    else:
        spy = str(Path(sys.executable).with_name("py-spy"))
        record = [spy, "record", "--rate", "400", "--subprocesses", "--output", str(drawn)]
        benchmark = [*record, "--", *benchmark]
    code = subprocess.run(benchmark, cwd=ROOT, env=environment, check=False).returncode
    if not drawn.exists():
        print("no flame graph was drawn: may py-spy look into other processes?", file=sys.stderr)
        return code or 1
    print(f"flame graph in {drawn}")
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(OF_ONE_PROCESS | OF_ALL))
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    sys.exit(main(asked.name, asked.arguments))
