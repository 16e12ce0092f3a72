"""Plays the eleven scenarios; against real providers only where that is asked for.

    just e2e [--live] [--ceiling-usd 0.50] [PYTEST OPTIONS]

With --live, each provider whose key is in the environment is the real one: OPENAI_API_KEY, ANTHROPIC_API_KEY,
GEMINI_API_KEY, OPENROUTER_API_KEY. What may be spent is the budget of the scenarios' caller, which the
service itself keeps: a call that could exceed it is refused, and its scenario fails.
"""

import argparse
import os
import subprocess
import sys

from tests.e2e.house import CEILING, LIVE, MODELS, live, there
from tests.support.cli_runs import ROOT


def main() -> int:
    """Return an exit code."""
    parser = argparse.ArgumentParser(
        prog="just e2e", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--live", action="store_true", help="ask real providers; costs money")
    parser.add_argument(
        "--ceiling-usd", type=_usd, default=0.5, metavar="USD", help="most that is spent (0.50)"
    )
    asked, rest = parser.parse_known_args()
    if asked.live:
        os.environ[LIVE] = "1"
        real = [name for name in MODELS if live(name)]
        if not real:
            print("e2e: no provider's key is in the environment", file=sys.stderr)
            return 2
        print(f"real: {', '.join(f'{name} ({MODELS[name]})' for name in real)}", flush=True)
        print(f"ceiling: ${asked.ceiling_usd:.2f}, kept by the service", flush=True)
    os.environ[CEILING] = str(asked.ceiling_usd)
    print(f"providers: {', '.join(there())}", flush=True)
    words = [sys.executable, "-m", "pytest", "tests/e2e/test_scenarios.py", *rest]
    return subprocess.run(words, cwd=ROOT, check=False).returncode


def _usd(text: str) -> float:
    number = float(text)
    if not 0 < number < 1_000:
        raise argparse.ArgumentTypeError("must be more than 0, and less than 1000")
    return number


if __name__ == "__main__":
    sys.exit(main())
