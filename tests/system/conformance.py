"""Plays gRPC's interoperability cases with every client against the real server, and prints a table.

    just conformance [CLIENT ...]

Every client, plainly, with TLS and with TLS that wants a client's certificate, on both HTTP/2 engines. Ends
with 1 if a case failed.
"""

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.support.interop.cases import CASES
from tests.support.interop.results import Result, players
from tests.support.interop.server import certificates, interop_server
from tests.support.interop.where import Where

ENGINES = ("nghttp2", "h2")
_SHOWN = {"passed": "ok", "failed": "FAILED", "skipped": "-"}


def main(chosen: Sequence[str]) -> int:
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        certificates(folder)
        places: list[Where] = []
        for engine in ENGINES:
            places += stack.enter_context(interop_server(engine, folder))
        for client, play in players(folder / "node").items():
            if not chosen or client in chosen:
                print(f"playing {client}", file=sys.stderr)
                results += play(places)
        show(results, places)
    return int(any(each.outcome == "failed" for each in results))


def show(results: Sequence[Result], places: Sequence[Where]) -> None:
    """Print the table, the reasons and the sums."""
    clients = list(dict.fromkeys(each.client for each in results))
    found = {(r.client, r.engine, r.security, r.case): r for r in results}
    for where in places:
        print(f"\n{where.security}, engine {where.engine}")
        print(f"  {'':30}" + "".join(f"{client:>12}" for client in clients))
        for case in CASES:
            cells = [
                _SHOWN[found[client, where.engine, where.security, case].outcome]
                for client in clients
            ]
            print(f"  {case:30}" + "".join(f"{cell:>12}" for cell in cells))
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in results:
        if each.outcome == "skipped" and each.case not in reasons[each.client, each.why]:
            reasons[each.client, each.why].append(each.case)
    print()
    for (client, why), cases in reasons.items():
        print(f"skipped, {client}: {why}: {', '.join(cases)}")
    for each in results:
        if each.outcome == "failed":
            print(f"FAILED {each.client} {each.security} {each.engine} {each.case}: {each.why}")
    sums = Counter(each.outcome for each in results)
    print(f"\n{sums['passed']} passed, {sums['failed']} failed, {sums['skipped']} skipped")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", nargs="*", help="only these")
    sys.exit(main(parser.parse_args().client))
