"""gRPC's health checking over a real socket, with Google's client."""

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import trio

from entrypoints.grpc.pb import health_pb2 as pb
from tests.support.system_gateway import Gateway, in_thread, open_gateway, refusal

HOUSE: dict[str, Any] = {
    "local": {"enabled": False},
    "callers": {"alice": {"token_sha256": "0" * 64}},
}
SERVING, NOT_SERVING = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN


class Health:
    """Google's client of the health service."""

    def __init__(self, gateway: Gateway) -> None:
        self.channel = grpc.insecure_channel(
            gateway.address, [("grpc.use_local_subchannel_pool", 1)]
        )
        name, request = "/grpc.health.v1.Health/", pb.HealthCheckRequest.SerializeToString
        answer = pb.HealthCheckResponse.FromString
        self._check = self.channel.unary_unary(f"{name}Check", request, answer)
        self._watch = self.channel.unary_stream(f"{name}Watch", request, answer)
        self._list = self.channel.unary_unary(
            f"{name}List", pb.HealthListRequest.SerializeToString, pb.HealthListResponse.FromString
        )

    def check(self, service: str) -> int:
        return int(self._check(pb.HealthCheckRequest(service=service), timeout=10).status)

    def listed(self) -> dict[str, int]:
        found = self._list(pb.HealthListRequest(), timeout=10).statuses
        return {name: each.status for name, each in found.items()}

    def watch(self, service: str, seen: "queue.Queue[object]") -> None:
        """Put every status into `seen`, and the code with which the watch ends."""
        events: Iterator[pb.HealthCheckResponse] = self._watch(
            pb.HealthCheckRequest(service=service), timeout=20
        )
        try:
            for each in events:
                seen.put(each.status)
        except grpc.RpcError as error:
            failed: Any = error
            seen.put(failed.code())


async def test_each_service_and_the_whole_serve_and_no_token_is_asked_for() -> None:
    async with open_gateway(HOUSE) as gateway:
        health = Health(gateway)
        with health.channel:
            for name in ("", "llmservice.v1.LLMService"):
                assert await in_thread(health.check, name) == SERVING
            listed = await in_thread(health.listed)
            unknown = await in_thread(refusal, lambda: health.check("no.Such"))
    assert {"", "llmservice.v1.LLMService", "llmservice.v1.ModelService"} <= set(listed)
    assert set(listed.values()) == {SERVING}
    assert unknown.code is grpc.StatusCode.NOT_FOUND
    assert unknown.reason == "CALLER_INVALID_REQUEST"


@pytest.mark.parametrize(
    ("service", "statuses"),
    [
        ("", [SERVING, NOT_SERVING]),
        ("llmservice.v1.LLMService", [SERVING, NOT_SERVING]),
        ("no.Such", [SERVICE_UNKNOWN, SERVICE_UNKNOWN]),
    ],
)
async def test_a_watcher_hears_that_the_server_goes_away_and_does_not_keep_it(
    service: str, statuses: list[int]
) -> None:
    seen: queue.Queue[object] = queue.Queue()
    async with open_gateway(HOUSE) as gateway:
        health = Health(gateway)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(in_thread, health.watch, service, seen)
            assert await in_thread(seen.get, timeout=10) == statuses[0]
            assert seen.empty()
            gateway.draining.begin()
            with trio.fail_after(15):
                assert await in_thread(seen.get, timeout=10) == statuses[1]
                assert await in_thread(seen.get, timeout=10) is grpc.StatusCode.UNAVAILABLE
        await in_thread(health.channel.close)
    assert gateway.draining.cut == 0


async def test_a_watcher_that_leaves_is_not_served_on() -> None:
    async with open_gateway(HOUSE) as gateway:
        health = Health(gateway)
        events: Any = health._watch(pb.HealthCheckRequest(), timeout=20)
        first: pb.HealthCheckResponse = await in_thread(lambda: next(events))
        assert first.status == SERVING
        events.cancel()
        assert await in_thread(health.check, "") == SERVING
        await in_thread(health.channel.close)


async def test_health_asks_for_a_token_where_it_is_not_open() -> None:
    async with open_gateway({**HOUSE, "grpc": {"open_services": []}}) as gateway:
        health = Health(gateway)
        with health.channel:
            found = await in_thread(refusal, lambda: health.check(""))
    assert found.code is grpc.StatusCode.UNAUTHENTICATED
