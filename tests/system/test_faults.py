"""The fault kit on a mocked clock: the same bytes from the same providers, with patience as by default."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio.abc
import pytest
import trio
import trio.testing

from adapters.faults.plays import SHAPES
from adapters.faults.provider import FaultyProvider
from adapters.http.transport.connection import Origin
from adapters.http.transport.opening import open_transport
from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.services.service import Service
from entrypoints.account import memory_account
from entrypoints.compose import open_service
from entrypoints.faults.callers import in_process
from entrypoints.faults.composition import ENVIRONMENT, Addresses, plays_of, settings_for
from entrypoints.faults.rows import Row, rows
from entrypoints.faults.verdict import Seen, verdict
from entrypoints.settings.timeouts import TimeoutSettings
from tests.support.http_peer import MemoryStream

DEAF = 1
PATIENCE_S = TimeoutSettings().idle_s


@asynccontextmanager
async def _service(
    provider: FaultyProvider, log: MemoryUsageLog, chosen: Sequence[Row]
) -> AsyncIterator[Service]:
    async with trio.open_nursery() as nursery:

        async def connect(origin: Origin) -> anyio.abc.ByteStream:
            await trio.lowlevel.checkpoint()
            if origin.port == DEAF:
                raise ConnectionRefusedError
            near, far = trio.testing.memory_stream_pair()
            nursery.start_soon(provider.serve, MemoryStream(far))
            return MemoryStream(near)

        addresses = Addresses("http://127.0.0.1:2", f"http://127.0.0.1:{DEAF}")
        settings = settings_for(chosen, addresses, "memory")
        async with (
            open_transport(connect=connect) as transport,
            open_service(
                settings,
                environment=ENVIRONMENT,
                account=memory_account(log),
                transport=transport,
            ) as service,
        ):
            yield service
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("fault", SHAPES)
async def test_every_provider_fails_as_it_must(
    fault: str, autojump_clock: trio.testing.MockClock
) -> None:
    chosen = rows(faults=[fault])
    provider = FaultyProvider(plays_of(chosen), PATIENCE_S)
    log = MemoryUsageLog()
    seen: dict[str, Seen] = {}
    async with _service(provider, log, chosen) as service:
        ask = in_process(service)

        async def one(row: Row) -> None:
            seen[row.key] = await ask(row)

        async with trio.open_nursery() as nursery:
            for row in chosen:
                nursery.start_soon(one, row)
    verdicts = [
        verdict(
            row,
            seen[row.key],
            provider.asked_for(row.key, row.other),
            [record for record in log.records if record.request_id == row.key],
        )
        for row in chosen
    ]
    assert {each.row.key: each.differences for each in verdicts if each.differences} == {}
    assert verdicts
