"""The whole answer, and the fold that makes it from events.

Laws: however a delta is cut into smaller ones, the fold is the same; of an answer that began anew only what
was said last is left.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import attrs

from domain.model.chat import ContentPart, Message, Reasoning, Refusal, Role, Text, ToolCall
from domain.model.errors import ErrorReason, ServiceFailure
from domain.model.events import (
    CallWarning,
    ChatEvent,
    ContentEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    RouteChanged,
    Started,
    TextDelta,
    ToolCallDelta,
    WarningRaised,
)
from domain.model.response_cache import CacheStatus
from domain.model.usage import Attempt, Usage


@attrs.frozen(kw_only=True)
class ChatResponse:
    """A finished answer.

    Attributes:
        content: All text parts, joined.
        attempts: Oldest first; the last one served.
        cache_status: Where it came from, if the call asked for more than a provider.
    """

    id: str
    provider: str
    model: str
    content: str
    message: Message
    finish_reason: FinishReason
    native_finish_reason: str
    usage: Usage
    attempts: tuple[Attempt, ...]
    warnings: tuple[CallWarning, ...]
    cache_status: CacheStatus | None = None


def fold(events: Iterable[ChatEvent]) -> ChatResponse:
    """Return the answer that `events` add up to.

    Raises:
        ServiceFailure: The stream's maker is broken: a part changes its kind, or something follows the end;
            or there is no end: a truncated answer never looks complete.
    """
    started: Started | None = None
    finished: Finished | None = None
    parts: dict[int, list[ContentEvent]] = {}
    warnings: list[CallWarning] = []
    for event in events:
        if finished is not None:
            raise _broken("an event followed the end of the answer")
        if isinstance(event, TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta):
            deltas = parts.setdefault(event.part_index, [event])
            if deltas[0] is not event:
                if type(deltas[0]) is not type(event):
                    raise _broken("a content part changed its kind")
                deltas.append(event)
        elif isinstance(event, Finished):
            finished = event
        elif isinstance(event, Started):
            started = event
        elif isinstance(event, WarningRaised):
            warnings.append(event.warning)
        elif isinstance(event, RouteChanged):
            started = None
            parts.clear()
            warnings.clear()
    if finished is None or started is None:
        raise _broken("the answer ended before it was finished")
    return _response(started, parts, warnings, finished)


def _response(
    started: Started,
    parts: Mapping[int, Sequence[ContentEvent]],
    warnings: Sequence[CallWarning],
    finished: Finished,
) -> ChatResponse:
    whole: list[ContentPart] = []
    content: list[str] = []
    for _, deltas in sorted(parts.items()):
        part = _WHOLE[type(deltas[0])](deltas)
        whole.append(part)
        if isinstance(part, Text):
            content.append(part.text)
    return ChatResponse(
        id=started.id,
        provider=started.provider,
        model=started.model,
        content="".join(content),
        message=Message(role=Role.ASSISTANT, parts=tuple(whole)),
        finish_reason=finished.reason,
        native_finish_reason=finished.native_reason,
        usage=finished.usage,
        attempts=finished.attempts,
        warnings=tuple(warnings),
        cache_status=started.cache_status,
    )


def _broken(how: str) -> ServiceFailure:
    return ServiceFailure(how, ErrorReason.SERVICE_INTERNAL)


_said = attrgetter("text")


def _text(deltas: Sequence[TextDelta]) -> Text:
    return Text(text="".join(map(_said, deltas)))


def _refusal(deltas: Sequence[RefusalDelta]) -> Refusal:
    return Refusal(text="".join(map(_said, deltas)))


def _reasoning(deltas: Sequence[ReasoningDelta]) -> Reasoning:
    return Reasoning(
        text="".join(map(_said, deltas)),
        signature=b"".join([each.signature for each in deltas]),
        redacted=any(each.redacted for each in deltas),
        provider=next((each.provider for each in deltas if each.provider), ""),
    )


def _tool_call(deltas: Sequence[ToolCallDelta]) -> ToolCall:
    return ToolCall(
        id=deltas[0].id,
        name=next((each.name for each in deltas if each.name), ""),
        # A provider that sends no arguments means none, which in JSON is an empty object.
        arguments_json="".join([each.arguments_fragment for each in deltas]) or "{}",
        signature=b"".join([each.signature for each in deltas]),
    )


# The keys decide the argument's type, which the type system cannot follow.
_WHOLE: Mapping[type, Callable[[Any], ContentPart]] = {
    TextDelta: _text,
    RefusalDelta: _refusal,
    ReasoningDelta: _reasoning,
    ToolCallDelta: _tool_call,
}
