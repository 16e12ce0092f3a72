"""What every stream must look like, whoever reads it."""

from collections.abc import Sequence

from entrypoints.grpc.pb import llm_service_pb2 as pb


def checked(events: Sequence[pb.LLMStreamResponse]) -> str:
    """Return the text of a whole stream that keeps the law: START, dense sequence, one FINISH, usage."""
    assert events[0].type == pb.STREAM_EVENT_TYPE_START
    assert [event.sequence for event in events] == list(range(len(events)))
    finishes = [event for event in events if event.type == pb.STREAM_EVENT_TYPE_FINISH]
    assert finishes == [events[-1]]
    assert finishes[0].finish_reason != pb.FINISH_REASON_UNSPECIFIED
    assert finishes[0].usage.input_tokens > 0
    assert finishes[0].usage.output_tokens > 0
    assert finishes[0].usage.source == pb.USAGE_SOURCE_PROVIDER_FINAL
    return "".join(
        event.content for event in events if event.type == pb.STREAM_EVENT_TYPE_CONTENT_DELTA
    )
