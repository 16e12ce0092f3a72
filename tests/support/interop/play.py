"""Plays the cases with one client, in a process of its own.

usage: python -m tests.support.interop.play CLIENT, with addresses (`Where`, as JSON lines) on stdin
prints a `Result` as a JSON line for each case at each address
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module

from tests.support.interop.cases import CASES, Caller
from tests.support.interop.where import Where

Connect = Callable[[Where], Awaitable[Caller]]
PATIENCE_S = 20.0
CLIENTS = ("grpcio", "grpcio_aio", "grpclib", "own")


async def _play(client: str, where: Where) -> list[tuple[str, str, str]]:
    module = import_module(f"tests.support.interop.with_{client}")
    unfit: Mapping[str, str] = module.UNFIT
    caller: Caller = await module.connected(where)
    results: list[tuple[str, str, str]] = []
    for name, case in CASES.items():
        if name in unfit:
            results.append((name, "skipped", unfit[name]))
            continue
        try:
            await asyncio.wait_for(case(caller), PATIENCE_S)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the result
            told = traceback.format_exception_only(error)[-1].strip()
            results.append((name, "failed", told[:400]))
        else:
            results.append((name, "passed", ""))
    await caller.close()
    return results


async def main(client: str) -> None:
    for line in sys.stdin:
        where = Where.read(line)
        for case, outcome, why in await _play(client, where):
            result = {
                "client": client,
                "engine": where.engine,
                "security": where.security,
                "case": case,
                "outcome": outcome,
                "why": why,
            }
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
