"""Many streams on one channel: none is lost."""

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from tests.support.cli_runs import ROOT
from tests.support.system_gateway import Gateway, open_gateway

SCRIPTS = {
    "paced": [{"chunks": {"count": 50, "every_s": 0.01, "text": "x "}}],
    "burst": [{"chunks": {"count": 200, "text": "x "}}],
}


@pytest.fixture(params=["nghttp2", "h2"])
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    settings = {
        "grpc": {"http2_engine": request.param},
        "local": {"enabled": False},
        "providers": {"play": {"kind": "scripted", "models": SCRIPTS}},
    }
    async with open_gateway(settings) as gateway:
        yield gateway


async def _crowd(gateway: Gateway, model: str, tasks: int, each: int) -> dict[str, Any]:
    done = await trio.run_process(
        [sys.executable, "-m", "tests.support.system_crowd", gateway.address, model, str(tasks), str(each)],
        capture_stdout=True,
        cwd=ROOT,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_64_paced_streams_five_times_lose_nothing(gateway: Gateway) -> None:
    found = await _crowd(gateway, "paced", 64, 5)
    assert found["failures"] == []
    assert found["chunks"] == 64 * 5 * 50
    assert len(gateway.log.records) == 64 * 5


async def test_16_times_5_bursts_lose_nothing(gateway: Gateway) -> None:
    found = await _crowd(gateway, "burst", 16, 5)
    assert found["failures"] == []
    assert found["chunks"] == 16 * 5 * 200
