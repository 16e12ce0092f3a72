"""What servers stream: an answer, which never looks complete when it was cut short, and usage records."""

from collections.abc import AsyncIterator

import attrs
from google.protobuf.message import DecodeError
from purerpc import StatusCode

from entrypoints.client.attempt import Asked
from entrypoints.client.errors import CallFailed, request_id_in
from entrypoints.grpc.pb.llm_service_pb2 import (
    STREAM_EVENT_TYPE_FINISH,
    LLMStreamResponse,
    UsageRecord,
)
from entrypoints.grpc.transport.headers import Metadata


@attrs.define(eq=False)
class Events(AsyncIterator[LLMStreamResponse]):
    """Yields events as they come; ends after FINISH and status OK, or raises `CallFailed`."""

    _call: Asked
    _finished: bool = False

    @property
    def initial_metadata(self) -> Metadata:
        """What the server sent before the first event; empty until that came."""
        return self._call.initial_metadata

    @property
    def trailing_metadata(self) -> Metadata:
        """What the server sent with the status; empty until that came."""
        return self._call.trailing_metadata

    @property
    def request_id(self) -> str:
        """What the server's operator can find the call by; empty until the first event came."""
        return request_id_in(self._call.initial_metadata)

    async def __anext__(self) -> LLMStreamResponse:
        payload = await self._call.message()
        if payload is None:
            if not self._finished:
                raise self._broken("the stream ended with OK but without FINISH")
            raise StopAsyncIteration
        if self._finished:
            raise self._broken("the stream went on after FINISH")
        try:
            event = LLMStreamResponse.FromString(payload)
        except DecodeError:
            raise self._broken("an event is not a valid llmservice.v1.LLMStreamResponse") from None
        self._finished = event.type == STREAM_EVENT_TYPE_FINISH
        return event

    def _broken(self, message: str) -> CallFailed:
        return CallFailed(
            StatusCode.INTERNAL,
            message,
            request_id=self.request_id,
            initial_metadata=self.initial_metadata,
            trailing_metadata=self.trailing_metadata,
        )


@attrs.define(eq=False)
class Records(AsyncIterator[UsageRecord]):
    """Yields usage records as they come; ends after the last one and status OK, or raises `CallFailed`."""

    _call: Asked

    async def __anext__(self) -> UsageRecord:
        payload = await self._call.message()
        if payload is None:
            raise StopAsyncIteration
        try:
            return UsageRecord.FromString(payload)
        except DecodeError:
            raise CallFailed(
                StatusCode.INTERNAL,
                "a record is not a valid llmservice.v1.UsageRecord",
                request_id=request_id_in(self._call.initial_metadata),
                initial_metadata=self._call.initial_metadata,
                trailing_metadata=self._call.trailing_metadata,
            ) from None
