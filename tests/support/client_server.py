"""The real transport in this process, with handlers that the test scripts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import trio

from entrypoints.addresses import Address
from entrypoints.grpc.endings import endings
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.pb.llm_service_grpc import LLMServiceServicer, ModelServiceServicer
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import engine_factory
from entrypoints.grpc.transport.server import Server

Handler = Callable[
    [pb.LLMRequest, ServerCall], Awaitable[pb.LLMResponse | None] | pb.LLMResponse | None
]


@attrs.define
class Scripted(LLMServiceServicer):
    """Both methods are `handler`."""

    handler: Handler

    async def Invoke(  # type: ignore[override]  # noqa: N802 - the interface's name
        self, input_message: pb.LLMRequest, request: ServerCall
    ) -> pb.LLMResponse | None:
        result = self.handler(input_message, request)
        return await result if isinstance(result, Awaitable) else result

    async def InvokeStream(  # type: ignore[override]  # noqa: N802 - the interface's name
        self, input_message: pb.LLMRequest, request: ServerCall
    ) -> None:
        result = self.handler(input_message, request)
        if isinstance(result, Awaitable):
            await result


class OneModel(ModelServiceServicer):
    async def ListModels(  # type: ignore[override]  # noqa: N802 - the interface's name
        self, input_message: pb.ListModelsRequest, request: ServerCall
    ) -> pb.ListModelsResponse:
        return pb.ListModelsResponse(
            models=[pb.ModelInfo(provider=input_message.provider or "p", model="m")]
        )


@asynccontextmanager
async def server(handler: Handler, engine: str = "auto") -> AsyncIterator[str]:
    """Serve `handler`; yield the address."""
    dispatcher = Dispatcher.of([Scripted(handler).service, OneModel().service], endings())
    async with trio.open_nursery() as nursery:
        address = await nursery.start(
            Server(dispatcher, engine_factory(engine)).serve, Address("127.0.0.1", 0)
        )
        yield str(address)
        nursery.cancel_scope.cancel()


def delta(text: str, sequence: int = 0) -> pb.LLMStreamResponse:
    return pb.LLMStreamResponse(
        type=pb.STREAM_EVENT_TYPE_CONTENT_DELTA, content=text, sequence=sequence
    )


FINISH = pb.LLMStreamResponse(type=pb.STREAM_EVENT_TYPE_FINISH, finish_reason=pb.FINISH_REASON_STOP)
