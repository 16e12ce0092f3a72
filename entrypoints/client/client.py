"""Calls to a server, over one connection that all calls share.

    async with connect("127.0.0.1:50051") as client:
        response = await client.invoke(request, timeout_s=30)
        async with client.invoke_stream(request) as events:
            async for event in events:
                ...

Laws: nothing outlives the `connect` block. Leaving an `invoke_stream` block, by whatever way, ends the call
on the server too, before control returns. A call's time is the shorter of its `timeout_s` and the deadline of
the scopes around it; the server is told, and it is kept here as well.
"""

import math
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import attrs
from google.protobuf.message import DecodeError, Message
from purerpc import StatusCode

from domain.services.groups import single_error_unwrapped
from entrypoints.client.call import ClientCall
from entrypoints.client.connection import GOODBYE_S, Connection
from entrypoints.client.connections import Connections
from entrypoints.client.errors import CallFailed, deadline_passed
from entrypoints.client.limits import Limits
from entrypoints.client.stream import Events
from entrypoints.client.target import Target
from entrypoints.grpc.pb.llm_service_pb2 import (
    ListModelsRequest,
    ListModelsResponse,
    LLMRequest,
    LLMResponse,
    ModelInfo,
)
from entrypoints.grpc.transport.engine import Headers, engine_factory
from entrypoints.grpc.transport.headers import write_metadata, write_timeout

M = TypeVar("M", bound=Message)

_INVOKE = b"/llmservice.v1.LLMService/Invoke"
_INVOKE_STREAM = b"/llmservice.v1.LLMService/InvokeStream"
_LIST_MODELS = b"/llmservice.v1.ModelService/ListModels"
_DEFAULT_LIMITS = Limits()


@attrs.frozen(eq=False)
class Client:
    """Calls to one server; see `connect`. May be used by many tasks at once.

    In every method, `timeout_s` is for the whole call, in seconds, and
    `metadata` is sent with it: pairs of a lower-case name and a text, or of a
    name that ends in ``-bin`` and bytes.
    """

    _connections: Connections

    async def invoke(
        self,
        request: LLMRequest,
        *,
        timeout_s: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] = (),
    ) -> LLMResponse:
        """Return the whole answer to `request`.

        Raises:
            CallFailed: There is no complete answer.
            ValueError: `metadata` cannot be sent.
        """
        return await self._unary(_INVOKE, request, LLMResponse, timeout_s, metadata)

    @asynccontextmanager
    async def invoke_stream(
        self,
        request: LLMRequest,
        *,
        timeout_s: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] = (),
    ) -> AsyncIterator[Events]:
        """Open the answer to `request`, as it comes: START, deltas, FINISH.

        Leaving the block before FINISH cancels the call: the server knows
        before control returns.

        Raises:
            CallFailed: On entry, or from any step of the iteration.
            ValueError: `metadata` cannot be sent.
        """
        async with self._call(_INVOKE_STREAM, request, timeout_s, metadata) as call:
            yield Events(call)

    async def list_models(
        self,
        provider: str = "",
        *,
        timeout_s: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] = (),
    ) -> Sequence[ModelInfo]:
        """Return what can be called; of one provider if given.

        Raises:
            CallFailed: The server did not say.
            ValueError: `metadata` cannot be sent.
        """
        request = ListModelsRequest(provider=provider)
        answer = await self._unary(_LIST_MODELS, request, ListModelsResponse, timeout_s, metadata)
        return tuple(answer.models)

    async def _unary(
        self,
        path: bytes,
        request: Message,
        kind: type[M],
        timeout_s: float | None,
        metadata: Iterable[tuple[str, str | bytes]],
    ) -> M:
        async with self._call(path, request, timeout_s, metadata) as call:
            payload = await call.message()
            if payload is None:
                raise CallFailed(
                    StatusCode.INTERNAL, "the call ended with OK but without an answer"
                )
            # The status comes after the answer, and may yet be a failure.
            if await call.message() is not None:
                raise CallFailed(StatusCode.INTERNAL, "the call was answered more than once")
            try:
                return kind.FromString(payload)
            except DecodeError:
                raise CallFailed(
                    StatusCode.INTERNAL, f"the answer is not a valid {kind.DESCRIPTOR.full_name}"
                ) from None

    @asynccontextmanager
    async def _call(
        self,
        path: bytes,
        request: Message,
        timeout_s: float | None,
        metadata: Iterable[tuple[str, str | bytes]],
    ) -> AsyncIterator[ClientCall]:
        deadline = math.inf if timeout_s is None else anyio.current_time() + timeout_s
        headers = [*self._headers(path, deadline), *write_metadata(metadata)]
        connection, call = await self._open(headers, request.SerializeToString(), deadline)
        try:
            yield call
        finally:
            with anyio.move_on_after(GOODBYE_S, shield=True):
                await connection.close(call)

    async def _open(
        self, headers: Headers, message: bytes, deadline: float
    ) -> tuple[Connection, ClientCall]:
        with anyio.CancelScope(deadline=deadline):
            connection = await self._connections.current()
            return connection, await connection.open(headers, message, deadline)
        raise deadline_passed()

    def _headers(self, path: bytes, deadline: float) -> list[tuple[bytes, bytes]]:
        headers = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", path),
            (b":authority", str(self._connections.target).encode()),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc+proto"),
            (b"user-agent", b"llmservice-client"),
        ]
        left_s = min(deadline, anyio.current_effective_deadline()) - anyio.current_time()
        if left_s != math.inf:
            headers.append((b"grpc-timeout", write_timeout(left_s)))
        return headers


@asynccontextmanager
async def connect(
    target: str, *, limits: Limits = _DEFAULT_LIMITS, http2_engine: str = "auto"
) -> AsyncIterator[Client]:
    """Connect to the server at `target`: ``HOST:PORT``, ``[V6]:PORT``, or ``HOST`` for port 50051.

    A connection that is lost later fails the calls on it; the next call
    connects anew. Leaving the block ends all calls and closes the connection.

    Args:
        target: As above.
        limits: Memory and patience.
        http2_engine: See `entrypoints.grpc.transport.engine.engine_factory`.

    Raises:
        CallFailed: UNAVAILABLE: nothing accepts connections at `target`.
        ValueError: `target` makes no sense.
    """
    parsed = Target.parse(target)
    engine = engine_factory(http2_engine)
    with single_error_unwrapped():
        async with anyio.create_task_group() as tasks:
            connections = Connections(parsed, engine, limits)
            tasks.start_soon(connections.keep)
            try:
                await connections.current()
                yield Client(connections)
            finally:
                connections.close()
                tasks.cancel_scope.cancel()
