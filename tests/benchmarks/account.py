"""What a call pays for keys, limits and its record, beside the same service without them, in one process.

    just bench account [ROUNDS] [CALLS]

Each part is added to the one before: authentication by the token's digest; limits of the caller (requests,
tokens, parallel calls, a budget) and of the provider; the record into SQLite, in batches. Rounds are
interleaved. Shown are microseconds of CPU a call, of the event loop's thread and of the others. The last row
is a call whose answer would be read on if its caller left.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, OnDisconnect, Role, Text
from domain.model.usage import UsageRecord
from domain.services.service import Service
from entrypoints.account import Account, open_account
from entrypoints.compose import open_service
from entrypoints.grpc.authentication import OPEN, Admission, Authentication
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.known_callers import caller_table
from entrypoints.settings.account import AccountSettings
from entrypoints.settings.loading import structure
from tests.support.core_call import server_call

TOKEN = "bench-token-of-thirty-two-letters"
MANY = 1_000_000_000
CALLER = {
    "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(),
    "requests_per_minute": MANY,
    "tokens_per_minute": MANY,
    "parallel_calls": 1_000,
    "budget_usd_per_day": 1_000_000,
}
PROVIDER = {"requests_per_minute": MANY, "tokens_per_minute": MANY, "parallel_calls": 1_000}
QUESTION = (Message(role=Role.USER, parts=(Text(text="Hello, how are you?"),)),)
GOAL_US = 35.0


@attrs.frozen
class NoLog:
    """An account of nothing."""

    def ready(self) -> None:
        """Take whatever comes."""

    async def append(self, record: UsageRecord, /) -> None:
        """Forget it."""


@attrs.frozen
class Side:
    """One of the services that are compared.

    Attributes:
        window_s: When its writer has surely begun with the last records.
    """

    service: Service
    authentication: Authentication
    on_disconnect: OnDisconnect | None = None
    window_s: float = 0.0

    async def call(self) -> None:
        """Make one call, as the transport does."""
        seen = server_call([("authorization", f"Bearer {TOKEN}"), ("user-agent", "bench")])
        await self.authentication.authenticated(seen, self._answer)

    async def _answer(self, seen: ServerCall) -> None:
        request = ChatRequest(
            provider="play",
            model="hello",
            messages=QUESTION,
            max_tokens=100,
            on_disconnect=self.on_disconnect,
        )
        call = ChatCall(request=request, caller=seen.caller, delivery=Delivery.WHOLE)
        await self.service.answer(call)


@asynccontextmanager
async def sides(folder: Path) -> AsyncIterator[dict[str, Side]]:
    """Open the services, each with one part more than the one before."""
    plain: dict[str, Any] = {
        "local": {"enabled": False},
        "providers": {"play": {"kind": "scripted", "models": {"hello": [{"say": "Hello"}]}}},
        "prices": {"play/*": {"input_usd": 1.0, "output_usd": 2.0}},
    }
    keys = {**plain, "callers": {"bench": {"token_sha256": CALLER["token_sha256"]}}}
    limited = {**plain, "callers": {"bench": CALLER}, "limits": {"providers": {"play": PROVIDER}}}
    account = AccountSettings(database=f"sqlite:///{folder}/usage.db")
    async with open_account(account, {}, print) as opened, AsyncExitStack() as stack:

        async def side(tree: dict[str, Any], log: Account) -> Side:
            settings = structure(tree)
            service = await stack.enter_async_context(
                open_service(settings, environment={}, account=log, progress=lambda _: None)
            )
            admission = OPEN
            if settings.callers:
                table = caller_table(settings.callers)
                admission = Admission(callers=table)
            return Side(service, Authentication(admission))

        whole = attrs.evolve(await side(limited, opened), window_s=0.3)
        none = Account(NoLog(), opened.query)
        yield {
            "nothing": await side(plain, none),
            "+ keys": await side(keys, none),
            "+ limits": await side(limited, none),
            "+ record": whole,
            "+ drain": attrs.evolve(whole, on_disconnect=OnDisconnect.DRAIN),
        }


async def measured(side: Side, calls: int) -> tuple[float, float]:
    """Return the microseconds of CPU a call: of this thread, and of the others until their work is done."""
    whole, own = time.process_time(), time.thread_time()
    for _ in range(calls):
        await side.call()
    own = time.thread_time() - own
    await trio.sleep(side.window_s)
    others = time.process_time() - whole - own
    return own / calls * 1e6, others / calls * 1e6


async def main(rounds: int, calls: int) -> None:
    """Measure and print."""
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with sides(Path(folder)) as compared:
            for side in compared.values():
                await measured(side, calls)
            for _ in range(rounds):
                for name, side in compared.items():
                    found.setdefault(name, []).append(await measured(side, calls))
    # What a busy machine adds is not the code's: the fastest round is shown beside the median.
    for word, choose in (("medians", statistics.median), ("fastest", min)):
        print(f"{word} of {rounds} rounds of {calls} calls")
        _print_table(
            {
                name: tuple(choose(column) for column in zip(*rows, strict=True))
                for name, rows in found.items()
            }
        )


def _print_table(rows: Mapping[str, Sequence[float]]) -> None:
    print(f"{'':10} {'event loop':>10} {'added':>7} {'other threads':>14}")
    before = rows["nothing"][0]
    for name, (own, others) in rows.items():
        print(f"{name:10} {own:10.1f} {own - before:7.1f} {others:14.1f}")
        before = own
    added = rows["+ record"][0] - rows["nothing"][0]
    print(f"keys, limits and record: {added:.1f} us on the event loop (goal: {GOAL_US:.0f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="just bench account", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    parser.add_argument("calls", nargs="?", type=int, default=400)
    asked = parser.parse_args()
    trio.run(main, asked.rounds, asked.calls)
