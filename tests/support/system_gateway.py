"""The whole service behind its real gRPC server, in this process, and Google's client to call it with."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar

import attrs
import grpc
import trio
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status

from adapters.storage.memory_usage_log import MemoryUsageLog
from entrypoints.account import Account, memory_account
from entrypoints.compose import open_service
from entrypoints.grpc.authentication import Admission
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.serve import serve_grpc
from entrypoints.grpc.transport.draining import Draining
from entrypoints.known_callers import caller_table
from entrypoints.settings.loading import structure
from ports.telemetry import Telemetry

R = TypeVar("R")
LOCAL = "smollm2-135m-instruct"


@attrs.frozen
class Gateway:
    """A running service.

    Attributes:
        address: ``HOST:PORT``.
        log: Its account.
        draining: Begun, it goes away.
    """

    address: str
    log: MemoryUsageLog
    draining: Draining


@asynccontextmanager
async def open_gateway(
    settings: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncIterator[Gateway]:
    """Serve `settings`, written as TOML gives them, on a free port while the block runs.

    Where there is an `account`, `Gateway.log` stays empty.
    """
    log = MemoryUsageLog()
    tree = structure({**settings, "grpc": {"port": 0, **settings.get("grpc", {})}})
    async with (
        open_service(
            tree, environment=environment or {}, account=account or memory_account(log)
        ) as service,
        trio.open_nursery() as nursery,
    ):
        callers = caller_table(tree.callers)
        admission = Admission(callers=callers, demanding=lambda: callers.demanding)
        draining = Draining()
        serve = partial(
            serve_grpc, service, tree.grpc, admission, draining=draining, telemetry=telemetry
        )
        address = await nursery.start(serve)
        yield Gateway(str(address), log, draining)
        nursery.cancel_scope.cancel()


@attrs.frozen
class Stub:
    """The three methods, called synchronously."""

    invoke: Callable[..., pb.LLMResponse]
    stream: Callable[..., Iterator[pb.LLMStreamResponse]]
    models: Callable[..., pb.ListModelsResponse]


@contextmanager
def stub(address: str, options: Sequence[tuple[str, str | int]] = ()) -> Iterator[Stub]:
    """Give a grpcio client."""
    with grpc.insecure_channel(address, options) as channel:
        service = "/llmservice.v1.LLMService/"
        request = pb.LLMRequest.SerializeToString
        yield Stub(
            channel.unary_unary(service + "Invoke", request, pb.LLMResponse.FromString),
            channel.unary_stream(
                service + "InvokeStream", request, pb.LLMStreamResponse.FromString
            ),
            channel.unary_unary(
                "/llmservice.v1.ModelService/ListModels",
                pb.ListModelsRequest.SerializeToString,
                pb.ListModelsResponse.FromString,
            ),
        )


async def in_thread(work: Callable[..., R], *arguments: Any, **options: Any) -> R:
    """Run `work`, which blocks, beside the server."""
    return await trio.to_thread.run_sync(partial(work, *arguments, **options))


def ask(
    provider: str = "local", model: str = LOCAL, text: str = "Hello", **more: Any
) -> pb.LLMRequest:
    """Return a plain question."""
    messages = more.pop("messages", [pb.ChatMessage(role="user", content=text)])
    return pb.LLMRequest(provider=provider, model=model, messages=messages, **more)


@attrs.frozen
class Refused:
    """What a failed call said."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: Mapping[str, str]
    fields: Mapping[str, str]
    retry_after_s: float | None
    quotas: Mapping[str, str]
    usage: pb.FailureUsage | None


def refusal(work: Callable[[], object]) -> Refused:
    """Return how `work`, a call, fails.

    Raises:
        AssertionError: It does not.
    """
    try:
        result = work()
        raise AssertionError(f"the call did not fail: {result}")
    except grpc.RpcError as error:
        return _refused(error)


def _refused(error: Any) -> Refused:
    trailers = dict(error.trailing_metadata() or ())
    status = Status.FromString(trailers.get("grpc-status-details-bin", b""))
    found: dict[str, Any] = {}
    for kind in (ErrorInfo, BadRequest, QuotaFailure, RetryInfo, pb.FailureUsage):
        for detail in status.details:
            message = kind()
            if detail.Unpack(message):
                found[kind.__name__] = message
    info = found.get("ErrorInfo", ErrorInfo())
    retry = found.get("RetryInfo")
    return Refused(
        error.code(),
        error.details(),
        info.reason,
        dict(info.metadata),
        {
            each.field: each.description
            for each in found.get("BadRequest", BadRequest()).field_violations
        },
        retry.retry_delay.ToTimedelta().total_seconds() if retry else None,
        {
            each.subject: each.description
            for each in found.get("QuotaFailure", QuotaFailure()).violations
        },
        found.get("FailureUsage"),
    )
