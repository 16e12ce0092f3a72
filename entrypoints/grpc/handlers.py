"""The services' methods: translate, call, translate back.

purerpc hands a second argument called `request` to methods that take one; its generated base classes do not
say so, hence the ignored overrides.
"""

import time
from collections.abc import Callable

import attrs

from domain.model.call import ChatCall, Delivery, Ledger
from domain.model.embedding import EmbeddingCall
from domain.model.errors import FieldViolation, InvalidRequest
from domain.model.events import Finished
from domain.policy.resuming import RESUME_FROM
from domain.services.service import Service
from entrypoints.grpc.content import Content
from entrypoints.grpc.identity import resume_from
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.pb.llm_service_grpc import (
    EmbeddingServiceServicer,
    LLMServiceServicer,
    ModelServiceServicer,
    UsageServiceServicer,
)
from entrypoints.grpc.translate.answers import models_pb, response_pb
from entrypoints.grpc.translate.embeddings import embedding_request_of, embeddings_pb
from entrypoints.grpc.translate.requests import request_of
from entrypoints.grpc.translate.stream import StreamWriter
from entrypoints.grpc.translate.usage import filter_of, record_pb
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.watching import watch_of


@attrs.frozen
class LLMHandlers(LLMServiceServicer):
    """`Invoke` and `InvokeStream`.

    Attributes:
        content: Keeps what is said for the log; ``None``: nobody does.
    """

    service_: Service
    wall_clock: Callable[[], float] = time.time
    content: Content | None = None

    async def Invoke(  # type: ignore[override]
        self, input_message: pb.LLMRequest, request: ServerCall
    ) -> pb.LLMResponse:
        """Answer as a whole."""
        call = _call(input_message, request, Delivery.WHOLE)
        response = await self.service_.answer(call)
        if self.content is not None:
            self.content.given(call, response)
        return response_pb(response, self.wall_clock())

    async def InvokeStream(  # type: ignore[override]
        self, input_message: pb.LLMRequest, request: ServerCall
    ) -> None:
        """Answer as it comes; nothing is sent ahead of the model's own first event."""
        call = _call(input_message, request, Delivery.STREAMED, resume_from(request.metadata))
        # What goes on is numbered as if it had never broken off.
        writer = StreamWriter(0 if call.resume_from is None else call.resume_from + 1)
        async with self.service_.stream(call) as events:
            heard = events if self.content is None else self.content.heard(call, events)
            async for event in heard:
                if type(event) is Finished:
                    message = writer.message(event)
                    # A deadline that passes while the connection is given back must not deny what was said.
                    request.said_all = True
                    await request.send(message)
                    # Nothing follows; to ask for it would cost a way through all of the service.
                    break
                await request.send(writer.message(event))


@attrs.frozen
class ModelHandlers(ModelServiceServicer):
    """`ListModels`."""

    service_: Service

    async def ListModels(  # type: ignore[override]
        self, input_message: pb.ListModelsRequest, request: ServerCall
    ) -> pb.ListModelsResponse:
        """List what the caller can call."""
        return models_pb(self.service_.models(input_message.provider, request.caller))


@attrs.frozen
class EmbeddingHandlers(EmbeddingServiceServicer):
    """`Embed`."""

    service_: Service

    async def Embed(  # type: ignore[override]
        self, input_message: pb.EmbedRequest, request: ServerCall
    ) -> pb.EmbedResponse:
        """Embed."""
        watch, traceparent, tracestate = watch_of(request)
        call = EmbeddingCall(
            request=embedding_request_of(input_message),
            caller=request.caller,
            request_id=request.request_id,
            ledger=Ledger(watch=watch, due_s=request.due_s),
            traceparent=traceparent,
            tracestate=tracestate,
        )
        request.context = call
        return embeddings_pb(await self.service_.embed(call))


@attrs.frozen
class UsageHandlers(UsageServiceServicer):
    """`QueryUsage`."""

    service_: Service

    async def QueryUsage(  # type: ignore[override]
        self, input_message: pb.QueryUsageRequest, request: ServerCall
    ) -> None:
        """Tell the caller its records, or everybody's, as fast as it reads them."""
        records = self.service_.usage(filter_of(input_message), request.caller)
        async for record in records:
            await request.send(record_pb(record))


def _call(
    message: pb.LLMRequest, context: ServerCall, delivery: Delivery, seen: int | None = None
) -> ChatCall:
    asked = request_of(message)
    if seen is not None and not asked.idempotency_key:
        what = "is only for calls with an idempotency_key: send the key of the call that broke off"
        raise InvalidRequest(FieldViolation(RESUME_FROM, what))
    watch, traceparent, tracestate = watch_of(context)
    call = ChatCall(
        request=asked,
        resume_from=seen,
        caller=context.caller,
        request_id=context.request_id,
        delivery=delivery,
        ledger=Ledger(watch=watch, due_s=context.due_s),
        traceparent=traceparent,
        tracestate=tracestate,
    )
    # Whoever tells how the call ended needs to know what was tried for it.
    context.context = call
    return call
