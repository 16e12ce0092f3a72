"""The fault kit over real sockets: a gRPC client, the server, the service, HTTP, and providers that fail.

Laws: everything is on this machine and leaves nothing behind; a proxy of the environment is not asked; the
account is read when the service has closed it.
"""

import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import anyio
import anyio.abc
import attrs
import trio

from adapters.faults.provider import FaultyProvider
from adapters.http.transport.opening import open_transport
from domain.model.usage import UsageRecord
from domain.services.service import Service
from entrypoints.account import open_account
from entrypoints.client.client import Client, connect
from entrypoints.compose import open_service
from entrypoints.faults.callers import Caller, over_grpc
from entrypoints.faults.composition import ENVIRONMENT, Addresses, plays_of, settings_for
from entrypoints.faults.rows import Row
from entrypoints.faults.verdict import Seen, Verdict, verdict
from entrypoints.grpc.serve import serve_grpc
from entrypoints.settings.account import AccountSettings
from entrypoints.settings.grpc import GrpcSettings
from ports.usage_query import UsageFilter

HASTY_S = 1.0
"""Patience of a caller in a hurry, in seconds; scripted pauses are shares of it."""
AT_ONCE = 32
"""Calls that run at the same time: most of the time they wait."""


def _silent(_: object) -> None:
    pass


@attrs.frozen
class Run:
    """One run of the kit.

    Attributes:
        rows: What to try.
        folder: For the account; empty before.
        told: Hears of each row that is done.
    """

    rows: Sequence[Row]
    folder: Path
    told: Callable[[Row], None] = _silent

    async def verdicts(self) -> Sequence[Verdict]:
        """Return the verdict on each row, in their order."""
        provider = FaultyProvider(plays_of(self.rows), HASTY_S)
        seen: dict[str, Seen] = {}
        async with open_addresses(provider) as addresses:
            settings = settings_for(self.rows, addresses, f"sqlite:///{self.folder / 'usage.db'}")
            async with (
                open_transport() as transport,
                open_service(settings, environment=ENVIRONMENT, transport=transport) as service,
                _served(service, settings.grpc) as client,
            ):
                await self._ask(over_grpc(client, HASTY_S), seen)
        records = await recorded(settings.account)
        return [
            verdict(
                row, seen[row.key], provider.asked_for(row.key, row.other), records.get(row.key, ())
            )
            for row in self.rows
        ]

    async def _ask(self, caller: Caller, seen: dict[str, Seen]) -> None:
        places = anyio.CapacityLimiter(AT_ONCE)

        async def ask(row: Row) -> None:
            async with places:
                seen[row.key] = await caller(row)
            self.told(row)

        async with anyio.create_task_group() as tasks:
            # Those that wait longest first.
            for row in sorted(self.rows, key=lambda row: not row.hasty):
                tasks.start_soon(ask, row)


@asynccontextmanager
async def open_addresses(provider: FaultyProvider) -> AsyncIterator[Addresses]:
    """Have `provider` answer on a free port of this machine while the block runs."""
    with closing(socket.socket()) as down:
        # Bound and deaf: nobody else gets the port, and who connects is refused.
        down.bind(("127.0.0.1", 0))
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, provider.serve)
            up = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610
            yield Addresses(f"http://127.0.0.1:{up}", f"http://127.0.0.1:{down.getsockname()[1]}")
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def _served(service: Service, settings: GrpcSettings) -> AsyncIterator[Client]:
    async with trio.open_nursery() as nursery:
        address = await nursery.start(partial(serve_grpc, service, settings))
        async with connect(str(address)) as client:
            yield client
        nursery.cancel_scope.cancel()


async def recorded(settings: AccountSettings) -> Mapping[str, Sequence[UsageRecord]]:
    """Return the records of an account that nobody writes any more, by request, oldest first."""
    found: dict[str, list[UsageRecord]] = defaultdict(list)
    async with open_account(settings, {}, _silent) as account:
        async for record in account.query.records(UsageFilter()):
            found[record.request_id].append(record)
    return found
