"""A streamed Messages answer as events.

Laws: only ``message_stop`` ends an answer well; nothing is said before ``message_start``; usage is
cumulative and the latest count holds; an ``error`` ends the answer with its reason; unknown events mean
nothing.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from adapters.providers.anthropic.answer import Answer
from adapters.providers.anthropic.failure import failure_in_answer
from adapters.providers.anthropic.whole import whole_value
from adapters.wire.failures import no_answer, protocol_error, truncated
from adapters.wire.lookup import json_of, object_in
from adapters.wire.sse import ServerSentEvent, SseParser
from domain.model.errors import ChatError
from domain.model.events import ChatEvent


@attrs.define
class AnthropicDecoder:
    """Makes events of one streamed body; see `adapters.wire.codec.StreamDecoder`."""

    _answer: Answer
    _sse: SseParser = attrs.field(factory=SseParser)
    _rules: "_Rules" = attrs.field(default=attrs.Factory(lambda: _BEFORE))
    _over: bool = False

    @property
    def hidden(self) -> int:
        """How many thoughts were left out."""
        return self._answer.hidden

    @property
    def thinks(self) -> bool:
        """Whether a thought has begun of which nothing is said, as with thoughts that are omitted."""
        return self._answer.thinks

    def feed(self, data: bytes, /) -> Iterator[ChatEvent]:
        """Give the events that `data` completes."""
        for event in self._sse.feed(data):
            if self._over:
                return
            yield from self._events(event)

    def end(self) -> Iterator[ChatEvent]:
        """Give what the clean end of the body completes."""
        for event in self._sse.end():
            # An event that the end has cut through is no event.
            if not self._over and json_of(event.data) is not None:
                yield from self._events(event)
        if self._over:
            return
        self._over = True
        status = self._answer.head.status
        if self._rules is _RULES:
            raise truncated("it has no message_stop", upstream_status=status)
        stray = json_of(self._sse.stray)
        if not isinstance(stray, dict):
            raise self._not_begun()
        # An error, or a whole answer nobody asked for, in place of a stream.
        yield from whole_value(self._answer, stray)

    def _not_begun(self) -> ChatError:
        status, stray = self._answer.head.status, self._sse.stray
        if any(field.startswith(stray) for field in _FIELDS):
            return truncated("it has not begun", upstream_status=status)
        return no_answer(stray, "it is no event stream", upstream_status=status)

    def _events(self, event: ServerSentEvent) -> Sequence[ChatEvent]:
        value = json_of(event.data)
        try:
            if type(value) is not dict:
                return self._no_object(event.data)
            kind = value.get("type")
            rule = self._rules.get(kind if type(kind) is str else _kind(value, event.name))
            return rule(self, value) if rule else ()
        except ChatError:
            self._over = True
            raise

    def _no_object(self, data: bytes) -> Sequence[ChatEvent]:
        if data.strip():
            raise protocol_error(
                "an event is not a JSON object", upstream_status=self._answer.head.status
            )
        return ()

    def _message_start(self, value: Mapping[str, Any]) -> Sequence[ChatEvent]:
        self._rules = _RULES
        return self._answer.start(object_in(value, "message")), self._answer.usage_so_far()

    def _block_start(self, value: Mapping[str, Any]) -> Sequence[ChatEvent]:
        event = self._answer.block(_index(value), object_in(value, "content_block"))
        return () if event is None else (event,)

    def _block_stop(self, value: Mapping[str, Any]) -> Sequence[ChatEvent]:
        self._answer.thinks = False
        return ()

    def _block_delta(self, value: Mapping[str, Any]) -> Sequence[ChatEvent]:
        delta = value.get("delta")
        if type(delta) is not dict:
            return ()
        event = self._answer.delta(_index(value), delta)
        return () if event is None else (event,)

    def _message_delta(self, value: Mapping[str, Any]) -> Sequence[ChatEvent]:
        refusal = self._answer.stop(object_in(value, "delta"), object_in(value, "usage"))
        usage = self._answer.usage_so_far()
        return (usage,) if refusal is None else (refusal, usage)

    def _message_stop(self, value: Mapping[str, Any]) -> Sequence[ChatEvent]:
        self._over = True
        return self._answer.finish()

    def _error(self, value: Mapping[str, Any]) -> Sequence[ChatEvent]:
        raise failure_in_answer(self._answer.head, value)

    def _too_early(self, value: Mapping[str, Any]) -> Sequence[ChatEvent]:
        raise protocol_error(
            "it goes on before it has begun", upstream_status=self._answer.head.status
        )


_FIELDS = (b"event", b"data")
"""What a line of the stream begins with."""
_MOST_PARTS = 2**24
"""Nobody sends more, and the wire could not count them."""


def _kind(value: Mapping[str, Any], name: str) -> str:
    """Return what an event is that does not say so itself."""
    return "error" if "error" in value else name


def _index(value: Mapping[str, Any]) -> int:
    index = value.get("index")
    return index if type(index) is int and 0 <= index < _MOST_PARTS else 0


_Rules = Mapping[str, Callable[[AnthropicDecoder, Mapping[str, Any]], Sequence[ChatEvent]]]
_BEFORE: _Rules = {
    "message_start": AnthropicDecoder._message_start,
    "content_block_start": AnthropicDecoder._too_early,
    "content_block_delta": AnthropicDecoder._too_early,
    "message_delta": AnthropicDecoder._too_early,
    "message_stop": AnthropicDecoder._too_early,
    "error": AnthropicDecoder._error,
}
_RULES: _Rules = {
    "content_block_delta": AnthropicDecoder._block_delta,
    "content_block_start": AnthropicDecoder._block_start,
    "content_block_stop": AnthropicDecoder._block_stop,
    "message_delta": AnthropicDecoder._message_delta,
    "message_stop": AnthropicDecoder._message_stop,
    "error": AnthropicDecoder._error,
}
