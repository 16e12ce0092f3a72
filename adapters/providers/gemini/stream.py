"""A streamed generateContent answer as events.

Laws: `Finished` comes at the clean end of the body after a finish reason, and not before: usage, and
even an error, may follow the reason. An error may stand between the events as bare JSON, over several
lines; it counts. An end without a finish reason is a truncation.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent; the bare error
is recorded in vercel/ai#5217
"""

from collections.abc import Iterator, Sequence

import attrs

from adapters.providers.gemini.answer import Answer
from adapters.wire.failures import no_answer, protocol_error, truncated
from adapters.wire.lookup import json_of
from adapters.wire.sse import SseParser
from domain.model.events import ChatEvent


@attrs.define
class GeminiDecoder:
    """Makes events of one streamed body; see `adapters.wire.codec.StreamDecoder`."""

    _answer: Answer
    _sse: SseParser = attrs.field(factory=SseParser)

    @property
    def hidden(self) -> int:
        """Nothing is left out: what a caller does not want to see is not asked for."""
        return 0

    @property
    def thinks(self) -> bool:
        """Nothing on this wire tells."""
        return False

    def feed(self, data: bytes, /) -> Iterator[ChatEvent]:
        """Give the events that `data` completes."""
        answer = self._answer
        for event in self._sse.feed(data):
            chunk = json_of(event.data)
            yield from answer.read(chunk) if type(chunk) is dict else self._no_chunk()
            if answer.failure is not None:
                raise answer.failure

    def end(self) -> Iterator[ChatEvent]:
        """Give what the clean end of the body completes."""
        for step in self._last_steps():
            yield from step
            if self._answer.failure is not None:
                raise self._answer.failure

    def _last_steps(self) -> Iterator[Sequence[ChatEvent]]:
        answer = self._answer
        values = [json_of(event.data) for event in self._sse.end()]
        # An error, or in array mode the whole answer, stands in the body as bare JSON.
        stray = self._sse.stray.strip()
        if stray.startswith(b"<"):
            page = no_answer(stray, "", upstream_status=answer.head.status)
            yield answer.fail(page, [])
        if stray.startswith((b"{", b"[")):
            bare = json_of(stray)
            if bare is None:
                problem = truncated("bare JSON is cut short", upstream_status=answer.head.status)
                yield answer.fail(problem, [])
            values += bare if isinstance(bare, list) else [bare]
        for value in values:
            # A chunk that the end has cut through is no chunk.
            if type(value) is dict:
                yield answer.read(value)
        yield answer.end()

    def _no_chunk(self) -> Sequence[ChatEvent]:
        status = self._answer.head.status
        problem = protocol_error("a chunk is not a JSON object", upstream_status=status)
        return self._answer.fail(problem, [])
