"""Every reason of the vocabulary reaches a client, with its code and its details, over a real socket."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import grpc
import pytest
import trio

from adapters.scripted.script import FAILURES
from domain.model.errors import RETRYABLE, ChatError, ErrorReason, LimitExceeded, QuotaViolation
from domain.services.route import Routed
from domain.services.service import Service
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.serve import serve_grpc
from entrypoints.grpc.status import CODES
from entrypoints.settings.grpc import GrpcSettings
from tests.support.core_model import Upstream
from tests.support.planted import planted
from tests.support.system_gateway import Refused, Stub, ask, in_thread, open_gateway, refusal, stub

TOKEN = planted("token")
BEARER = {"metadata": [("authorization", f"Bearer {TOKEN}")]}
RETRY_AFTER_S = 7.5
SCRIPTED = [ErrorReason[name] for name in FAILURES]
HOUSE: dict[str, Any] = {
    "local": {"enabled": False},
    # Every call is to reach its provider.
    "cooldown": {"enabled": False},
    "retry": {"max_attempts": 1},
    "providers": {
        "demo": {
            "kind": "scripted",
            "models": {
                "silent": [{"stall": True}],
                **{
                    reason.name: [{"fail": {"reason": reason.name, "retry_after_s": RETRY_AFTER_S}}]
                    for reason in SCRIPTED
                },
            },
        }
    },
    "callers": {
        "alice": {
            "token_sha256": sha256(TOKEN.encode()).hexdigest(),
            "allow": ["demo/*", "openai/*"],
        }
    },
}
Way = Callable[[Stub], object]
REAL: Mapping[ErrorReason, Way] = {
    ErrorReason.CALLER_INVALID_REQUEST: lambda client: client.invoke(pb.LLMRequest(), **BEARER),
    ErrorReason.CALLER_MODEL_UNKNOWN: lambda client: client.invoke(ask("x", "y"), **BEARER),
    ErrorReason.CALLER_DEADLINE: lambda client: client.invoke(
        ask("demo", "silent"), metadata=[*BEARER["metadata"], ("grpc-timeout", "50m")]
    ),
    ErrorReason.POLICY_UNAUTHENTICATED: lambda client: client.invoke(ask("demo", "silent")),
    ErrorReason.POLICY_ACCESS_DENIED: lambda client: client.invoke(ask("gemini", "x"), **BEARER),
    ErrorReason.PROVIDER_NOT_CONFIGURED: lambda client: client.invoke(ask("openai", "x"), **BEARER),
}
QUOTAS = (
    QuotaViolation("caller:alice", "60 calls a minute: wait, or ask for more"),
    QuotaViolation("service", "1000 calls a minute"),
)
RAISED = sorted(set(ErrorReason) - set(SCRIPTED) - set(REAL), key=lambda reason: reason.value)


@pytest.fixture
async def client() -> AsyncIterator[Stub]:
    async with open_gateway(HOUSE) as gateway:
        with stub(gateway.address) as found:
            yield found


def assert_told(found: Refused, reason: ErrorReason) -> None:
    assert found.reason == reason.name
    assert found.code is grpc.StatusCode[CODES[reason].name]
    assert found.metadata["request_id"]


@pytest.mark.parametrize("reason", REAL, ids=lambda reason: reason.name)
async def test_a_reason_of_ours_is_told(client: Stub, reason: ErrorReason) -> None:
    found = await in_thread(refusal, lambda: REAL[reason](client))
    assert_told(found, reason)
    assert (found.fields != {}) is (reason is ErrorReason.CALLER_INVALID_REQUEST)


@pytest.mark.parametrize("reason", SCRIPTED, ids=lambda reason: reason.name)
async def test_a_reason_of_a_provider_is_told_whole_and_streamed(
    client: Stub, reason: ErrorReason
) -> None:
    request = ask("demo", reason.name)
    ways: tuple[Callable[[], object], ...] = (
        lambda: client.invoke(request, **BEARER),
        lambda: list(client.stream(request, **BEARER)),
    )
    for way in ways:
        found = await in_thread(refusal, way)
        assert_told(found, reason)
        assert (found.metadata["provider"], found.metadata["model"]) == ("demo", reason.name)
        assert found.retry_after_s == (RETRY_AFTER_S if reason in RETRYABLE else None)


@asynccontextmanager
async def failing(error: ChatError) -> AsyncIterator[Stub]:
    service = Service(Routed({"upstream": Upstream(entry=[error])}))
    async with trio.open_nursery() as nursery:
        address = await nursery.start(serve_grpc, service, GrpcSettings(port=0))
        with stub(str(address)) as found:
            yield found
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("reason", RAISED, ids=lambda reason: reason.name)
async def test_a_reason_from_within_the_service_is_told(reason: ErrorReason) -> None:
    limit = reason.name.startswith("POLICY_")
    error = (
        LimitExceeded(reason, *QUOTAS, retry_after_s=RETRY_AFTER_S)
        if limit
        else ChatError("from within", reason)
    )
    async with failing(error) as client:
        found = await in_thread(refusal, lambda: client.invoke(ask("upstream", "m")))
    assert_told(found, reason)
    assert found.quotas == ({each.subject: each.description for each in QUOTAS} if limit else {})
    # A budget comes back too, when its day or month is over.
    assert found.retry_after_s == (RETRY_AFTER_S if limit else None)


def test_no_reason_was_forgotten() -> None:
    assert {*SCRIPTED, *REAL, *RAISED} == set(ErrorReason)
    assert {each.name for each in RAISED} == {
        "CALLER_CANCELLED",
        "CALLER_IDEMPOTENCY_CONFLICT",
        "POLICY_RATE_LIMITED",
        "POLICY_CONCURRENCY_LIMITED",
        "POLICY_BUDGET_EXCEEDED",
    }
