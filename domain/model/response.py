"""The whole answer, and the fold that makes it from events.

Laws: however a delta is cut into smaller ones, the fold is the same; of an answer that began anew only what
was said last is left.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from domain.model.chat import ContentPart, Message, Reasoning, Refusal, Role, Text, ToolCall
from domain.model.errors import ErrorReason, ServiceFailure
from domain.model.events import (
    CallWarning,
    ChatEvent,
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


@attrs.define
class _Part:
    """One content part while its deltas arrive; fragments are joined once, at the end."""

    first: TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta
    fragments: list[str] = attrs.field(factory=list)
    signatures: list[bytes] = attrs.field(factory=list)
    redacted: bool = False
    name: str = ""
    provider: str = ""


@attrs.define
class ResponseFold:
    """Adds events up to a response."""

    _started: Started | None = None
    _parts: dict[int, _Part] = attrs.field(factory=dict)
    _warnings: list[CallWarning] = attrs.field(factory=list)
    _finished: Finished | None = None

    def add(self, event: ChatEvent) -> None:
        """Take the next event.

        Raises:
            ServiceFailure: Anything after `Finished`, or a part that changes
                its kind: the stream's maker is broken.
        """
        if self._finished is not None:
            raise ServiceFailure(
                "an event followed the end of the answer", ErrorReason.SERVICE_INTERNAL
            )
        rule = _RULES.get(type(event))
        if rule is not None:
            rule(self, event)

    def response(self) -> ChatResponse:
        """Return the whole answer.

        Raises:
            ServiceFailure: The stream has not finished: a truncated answer
                never looks complete.
        """
        if self._finished is None or self._started is None:
            raise ServiceFailure(
                "the answer ended before it was finished", ErrorReason.SERVICE_INTERNAL
            )
        parts = tuple(_FINAL[type(part.first)](part) for _, part in sorted(self._parts.items()))
        return ChatResponse(
            id=self._started.id,
            provider=self._started.provider,
            model=self._started.model,
            content="".join(part.text for part in parts if isinstance(part, Text)),
            message=Message(role=Role.ASSISTANT, parts=parts),
            finish_reason=self._finished.reason,
            native_finish_reason=self._finished.native_reason,
            usage=self._finished.usage,
            attempts=self._finished.attempts,
            warnings=tuple(self._warnings),
            cache_status=self._started.cache_status,
        )

    def _part(self, event: TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta) -> _Part:
        part = self._parts.get(event.part_index)
        if part is None:
            part = self._parts[event.part_index] = _Part(event)
        elif type(part.first) is not type(event):
            raise ServiceFailure("a content part changed its kind", ErrorReason.SERVICE_INTERNAL)
        return part

    def _start(self, event: Started) -> None:
        self._started = event

    def _text(self, event: TextDelta | RefusalDelta) -> None:
        self._part(event).fragments.append(event.text)

    def _reasoning(self, event: ReasoningDelta) -> None:
        part = self._part(event)
        part.fragments.append(event.text)
        part.signatures.append(event.signature)
        part.redacted = part.redacted or event.redacted
        part.provider = part.provider or event.provider

    def _tool_call(self, event: ToolCallDelta) -> None:
        part = self._part(event)
        part.fragments.append(event.arguments_fragment)
        part.signatures.append(event.signature)
        part.name = part.name or event.name

    def _warn(self, event: WarningRaised) -> None:
        self._warnings.append(event.warning)

    def _begin_anew(self, _: RouteChanged) -> None:
        self._started = None
        self._parts.clear()
        self._warnings.clear()

    def _finish(self, event: Finished) -> None:
        self._finished = event


def _final_reasoning(part: _Part) -> Reasoning:
    return Reasoning(
        text="".join(part.fragments),
        signature=b"".join(part.signatures),
        redacted=part.redacted,
        provider=part.provider,
    )


def _final_tool_call(part: _Part) -> ToolCall:
    id_ = part.first.id if isinstance(part.first, ToolCallDelta) else ""
    return ToolCall(
        id=id_,
        name=part.name,
        # A provider that sends no arguments means none, which in JSON is an empty object.
        arguments_json="".join(part.fragments) or "{}",
        signature=b"".join(part.signatures),
    )


# The tables' keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type, Callable[[ResponseFold, Any], None]] = {
    Started: ResponseFold._start,
    TextDelta: ResponseFold._text,
    RefusalDelta: ResponseFold._text,
    ReasoningDelta: ResponseFold._reasoning,
    ToolCallDelta: ResponseFold._tool_call,
    WarningRaised: ResponseFold._warn,
    RouteChanged: ResponseFold._begin_anew,
    Finished: ResponseFold._finish,
}
_FINAL: Mapping[type, Callable[[_Part], ContentPart]] = {
    TextDelta: lambda part: Text(text="".join(part.fragments)),
    RefusalDelta: lambda part: Refusal(text="".join(part.fragments)),
    ReasoningDelta: _final_reasoning,
    ToolCallDelta: _final_tool_call,
}
