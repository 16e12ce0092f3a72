"""The message that a stream makes, put together as a client would."""

from collections.abc import Iterable

from entrypoints.grpc.pb import llm_service_pb2 as pb


def assembled(events: Iterable[pb.LLMStreamResponse]) -> pb.ChatMessage:
    """Return the assistant's message in `events`, ready to be sent back."""
    parts: dict[int, pb.ContentPart] = {}
    for event in events:
        part = parts.setdefault(event.part_index, pb.ContentPart())
        if event.type == pb.STREAM_EVENT_TYPE_CONTENT_DELTA:
            part.text += event.content
        elif event.type == pb.STREAM_EVENT_TYPE_REASONING_DELTA:
            part.reasoning.text += event.reasoning.text
            part.reasoning.signature += event.reasoning.signature
            part.reasoning.redacted |= event.reasoning.redacted
            part.reasoning.provider = event.reasoning.provider
        elif event.type == pb.STREAM_EVENT_TYPE_TOOL_CALL_DELTA:
            call = part.tool_call
            call.id = event.tool_call.id
            call.name = call.name or event.tool_call.name
            call.arguments_json += event.tool_call.arguments_json_fragment
            call.signature += event.tool_call.signature
    made = [part for _, part in sorted(parts.items()) if part.WhichOneof("part")]
    return pb.ChatMessage(role="assistant", parts=made)
