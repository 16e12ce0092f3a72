"""A script as a row of beats: pure, and the same for the same call.

Laws: `Started` comes before the first event; the row ends with `Finished`, an error or silence; parts
are numbered in the order of their first delta; tokens are counted in words, so that totals can be
foretold.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import attrs

from adapters.scripted.script import (
    CallTool,
    Chunks,
    Counts,
    Cut,
    Echo,
    Fail,
    Failure,
    Finish,
    Report,
    Say,
    Script,
    Stall,
    Think,
    Wait,
)
from domain.model.call import ChatCall
from domain.model.chat import ContentPart, Reasoning, Refusal, Text, ToolResult
from domain.model.errors import (
    ChatError,
    ErrorReason,
    ModelUnknown,
    ProviderFailure,
    ServiceFailure,
)
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from domain.model.usage import Usage, UsageSource


@attrs.frozen
class Pause:
    """Silence, in seconds; infinite for a stall."""

    wait_s: float


Beat: TypeAlias = ChatEvent | Pause | ChatError
FOREVER = Pause(float("inf"))


def beats(script: Script, call: ChatCall, provider: str) -> Iterator[Beat]:
    """Give the beats of `script` as the answer to `call`."""
    performance = _Performance(call, provider)
    for step in script:
        yield from _RULES[type(step)](performance, step)
        if performance.over:
            return
    yield from performance.finish(None)


def failure_of(failure: Failure) -> ChatError:
    """Return the error that `failure` describes."""
    if failure.reason == ErrorReason.CALLER_MODEL_UNKNOWN.name:
        return ModelUnknown(failure.message, upstream_status=failure.status)
    kind = ServiceFailure if failure.reason.startswith("SERVICE_") else ProviderFailure
    return kind(
        failure.message,
        ErrorReason[failure.reason],
        retry_after_s=failure.retry_after_s,
        upstream_status=failure.status,
    )


def joined(row: Iterable[Beat]) -> Iterator[Beat]:
    """Give `row` as a whole answer comes: after all its pauses, each run of text in one piece."""
    events: list[ChatEvent] = []
    for beat in row:
        if isinstance(beat, Pause | ChatError):
            yield beat
        else:
            events.append(beat)
    for _, run in groupby(events, lambda event: (type(event), getattr(event, "part_index", -1))):
        group = list(run)
        texts = [event for event in group if isinstance(event, TextDelta)]
        if texts:
            yield TextDelta("".join(each.text for each in texts), texts[0].part_index)
        else:
            yield from group


@attrs.define
class _Performance:
    """What has been said so far."""

    call: ChatCall
    provider: str
    over: bool = False
    _started: bool = False
    _parts: dict[str, int] = attrs.field(factory=dict)
    _calls: int = 0
    _words: int = 0
    _thoughts: int | None = None
    _counts: Counts = Counts()

    def say(self, text: str) -> Iterator[Beat]:
        self._words += len(text.split())
        yield from self._event(TextDelta(text, self._part("text")))

    def _say_step(self, step: Say) -> Iterator[Beat]:
        return self.say(step.say)

    def _think(self, step: Think) -> Iterator[Beat]:
        self._thoughts = (self._thoughts or 0) + len(step.think.split())
        yield from self._event(
            ReasoningDelta(
                text=step.think, provider=self.provider, part_index=self._part("reasoning")
            )
        )

    def _echo(self, step: Echo) -> Iterator[Beat]:
        words = " ".join(_texts(self.call.request.messages[-1].parts)).split()
        for index, word in enumerate(words):
            yield from self.say(word if index == 0 else " " + word)

    def _chunks(self, step: Chunks) -> Iterator[Beat]:
        paced = step.chunks
        for _ in range(paced.count):
            if paced.every_s:
                yield Pause(paced.every_s)
            yield from self.say(paced.text)

    def _call_tool(self, step: CallTool) -> Iterator[Beat]:
        called = step.call_tool
        id_ = called.id or f"call_{self._calls}"
        index = self._part(f"call {self._calls}")
        self._calls += 1
        self._words += len(called.arguments_json.split())
        yield from self._event(ToolCallDelta(id=id_, name=called.name, part_index=index))
        yield ToolCallDelta(id=id_, arguments_fragment=called.arguments_json, part_index=index)

    def _report(self, step: Report) -> Iterator[Beat]:
        self._counts = step.usage
        yield from self._event(UsageReported(self._usage(UsageSource.PROVIDER_PARTIAL)))

    def _wait(self, step: Wait) -> Iterator[Beat]:
        yield Pause(step.wait_s)

    def _stall(self, step: Stall) -> Iterator[Beat]:
        self.over = True
        yield FOREVER

    def _fail(self, step: Fail) -> Iterator[Beat]:
        self.over = True
        yield failure_of(step.fail)

    def _cut(self, step: Cut) -> Iterator[Beat]:
        self.over = True
        yield ProviderFailure(
            "the scripted stream broke off before it finished",
            ErrorReason.PROVIDER_STREAM_TRUNCATED,
        )

    def _finish_step(self, step: Finish) -> Iterator[Beat]:
        return self.finish(step.finish)

    def finish(self, reason: FinishReason | None) -> Iterator[Beat]:
        self.over = True
        natural = FinishReason.TOOL_CALLS if self._calls else FinishReason.STOP
        yield from self._event(
            Finished(
                reason=reason or natural,
                native_reason=(reason or natural).value,
                usage=self._usage(UsageSource.PROVIDER_FINAL),
            )
        )

    def _event(self, event: ChatEvent) -> Iterator[Beat]:
        if not self._started:
            self._started = True
            yield Started(
                id=f"scripted-{self.call.request_id}",
                provider=self.provider,
                model=self.call.request.model,
                upstream_status=200,
            )
        yield event

    def _part(self, key: str) -> int:
        return self._parts.setdefault(key, len(self._parts))

    def _usage(self, source: UsageSource) -> Usage:
        counts = self._counts
        prompt = sum(
            len(text.split())
            for message in self.call.request.messages
            for text in _texts(message.parts)
        )
        said = self._words + (self._thoughts or 0)
        return Usage(
            input_tokens=prompt if counts.input_tokens is None else counts.input_tokens,
            output_tokens=said if counts.output_tokens is None else counts.output_tokens,
            cache_read_tokens=counts.cache_read_tokens,
            cache_write_tokens=counts.cache_write_tokens,
            reasoning_tokens=self._thoughts
            if counts.reasoning_tokens is None
            else counts.reasoning_tokens,
            source=source,
        )


def _texts(parts: Sequence[ContentPart]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Text | Refusal | Reasoning):
            yield part.text
        elif isinstance(part, ToolResult):
            yield from _texts(part.content)


# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type, Callable[[_Performance, Any], Iterator[Beat]]] = {
    Say: _Performance._say_step,
    Think: _Performance._think,
    Echo: _Performance._echo,
    Chunks: _Performance._chunks,
    CallTool: _Performance._call_tool,
    Report: _Performance._report,
    Wait: _Performance._wait,
    Stall: _Performance._stall,
    Fail: _Performance._fail,
    Cut: _Performance._cut,
    Finish: _Performance._finish_step,
}
