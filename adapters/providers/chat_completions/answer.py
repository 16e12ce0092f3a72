"""One answer while it is read: what its deltas and messages mean, streamed or whole.

Laws: parts are numbered in the order of their first content; tool calls are told apart by their index,
whatever else repeats or is missing; an answer with tool calls that says it just stopped has stopped for
them. Odd shapes mean nothing.

Source: https://platform.openai.com/docs/api-reference/chat/streaming
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import orjson

from adapters.providers.chat_completions.dialect import Dialect
from adapters.providers.chat_completions.thoughts import Thoughts
from adapters.providers.chat_completions.usage import usage_of
from adapters.wire.codec import ResponseHead
from adapters.wire.lookup import object_in, objects_in, text_in
from adapters.wire.prompt_cache import missed
from domain.model.call import ChatCall
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
)
from domain.model.json_value import JsonObject
from domain.model.usage import NO_USAGE, UsageSource

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.MAX_TOKENS,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
# Words that end an answer which is none.
_FAILED: Mapping[str, ErrorReason] = {
    "error": ErrorReason.PROVIDER_SERVER_ERROR,
    "insufficient_system_resource": ErrorReason.PROVIDER_OVERLOADED,
}


@attrs.frozen
class _Call:
    """A tool call that has begun.

    Attributes:
        given_id: As the provider wrote it; may be empty, unlike `id`.
    """

    id: str
    given_id: str
    part_index: int
    named: bool


@attrs.define
class Answer:
    """What has been read of one answer.

    Attributes:
        finish: The provider's word for why it stopped; empty while it has not said.
        usage: The provider's latest usage object; ``None``: none so far.
        hidden: How many thoughts were left out.
    """

    call: ChatCall
    dialect: Dialect
    head: ResponseHead
    finish: str = ""
    usage: JsonObject | None = None
    hidden: int = 0
    _parts: dict[str, int] = attrs.field(factory=dict)
    _calls: dict[int | str, _Call] = attrs.field(factory=dict)
    _calls_begun: int = 0
    _reasoning_field: str = ""
    _thoughts: Thoughts | None = None
    _unseen: list[str] = attrs.field(factory=list)

    @property
    def hides_thoughts(self) -> bool:
        """Whether the caller does not want to see what the model thinks."""
        asked = self.call.request.reasoning
        return asked is not None and asked.include_content is False

    def started(self, source: JsonObject) -> Started:
        """Return how the answer begins, as `source`, a chunk or the whole, says."""
        return Started(
            id=text_in(source, "id"),
            provider=self.dialect.name,
            model=text_in(source, "model") or self.call.request.model,
            upstream_status=self.head.status,
            upstream_request_id=self.head.headers.get(self.dialect.request_id_header)
            or text_in(source, self.dialect.request_id_field),
        )

    def read(self, said: Mapping[str, Any], out: list[ChatEvent]) -> None:
        """Add what `said`, a delta or a message, means to `out`."""
        # Nearly every delta has one field; the order matters only between several.
        for field in said if len(said) == 1 else _RULES:
            value, rule = said.get(field), _RULES.get(field)
            if value and rule is not None:
                rule(self, field, value, out)

    def ending(self) -> list[ChatEvent]:
        """Return how the answer ends: what is known only now, then `Finished`.

        Raises:
            ProviderFailure: It ended in an error that says no more than that.
        """
        finished = self.finished()
        events: list[ChatEvent] = []
        proof = self._proof()
        if proof:
            events.append(
                ReasoningDelta(
                    signature=proof,
                    redacted=not self._reasoning_field or self.hides_thoughts,
                    provider=self.dialect.name,
                    part_index=self._part("reasoning"),
                )
            )
        if self.dialect.cache_mark is not None:
            events += missed(self.call.request, finished.usage)
        return [*events, finished]

    def finished(self) -> Finished:
        """Return how the answer ended.

        Raises:
            ProviderFailure: It ended in an error that says no more than that.
        """
        failed = _FAILED.get(self.finish)
        if failed is not None:
            raise ProviderFailure(
                f"the provider ended its answer with {self.finish!r}",
                failed,
                upstream_status=self.head.status,
            )
        return Finished(
            reason=self._finish_reason(),
            native_reason=self.finish,
            usage=NO_USAGE
            if self.usage is None
            else usage_of(self.usage, UsageSource.PROVIDER_FINAL),
        )

    def _finish_reason(self) -> FinishReason:
        known = self.dialect.finish_reasons.get(self.finish) or FINISH_REASONS.get(self.finish)
        if known is None or known is FinishReason.STOP:
            if self._calls:
                return FinishReason.TOOL_CALLS
            if "refusal" in self._parts:
                return FinishReason.REFUSAL
        return known or FinishReason.OTHER

    def _proof(self) -> bytes:
        """Return what of the thoughts has to go back, beside those that were shown."""
        if self._thoughts:
            return self._thoughts.joined()
        seal = self.dialect.sealed
        return seal("".join(self._unseen)) if seal and self._unseen else b""

    def _part(self, key: str) -> int:
        index = self._parts.get(key)
        if index is None:
            index = self._parts[key] = len(self._parts)
        return index

    def _text(self, field: str, value: Any, out: list[ChatEvent]) -> None:
        if type(value) is list:
            # Mistral says what it thinks as parts of the content.
            for part in objects_in({field: value}, field):
                thought = _texts(part.get("thinking"))
                if thought:
                    self._reasoning(field, thought, out)
        text = value if type(value) is str else _texts(value)
        if text:
            index = self._parts.get("text")
            out.append(TextDelta(text, self._part("text") if index is None else index))

    def _refusal(self, field: str, value: Any, out: list[ChatEvent]) -> None:
        if type(value) is str:
            out.append(RefusalDelta(value, self._part("refusal")))

    def _reasoning(self, field: str, value: Any, out: list[ChatEvent]) -> None:
        # Some servers say the same under both names: the first one that is used counts.
        self._reasoning_field = self._reasoning_field or field
        if type(value) is not str or field != self._reasoning_field:
            return
        if self.hides_thoughts:
            self.hidden += 1
            if self.dialect.sealed and self.call.request.tools:
                # As with details: its place is where it begins.
                self._part("reasoning")
                self._unseen.append(value)
        else:
            out.append(
                ReasoningDelta(
                    text=value, provider=self.dialect.name, part_index=self._part("reasoning")
                )
            )

    def _details(self, field: str, value: Any, out: list[ChatEvent]) -> None:
        details = objects_in({field: value}, field)
        if self.dialect.thoughts is None or not details:
            return
        # Its place among the parts is where it begins, although it is whole only at the end.
        self._part("reasoning")
        if self._thoughts is None:
            self._thoughts = Thoughts()
        said = self._thoughts.take(details)
        if said:
            self._reasoning(field, said, out)

    def _tool_calls(self, field: str, value: Any, out: list[ChatEvent]) -> None:
        for position, item in enumerate(objects_in({field: value}, field)):
            self._tool_call(item, position, out)

    def _function_call(self, field: str, value: Any, out: list[ChatEvent]) -> None:
        self._tool_call({"index": 0, "function": value}, 0, out)

    def _tool_call(self, item: JsonObject, position: int, out: list[ChatEvent]) -> None:
        function = object_in(item, "function")
        name, arguments = text_in(function, "name"), _arguments(function.get("arguments"))
        given_id, index = text_in(item, "id"), item.get("index")
        key = index if type(index) is int else given_id or position
        call = self._calls.get(key)
        if call is None or _is_another(call, given_id, name, type(index) is int):
            call = self._begin(key, given_id, bool(name))
        elif not arguments and (call.named or not name):
            return
        elif call.named:
            name = ""
        else:
            self._calls[key] = attrs.evolve(call, named=bool(name))
        out.append(
            ToolCallDelta(
                id=call.id, name=name, arguments_fragment=arguments, part_index=call.part_index
            )
        )

    def _begin(self, key: int | str, given_id: str, named: bool) -> _Call:
        position = self._calls_begun
        self._calls_begun += 1
        call = _Call(
            given_id or self._made_up_id(position), given_id, self._part(f"call {position}"), named
        )
        self._calls[key] = call
        return call

    def _made_up_id(self, position: int) -> str:
        # Unique in the conversation that it goes back into, and the same however the bytes are cut.
        seed = f"{self.call.request_id}/{position}".encode()
        return "call_" + hashlib.sha256(seed).hexdigest()[:24]


def _is_another(call: _Call, given_id: str, name: str, indexed: bool) -> bool:
    """Return whether a fragment begins a new call, although its place is taken by `call`."""
    if not name:
        return False
    if indexed:
        # Some servers count every call as 0; then only a new name with a new id tells.
        return bool(given_id) and given_id != call.given_id
    # Without an index, calls come whole.
    return not given_id


def _arguments(value: object) -> str:
    if isinstance(value, str):
        return value
    # An object in place of its text.
    return orjson.dumps(value).decode() if isinstance(value, dict) else ""


def _texts(value: object) -> str:
    """Return the text in a list of parts, which some servers write in place of a string."""
    return "".join(text_in(part, "text") for part in objects_in({"": value}, ""))


_Rule = Callable[[Answer, str, Any, list[ChatEvent]], None]
# In the order in which a model comes to them, for when one message holds several.
_RULES: Mapping[str, _Rule] = {
    "reasoning_content": Answer._reasoning,
    "reasoning": Answer._reasoning,
    "reasoning_details": Answer._details,
    "content": Answer._text,
    "refusal": Answer._refusal,
    "tool_calls": Answer._tool_calls,
    "function_call": Answer._function_call,
}
