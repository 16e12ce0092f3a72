"""What a call pays for keys, limits and its record, beside the same service without them, in one process.

    just bench account [ROUNDS] [CALLS]

Each part is added to the one before: authentication by the token's digest; four limits of the caller
(requests, tokens, parallel calls, a budget); the record into SQLite, in batches; three more limits, of the
provider. Rounds are short and interleaved; shown are microseconds of CPU a call of the event loop's thread,
what each part adds (the median over rounds), and the same by the pace of the machine for which the goal was
set, which a yardstick tells. What the other threads do is counted over the whole. The last row is a call
whose answer would be read on if its caller left.
"""

import argparse
import gc
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
from entrypoints.cli.main import COLLECTION
from entrypoints.compose import open_service
from entrypoints.grpc.authentication import OPEN, Admission, Authentication
from entrypoints.known_callers import caller_table
from entrypoints.settings.account import AccountSettings
from entrypoints.settings.loading import structure
from tests.benchmarks.table import in_turn
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
BARE = "nothing"
YARDSTICK = "yardstick"
YARDSTICK_US = 22.4
"""What `yardstick` takes on the machine of the goals, where the floor takes 117 us a call (docs/adr/0009)."""
WARM_CALLS = 400
PAUSE_S = 0.005
WINDOW_S = 0.5
"""By then the writer is done with the last records."""


@attrs.frozen
class NoLog:
    """An account of nothing."""

    def ready(self) -> None:
        """Take whatever comes."""

    @property
    def waits(self) -> bool:
        """It is not kept."""
        return False

    async def append(self, record: UsageRecord, /) -> None:
        """Forget it."""


@attrs.frozen
class Side:
    """One of the services that are compared.

    Attributes:
        records: How many a call leaves.
    """

    service: Service
    authentication: Authentication
    on_disconnect: OnDisconnect | None = None
    records: int = 0

    async def call(self) -> None:
        """Make one call, as the transport does."""
        seen = server_call([("authorization", f"Bearer {TOKEN}"), ("user-agent", "bench")])
        await self.authentication.authenticated(seen)
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
    limited = {**plain, "callers": {"bench": CALLER}}
    twice = {**limited, "limits": {"providers": {"play": PROVIDER}}}
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

        recorded = attrs.evolve(await side(limited, opened), records=1)
        whole = attrs.evolve(await side(twice, opened), records=1)
        none = Account(NoLog(), opened.query)
        yield {
            BARE: await side(plain, none),
            "+ keys": await side(keys, none),
            "+ 4 limits": await side(limited, none),
            "+ record": recorded,
            "+ 3 limits": whole,
            "+ drain": attrs.evolve(whole, on_disconnect=OnDisconnect.DRAIN),
        }


async def measured(side: Side, calls: int) -> float:
    """Return the microseconds of CPU a call, of this thread."""
    gc.collect(0)
    own_s = time.thread_time()
    for _ in range(calls):
        await side.call()
    return (time.thread_time() - own_s) / calls * 1e6


async def yardstick(turns: int) -> float:
    """Return the microseconds of CPU of some plain Python and turns of the event loop: the machine's pace."""
    own_s = time.thread_time()
    for _ in range(turns):
        seen = {number: [str(number)] for number in range(40)}
        for each in seen.values():
            each.append("".join(each))
        with trio.CancelScope():
            await trio.lowlevel.checkpoint()
    return (time.thread_time() - own_s) / turns * 1e6


async def main(rounds: int, calls: int) -> None:
    """Measure and print."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with sides(Path(folder)) as compared:
            for side in compared.values():
                await measured(side, WARM_CALLS)
            await trio.sleep(WINDOW_S)
            # What was made so far is not looked through again, whoever's round it is.
            gc.collect()
            gc.freeze()
            # As in the program.
            gc.set_threshold(*COLLECTION)
            whole_s, own_s = time.process_time(), time.thread_time()
            for turn in range(rounds):
                found.setdefault(YARDSTICK, []).append(await yardstick(calls))
                for name in in_turn(tuple(compared), turn + 1):
                    found.setdefault(name, []).append(await measured(compared[name], calls))
                    # As a server's loop does when it waits for its sockets: others get their turn.
                    await trio.sleep(PAUSE_S)
            await trio.sleep(WINDOW_S)
            others_s = (time.process_time() - whole_s) - (time.thread_time() - own_s)
    recorded = sum(each.records for each in compared.values())
    print(f"{rounds} rounds of {calls} calls")
    _print_table(found, others_s / rounds / calls / recorded * 1e6)


def _print_table(found: Mapping[str, Sequence[float]], others_us: float) -> None:
    """Print medians, and medians of the differences within a round: what hits all alike is not counted."""
    factor = statistics.median(found[YARDSTICK]) / YARDSTICK_US
    print(f"{'':12} {'event loop':>10} {'added':>7} {'scaled':>7}")
    before = BARE
    for name, rows in found.items():
        if name == YARDSTICK:
            continue
        added = _added(rows, found[before])
        print(f"{name:12} {statistics.median(rows):10.1f} {added:7.1f} {added / factor:7.1f}")
        before = name
    added = _added(found["+ record"], found[BARE])
    for what, us in (
        ("keys, 4 limits and record, event loop", added),
        ("keys, 7 limits and record, event loop", _added(found["+ 3 limits"], found[BARE])),
        ("other threads, a record", others_us),
    ):
        print(f"{what}: {us:.1f} us a call; scaled {us / factor:.1f} (goal: {GOAL_US:.0f})")
    print(
        f"this machine takes {factor:.2f} times as long as the one of the goals, by the yardstick"
    )


def _added(rows: Sequence[float], before: Sequence[float]) -> float:
    return statistics.median(own - less for own, less in zip(rows, before, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="just bench account", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=200)
    parser.add_argument("calls", nargs="?", type=int, default=40)
    asked = parser.parse_args()
    trio.run(main, asked.rounds, asked.calls)
