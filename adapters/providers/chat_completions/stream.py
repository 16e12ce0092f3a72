"""A streamed Chat Completions answer as events.

Laws: `Finished` comes at ``[DONE]``, or at a clean end of the body after a finish reason; nothing else
ends an answer well. A finish reason alone does not end it: it may repeat, and the usage comes after it.
An error in a chunk ends it badly, whatever else the chunk says; the usage beside it is reported first.
Choices may be empty anywhere; only the first one is read. What is unknown means nothing.

Source: https://platform.openai.com/docs/api-reference/chat/streaming
"""

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import orjson

from adapters.providers.chat_completions.answer import Answer
from adapters.providers.chat_completions.failure import failure_in_answer
from adapters.providers.chat_completions.usage import usage_of
from adapters.providers.chat_completions.whole import whole_value
from adapters.wire.failures import failed_after, no_answer, protocol_error, truncated
from adapters.wire.lookup import json_of
from adapters.wire.sse import ServerSentEvent, SseParser
from domain.model.errors import ChatError
from domain.model.events import ChatEvent, UsageReported
from domain.model.usage import UsageSource

_DONE = b"[DONE]"


@attrs.define
class ChatCompletionsDecoder:
    """Makes events of one streamed body; see `adapters.wire.codec.StreamDecoder`."""

    _answer: Answer
    _sse: SseParser = attrs.field(factory=SseParser)
    _started: bool = False
    _over: bool = False

    @property
    def hidden(self) -> int:
        """How many thoughts were left out."""
        return self._answer.hidden

    @property
    def thinks(self) -> bool:
        """Nothing on this wire tells."""
        return False

    def feed(self, data: bytes, /) -> Iterable[ChatEvent]:
        """Give the events that `data` completes."""
        return self._events(self._sse.feed(data))

    def end(self) -> Iterator[ChatEvent]:
        """Give what the clean end of the body completes."""
        # A chunk that the end has cut through is no chunk.
        whole = [event for event in self._sse.end() if _is_whole(event.data)]
        yield from self._events(whole)
        if not self._over:
            self._over = True
            yield from self._last()

    def _events(self, events: Iterable[ServerSentEvent]) -> Iterable[ChatEvent]:
        out: list[ChatEvent] = []
        try:
            for event in events:
                if self._over:
                    break
                self._event(event, out)
        except ChatError as error:
            self._over = True
            return failed_after(out, error)
        return out

    def _last(self) -> Iterable[ChatEvent]:
        """Return what the end means where no end marker came."""
        answer = self._answer
        # Bare JSON between or in place of events: an error, or a whole answer that nobody asked for.
        stray = json_of(self._sse.stray)
        value = stray[0] if isinstance(stray, list) and stray else stray
        if isinstance(value, dict) and value.get("error"):
            raise self._failure(value)
        if answer.finish:
            return answer.ending()
        if self._started:
            raise truncated("it gave no reason to stop", upstream_status=answer.head.status)
        if isinstance(value, dict) and value.get("choices"):
            return whole_value(answer.call, answer.dialect, answer.head, value)
        raise no_answer(
            self._sse.stray, "it is no event stream", upstream_status=answer.head.status
        )

    def _event(self, event: ServerSentEvent, out: list[ChatEvent]) -> None:
        try:
            # As `json_of` does, which mends what this does not take.
            chunk = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            chunk = json_of(event.data)
        if type(chunk) is not dict:
            self._no_chunk(event.data, out)
            return
        if not self._started:
            self._start(chunk, out)
        choices = chunk.get("choices")
        if type(choices) is list:
            for choice in choices:
                # Only the first one was asked for.
                if type(choice) is dict and not choice.get("index"):
                    self._choice(choice, out)
        usage = chunk.get("usage")
        if type(usage) is dict:
            self._answer.usage = usage
            out.append(UsageReported(usage_of(usage, UsageSource.PROVIDER_PARTIAL)))
        if chunk.get("error") or event.name == "error" or chunk.get("object") == "error":
            raise self._failure(chunk)

    def _no_chunk(self, data: bytes, out: list[ChatEvent]) -> None:
        status = self._answer.head.status
        if not data.strip():
            return
        if not data.startswith(_DONE):
            raise protocol_error("a chunk is not a JSON object", upstream_status=status)
        if not self._started:
            raise protocol_error("it ends before it has begun", upstream_status=status)
        self._over = True
        out += self._answer.ending()

    def _start(self, chunk: dict[str, Any], out: list[ChatEvent]) -> None:
        # Azure sends a chunk about the prompt first, without a name for the answer.
        if chunk.get("id") or chunk.get("choices"):
            self._started = True
            out.append(self._answer.started(chunk))

    def _choice(self, choice: dict[str, Any], out: list[ChatEvent]) -> None:
        answer = self._answer
        delta = choice.get("delta")
        answer.read(delta if type(delta) is dict else {"content": choice.get("text")}, out)
        finish = choice.get("finish_reason")
        if finish and type(finish) is str:
            answer.finish = finish
        if choice.get("error"):
            raise self._failure(choice)

    def _failure(self, value: dict[str, Any]) -> ChatError:
        return failure_in_answer(self._answer.dialect, self._answer.head, value)


def _is_whole(data: bytes) -> bool:
    return data.startswith(_DONE) or json_of(data) is not None
