"""Calls to a server, over one connection that all calls share.

    async with connect("127.0.0.1:50051") as client:
        response = await client.invoke(request, timeout_s=30)
        async with client.invoke_stream(request) as events:
            async for event in events:
                ...

Laws: nothing outlives the `connect` block. Leaving an `invoke_stream` block, by whatever way, ends the call
on the server too, before control returns. A call's time is the shorter of its `timeout_s` and the deadline of
the scopes around it; the server is told, and it is kept here as well. A call that the server surely did
nothing for is sent again (`retry`), on a new connection if need be.
"""

import math
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeAlias, TypeVar

import anyio
import attrs
from google.protobuf.message import DecodeError, Message
from purerpc import StatusCode

from domain.groups import single_error_unwrapped
from entrypoints.client.attempt import Asked
from entrypoints.client.connection import GOODBYE_S
from entrypoints.client.connections import Connections
from entrypoints.client.errors import CallFailed, request_id_in
from entrypoints.client.limits import Limits
from entrypoints.client.stream import Events, Records
from entrypoints.client.tls import Tls
from entrypoints.client.token import Bearer, TokenSource
from entrypoints.client.way import prepared
from entrypoints.grpc.pb.llm_service_pb2 import (
    EmbedRequest,
    EmbedResponse,
    ListModelsRequest,
    ListModelsResponse,
    LLMRequest,
    LLMResponse,
    ModelInfo,
    QueryUsageRequest,
)
from entrypoints.grpc.transport.engine import Headers, engine_factory
from entrypoints.grpc.transport.headers import Metadata, write_metadata
from entrypoints.grpc.transport.timeouts import write_timeout

M = TypeVar("M", bound=Message)
Sent: TypeAlias = Iterable[tuple[str, str | bytes]]

_INVOKE = "/llmservice.v1.LLMService/Invoke"
_INVOKE_STREAM = "/llmservice.v1.LLMService/InvokeStream"
_EMBED = "/llmservice.v1.EmbeddingService/Embed"
_QUERY_USAGE = "/llmservice.v1.UsageService/QueryUsage"
_LIST_MODELS = "/llmservice.v1.ModelService/ListModels"
_DEFAULT_LIMITS = Limits()


@attrs.frozen
class Reply(Generic[M]):
    """The answer to a call, with what came around it."""

    message: M
    initial_metadata: Metadata
    trailing_metadata: Metadata

    @property
    def request_id(self) -> str:
        """What the server's operator can find the call by; empty if it was not told."""
        return request_id_in(self.initial_metadata)


@attrs.frozen(eq=False)
class Client:
    """Calls to one server; see `connect`. May be used by many tasks at once.

    In every method, `timeout_s` is for the whole call, in seconds, all tries
    included, and `metadata` is sent with it: pairs of a lower-case name and a
    text, or of a name that ends in ``-bin`` and bytes.
    """

    _connections: Connections
    _bearer: Bearer | None
    _retries: int

    async def invoke(
        self, request: LLMRequest, *, timeout_s: float | None = None, metadata: Sent = ()
    ) -> LLMResponse:
        """Return the whole answer to `request`.

        Raises:
            CallFailed: There is no complete answer.
            ValueError: `metadata` cannot be sent.
        """
        reply = await self.unary(
            _INVOKE, request, LLMResponse, timeout_s=timeout_s, metadata=metadata
        )
        return reply.message

    @asynccontextmanager
    async def invoke_stream(
        self, request: LLMRequest, *, timeout_s: float | None = None, metadata: Sent = ()
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

    async def embed(
        self, request: EmbedRequest, *, timeout_s: float | None = None, metadata: Sent = ()
    ) -> EmbedResponse:
        """Return one vector for each input of `request`, in their order.

        Raises:
            CallFailed: There is no complete answer.
            ValueError: `metadata` cannot be sent.
        """
        reply = await self.unary(
            _EMBED, request, EmbedResponse, timeout_s=timeout_s, metadata=metadata
        )
        return reply.message

    async def list_models(
        self, provider: str = "", *, timeout_s: float | None = None, metadata: Sent = ()
    ) -> Sequence[ModelInfo]:
        """Return what can be called; of one provider if given.

        Raises:
            CallFailed: The server did not say.
            ValueError: `metadata` cannot be sent.
        """
        request = ListModelsRequest(provider=provider)
        reply = await self.unary(
            _LIST_MODELS, request, ListModelsResponse, timeout_s=timeout_s, metadata=metadata
        )
        return tuple(reply.message.models)

    @asynccontextmanager
    async def query_usage(
        self, request: QueryUsageRequest, *, timeout_s: float | None = None, metadata: Sent = ()
    ) -> AsyncIterator[Records]:
        """Open the records that `request` wants and the caller may read, oldest first.

        Raises:
            CallFailed: On entry, or from any step of the iteration.
            ValueError: `metadata` cannot be sent.
        """
        async with self._call(_QUERY_USAGE, request, timeout_s, metadata) as call:
            yield Records(call)

    async def unary(
        self,
        path: str,
        request: Message,
        kind: type[M],
        *,
        timeout_s: float | None = None,
        metadata: Sent = (),
    ) -> Reply[M]:
        """Call any method with one answer; `path` is ``/package.Service/Method``.

        Raises:
            CallFailed: There is no answer, or it is no `kind`.
            ValueError: `metadata` cannot be sent.
        """
        async with self._call(path, request, timeout_s, metadata) as call:
            payload = await call.message()
            if payload is None:
                raise _broken(call, "the call ended with OK but without an answer")
            # The status comes after the answer, and may yet be a failure.
            if await call.message() is not None:
                raise _broken(call, "the call was answered more than once")
            try:
                message = kind.FromString(payload)
            except DecodeError:
                raise _broken(
                    call, f"the answer is not a valid {kind.DESCRIPTOR.full_name}"
                ) from None
            return Reply(message, call.initial_metadata, call.trailing_metadata)

    @asynccontextmanager
    async def _call(
        self, path: str, request: Message, timeout_s: float | None, metadata: Sent
    ) -> AsyncIterator[Asked]:
        deadline = math.inf if timeout_s is None else anyio.current_time() + timeout_s
        fixed = [*self._headers(path), *write_metadata(metadata)]

        async def headers() -> Headers:
            bearer = [] if self._bearer is None else [await self._bearer.header()]
            return [*fixed, *bearer, *_timeout(deadline)]

        call = Asked(
            deadline, self._connections, headers, request.SerializeToString(), self._retries
        )
        try:
            await call.begin()
            yield call
        finally:
            with anyio.move_on_after(GOODBYE_S, shield=True):
                await call.close()

    def _headers(self, path: str) -> list[tuple[bytes, bytes]]:
        return [
            (b":method", b"POST"),
            (b":scheme", b"http" if self._connections.tls is None else b"https"),
            (b":path", path.encode()),
            (b":authority", self._connections.target.authority.encode()),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc+proto"),
            (b"grpc-accept-encoding", b"identity,gzip,deflate"),
            (b"user-agent", b"llmservice-client"),
        ]


def _timeout(deadline: float) -> list[tuple[bytes, bytes]]:
    left_s = min(deadline, anyio.current_effective_deadline()) - anyio.current_time()
    return [] if left_s == math.inf else [(b"grpc-timeout", write_timeout(left_s))]


def _broken(call: Asked, message: str) -> CallFailed:
    return CallFailed(
        StatusCode.INTERNAL,
        message,
        request_id=request_id_in(call.initial_metadata),
        initial_metadata=call.initial_metadata,
        trailing_metadata=call.trailing_metadata,
    )


@asynccontextmanager
async def connect(
    target: str,
    *,
    tls: Tls | None = None,
    token: TokenSource | None = None,
    plain_token: bool = False,
    retries: int = 0,
    limits: Limits = _DEFAULT_LIMITS,
    http2_engine: str = "auto",
) -> AsyncIterator[Client]:
    """Connect to the server at `target`.

    A connection that is lost later fails the calls on it; the next call
    connects anew. Leaving the block ends all calls and closes the connection.

    Args:
        target: ``HOST:PORT``, ``HOST`` for port 50051, ``https://HOST:PORT``,
            ``unix:PATH``; see `entrypoints.client.target`.
        tls: Speak TLS in this way; ``None``: only if `target` says so, trusting
            whom the world trusts.
        token: Sent with every call as ``authorization: Bearer``.
        plain_token: Send it even where others on the network can read it.
        retries: How often a call that nothing was delivered of is sent again
            when it failed with UNAVAILABLE: after the time that the server
            named, else after a short one, if the call's time allows. What the
            server has asked a provider for it tries again itself (its `[retry]`,
            ``routing.max_attempts``): that is sent again only where it says when.
        limits: Memory and patience.
        http2_engine: See `entrypoints.grpc.transport.engine.engine_factory`.

    Raises:
        CallFailed: UNAVAILABLE: nothing accepts connections at `target`.
        ValueError: `target` makes no sense, a file of `tls` is no good, or the
            token cannot be sent, or not safely.
    """
    way = prepared(target, tls, token, plain_token=plain_token)
    engine = engine_factory(http2_engine)
    with single_error_unwrapped():
        async with anyio.create_task_group() as tasks:
            connections = Connections(way.target, way.tls, engine, limits)
            tasks.start_soon(connections.keep)
            try:
                await connections.current()
                yield Client(connections, way.bearer, retries)
            finally:
                connections.close()
                tasks.cancel_scope.cancel()
