"""One answer while it is read: what its blocks and deltas mean, streamed or whole.

Laws: a part's index is its block's; a tool's arguments are its fragments joined, whatever they are cut at;
thoughts that the caller does not want to see still leave their proof, which has to go back; what is unknown
means nothing.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming, .../api/handling-stop-reasons
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import orjson

from adapters.providers.anthropic.failure import REQUEST_ID
from adapters.providers.anthropic.models import ModelFacts
from adapters.providers.anthropic.usage import later, usage_of
from adapters.wire.codec import ResponseHead
from adapters.wire.lookup import object_in, text_in
from adapters.wire.prompt_cache import missed
from domain.model.call import ChatCall
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from domain.model.json_value import JsonObject
from domain.model.usage import NO_USAGE, UsageSource

FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.MAX_TOKENS,
    "model_context_window_exceeded": FinishReason.CONTEXT_LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.REFUSAL,
    "pause_turn": FinishReason.PAUSE,
}


@attrs.define
class Answer:
    """What has been read of one answer.

    Attributes:
        provider: The provider's configured name.
        facts: Of the model that was asked; ``None``: nothing is known of it.
        hidden: How many thoughts were left out.
        thinks: Whether a thought has begun of which nothing has been said yet.
    """

    provider: str
    facts: ModelFacts | None
    call: ChatCall
    head: ResponseHead
    hidden: int = 0
    thinks: bool = False
    _usage: JsonObject = attrs.field(factory=dict)
    _stop_reason: str = ""
    _next_part: int = 0
    _calls: dict[int, str] = attrs.field(factory=dict)
    _hides_thoughts: bool = attrs.field(
        init=False, default=attrs.Factory(lambda self: _hides(self.call), True)
    )

    def start(self, message: JsonObject) -> Started:
        """Return how the answer that `message` describes begins."""
        self._usage = later(self._usage, object_in(message, "usage"))
        return Started(
            id=text_in(message, "id"),
            provider=self.provider,
            model=text_in(message, "model") or self.call.request.model,
            upstream_status=self.head.status,
            upstream_request_id=self.head.headers.get(REQUEST_ID, ""),
        )

    def block(self, index: int, block: JsonObject) -> ChatEvent | None:
        """Return what `block`, whole or just begun, says."""
        self._next_part = max(self._next_part, index + 1)
        kind = text_in(block, "type")
        self.thinks = kind == "thinking"
        rule = _BLOCKS.get(kind)
        return rule(self, index, block) if rule else None

    def delta(self, index: int, delta: Mapping[str, Any]) -> ChatEvent | None:
        """Return what `delta` adds to the block at `index`."""
        kind = delta.get("type")
        rule = _DELTAS.get(kind) if type(kind) is str else None
        return rule(self, index, delta) if rule else None

    def stop(self, stopped: JsonObject, usage: JsonObject) -> ChatEvent | None:
        """Take why the answer stopped and what it cost; return the words of a refusal, if any."""
        self._usage = later(self._usage, usage)
        self._stop_reason = text_in(stopped, "stop_reason") or self._stop_reason
        words = text_in(stopped, "stop_details", "explanation")
        return RefusalDelta(words, self._next_part) if words else None

    def usage_so_far(self) -> UsageReported:
        """Return what the answer has cost so far."""
        return UsageReported(usage_of(self._usage, UsageSource.PROVIDER_PARTIAL))

    def cost(self, usage: JsonObject) -> list[ChatEvent]:
        """Return what `usage`, of an answer that failed, reports; nothing where it is empty."""
        self._usage = later(self._usage, usage)
        return [self.usage_so_far()] if usage else []

    def finish(self) -> list[ChatEvent]:
        """Return how the answer ends; `Finished` is last."""
        usage = usage_of(self._usage, UsageSource.PROVIDER_FINAL) if self._usage else NO_USAGE
        finished = Finished(
            reason=FINISH_REASONS.get(self._stop_reason, FinishReason.OTHER),
            native_reason=self._stop_reason,
            usage=usage,
        )
        least = self.facts and self.facts.cache_minimum_tokens
        why = f": it caches no prefix shorter than {least} tokens" if least else ""
        return [*missed(self.call.request, usage, why), finished]

    def _text(self, index: int, said: Mapping[str, Any]) -> ChatEvent | None:
        text = said.get("text")
        return TextDelta(text, index) if text and type(text) is str else None

    def _thinking(self, index: int, said: JsonObject) -> ChatEvent | None:
        text = text_in(said, "thinking")
        if text and self._hides_thoughts:
            text = ""
            self.hidden += 1
            self.thinks = False
        proof = text_in(said, "signature").encode()
        if not text and not proof:
            return None
        self.thinks = False
        return ReasoningDelta(text=text, signature=proof, provider=self.provider, part_index=index)

    def _redacted(self, index: int, said: JsonObject) -> ChatEvent | None:
        return ReasoningDelta(
            signature=text_in(said, "data").encode(),
            redacted=True,
            provider=self.provider,
            part_index=index,
        )

    def _tool_use(self, index: int, said: JsonObject) -> ChatEvent | None:
        id_ = self._calls[index] = text_in(said, "id")
        given = object_in(said, "input")
        return ToolCallDelta(
            id=id_,
            name=text_in(said, "name"),
            arguments_fragment=orjson.dumps(given).decode() if given else "",
            part_index=index,
        )

    def _arguments(self, index: int, said: JsonObject) -> ChatEvent | None:
        # The provider's own tools send arguments too, of calls that are not the caller's.
        id_, fragment = self._calls.get(index), text_in(said, "partial_json")
        if id_ is None or not fragment:
            return None
        return ToolCallDelta(id=id_, arguments_fragment=fragment, part_index=index)


def _hides(call: ChatCall) -> bool:
    asked = call.request.reasoning
    return asked is not None and asked.include_content is False


_Rule = Callable[[Answer, int, Mapping[str, Any]], ChatEvent | None]
_BLOCKS: Mapping[str, _Rule] = {
    "text": Answer._text,
    "thinking": Answer._thinking,
    "redacted_thinking": Answer._redacted,
    "tool_use": Answer._tool_use,
}
_DELTAS: Mapping[str, _Rule] = {
    "text_delta": Answer._text,
    "thinking_delta": Answer._thinking,
    "signature_delta": Answer._thinking,
    "input_json_delta": Answer._arguments,
}
