"""One answer as the messages of its stream."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from domain.model.events import (
    CallWarning,
    ChatEvent,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    RouteChanged,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WarningRaised,
)
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.answers import (
    CACHE_STATUSES,
    FINISH_REASONS,
    attempt_pb,
    usage_pb,
    warning_pb,
)


@attrs.define
class StreamWriter:
    """Turns the events of one answer into the messages of one stream, numbered densely from 0."""

    _sequence: int = 0
    _began: int = 0
    _warnings: list[CallWarning] = attrs.field(factory=list)

    def message(self, event: ChatEvent) -> pb.LLMStreamResponse:
        """Return the next message of the stream."""
        sequence = self._sequence
        self._sequence = sequence + 1
        if type(event) is TextDelta:
            # Nearly every event of nearly every stream.
            return pb.LLMStreamResponse(
                type=pb.STREAM_EVENT_TYPE_CONTENT_DELTA,
                content=event.text,
                sequence=sequence,
                part_index=event.part_index,
            )
        return _EVENTS[type(event)](self, event, sequence)

    def _start(self, event: Started, sequence: int) -> pb.LLMStreamResponse:
        self._began = sequence
        return pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_START,
            sequence=sequence,
            start=pb.StreamStart(
                id=event.id,
                provider=event.provider,
                model=event.model,
                cache_status=CACHE_STATUSES[event.cache_status],
            ),
        )

    def _refusal(self, event: RefusalDelta, sequence: int) -> pb.LLMStreamResponse:
        return pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_CONTENT_DELTA,
            content=event.text,
            sequence=sequence,
            part_index=event.part_index,
        )

    def _reasoning(self, event: ReasoningDelta, sequence: int) -> pb.LLMStreamResponse:
        return pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_REASONING_DELTA,
            sequence=sequence,
            part_index=event.part_index,
            reasoning=pb.ReasoningPart(
                text=event.text,
                signature=event.signature,
                redacted=event.redacted,
                provider=event.provider,
            ),
        )

    def _tool_call(self, event: ToolCallDelta, sequence: int) -> pb.LLMStreamResponse:
        return pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_TOOL_CALL_DELTA,
            sequence=sequence,
            part_index=event.part_index,
            tool_call=pb.ToolCallDelta(
                id=event.id,
                name=event.name,
                arguments_json_fragment=event.arguments_fragment,
                signature=event.signature,
            ),
        )

    def _usage(self, event: UsageReported, sequence: int) -> pb.LLMStreamResponse:
        return pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_USAGE, sequence=sequence, usage=usage_pb(event.usage)
        )

    def _warning(self, event: WarningRaised, sequence: int) -> pb.LLMStreamResponse:
        self._warnings.append(event.warning)
        return pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_WARNING, sequence=sequence, warning=warning_pb(event.warning)
        )

    def _route_changed(self, event: RouteChanged, sequence: int) -> pb.LLMStreamResponse:
        self._warnings.clear()
        return pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_ROUTE_CHANGED,
            sequence=sequence,
            route_changed=pb.RouteChanged(
                previous=pb.Target(provider=event.previous.provider, model=event.previous.model),
                next=pb.Target(provider=event.next.provider, model=event.next.model),
                discard_from_sequence=self._began,
                reason=event.reason.name,
            ),
        )

    def _finish(self, event: Finished, sequence: int) -> pb.LLMStreamResponse:
        return pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_FINISH,
            sequence=sequence,
            finish_reason=FINISH_REASONS[event.reason],
            usage=usage_pb(event.usage),
            finish=pb.StreamFinish(
                native_finish_reason=event.native_reason,
                attempts=[attempt_pb(each) for each in event.attempts],
                warnings=[warning_pb(each) for each in self._warnings],
            ),
        )


# The keys decide the argument's type, which the type system cannot follow.
_EVENTS: Mapping[type, Callable[[StreamWriter, Any, int], pb.LLMStreamResponse]] = {
    Started: StreamWriter._start,
    RefusalDelta: StreamWriter._refusal,
    ReasoningDelta: StreamWriter._reasoning,
    ToolCallDelta: StreamWriter._tool_call,
    UsageReported: StreamWriter._usage,
    WarningRaised: StreamWriter._warning,
    RouteChanged: StreamWriter._route_changed,
    Finished: StreamWriter._finish,
}
