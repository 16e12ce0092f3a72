"""One answer while it is read: what its responses mean, one of them or a stream.

Laws: each response holds new parts only; text and thoughts that follow their own kind go on in the same
part. A signed part is a part of its own, never joined with an unsigned one: a signature must come back
on the part that it came on. A signature on text has no place in our `Text` and travels as an empty
reasoning part before it; see `adapters.providers.gemini.contents`. The last usage counts. Odd shapes
mean nothing; a kind of part that the service cannot pass on is told once, as a warning.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from base64 import b64decode
from typing import Any

import attrs
import orjson

from adapters.providers.gemini.calls import made_up_id
from adapters.providers.gemini.failure import failure_in
from adapters.providers.gemini.finish import SPOILED, finish_reason
from adapters.providers.gemini.usage import usage_of
from adapters.wire.codec import ResponseHead
from adapters.wire.failures import presentable, protocol_error, truncated
from adapters.wire.lookup import object_in, text_in
from domain.model.call import ChatCall
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.events import (
    CallWarning,
    ChatEvent,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WarningRaised,
)
from domain.model.json_value import JsonObject
from domain.model.usage import NO_USAGE, UsageSource

REPORT_EVERY_TOKENS = 64
"""Usage stands in every response of a stream; it is reported once it has grown by this, and before a
failure. So the account of a stream that is cut short lacks fewer tokens than this."""

_STANDARD = str.maketrans("-_", "+/")


@attrs.define
class Answer:
    """What has been read of one answer.

    Attributes:
        provider: The provider's configured name.
        finish: Gemini's word for why it stopped; empty while it has not said.
        failure: What ended the answer badly; nothing is read after it.
    """

    call: ChatCall
    provider: str
    head: ResponseHead
    finish: str = ""
    failure: ChatError | None = None
    _id: str = ""
    _started: bool = False
    _index: int = -1
    _open: type | None = None
    _calls: int = 0
    _usage: JsonObject | None = None
    _reported: int = -REPORT_EVERY_TOKENS
    _untold: bool = False
    _left_out: set[str] = attrs.field(factory=set)

    def read(self, response: dict[str, Any]) -> list[ChatEvent]:
        """Return what `response`, the whole answer or the next piece of it, means; it may set `failure`."""
        out: list[ChatEvent] = []
        if response.get("error"):
            return self.fail(failure_in(response, self.call, self.provider, self.head), out)
        if not self._started:
            out.append(self._start(response))
        candidates = response.get("candidates")
        if type(candidates) is list and candidates:
            for candidate in candidates:
                if type(candidate) is dict and not candidate.get("index"):
                    self._candidate(candidate, out)
        usage = response.get("usageMetadata")
        if type(usage) is dict:
            self._count(usage, out)
        if not candidates and not self.finish:
            feedback = object_in(response, "promptFeedback")
            if text_in(feedback, "blockReason"):
                return self.fail(self._blocked(feedback), out)
        return out

    def end(self) -> list[ChatEvent]:
        """Return how the answer ended, now that there is no more of it; it may set `failure`."""
        if not self.finish or self.finish in SPOILED:
            return self.fail(self._no_answer(), [])
        usage = self._usage
        return [
            Finished(
                reason=finish_reason(self.finish, self._calls > 0),
                native_reason=self.finish,
                usage=NO_USAGE if usage is None else usage_of(usage, UsageSource.PROVIDER_FINAL),
            )
        ]

    def fail(self, failure: ChatError, out: list[ChatEvent]) -> list[ChatEvent]:
        """Set `failure`; return `out` with what is still to be said before it."""
        self.failure = failure
        self._report(out)
        return out

    def _no_answer(self) -> ChatError:
        status = self.head.status
        if self.finish:
            return ProviderFailure(
                f"the model spoiled its answer: {self.finish}",
                SPOILED[self.finish],
                upstream_status=status,
                upstream_request_id=self._id,
            )
        if self._started:
            return truncated("it gave no reason to stop", upstream_status=status)
        return protocol_error("it holds no response", upstream_status=status)

    def _blocked(self, feedback: JsonObject) -> ChatError:
        said = (text_in(feedback, key) for key in ("blockReason", "blockReasonMessage"))
        return ProviderFailure(
            presentable(": ".join(["the provider blocked the prompt", *filter(None, said)])),
            ErrorReason.PROVIDER_CONTENT_BLOCKED,
            upstream_status=self.head.status,
            upstream_request_id=self._id,
        )

    def _start(self, response: JsonObject) -> Started:
        self._started = True
        self._id = text_in(response, "responseId")
        return Started(
            id=self._id,
            provider=self.provider,
            model=text_in(response, "modelVersion") or self.call.request.model,
            upstream_status=self.head.status,
            upstream_request_id=self._id,
        )

    def _count(self, usage: JsonObject, out: list[ChatEvent]) -> None:
        self._usage = usage
        self._untold = True
        total = usage.get("totalTokenCount")
        if type(total) is not int:
            self._report(out)
        elif total - self._reported >= REPORT_EVERY_TOKENS:
            self._reported = total
            self._report(out)

    def _report(self, out: list[ChatEvent]) -> None:
        if self._usage is not None and self._untold:
            self._untold = False
            out.append(UsageReported(usage_of(self._usage, UsageSource.PROVIDER_PARTIAL)))

    def _candidate(self, candidate: dict[str, Any], out: list[ChatEvent]) -> None:
        content = candidate.get("content")
        parts = content.get("parts") if type(content) is dict else None
        for part in parts if type(parts) is list else ():
            if type(part) is not dict:
                continue
            text = part.get("text")
            if "thoughtSignature" in part or type(text) is not str:
                self._special(part, out)
            elif part.get("thought") is True:
                self._thought(text, out)
            elif text:
                # Nearly every part of nearly every stream.
                if self._open is not TextDelta:
                    self._open = TextDelta
                    self._index += 1
                out.append(TextDelta(text, self._index))
        finish = candidate.get("finishReason")
        if finish and type(finish) is str:
            self.finish = finish

    def _thought(self, text: str, out: list[ChatEvent]) -> None:
        if not text:
            return
        if self._open is not ReasoningDelta:
            self._open = ReasoningDelta
            self._index += 1
        out.append(ReasoningDelta(text=text, provider=self.provider, part_index=self._index))

    def _special(self, part: dict[str, Any], out: list[ChatEvent]) -> None:
        signature = _signature(part.get("thoughtSignature"))
        if type(part.get("functionCall")) is dict:
            self._function_call(object_in(part, "functionCall"), signature, out)
            return
        text = text_in(part, "text")
        if not text:
            self._leave_out(part.keys() - {"text", "thought", "thoughtSignature"}, out)
        thought = part.get("thought") is True
        if signature:
            out.append(
                ReasoningDelta(
                    text=text if thought else "",
                    signature=signature,
                    provider=self.provider,
                    part_index=self._alone(),
                )
            )
        if text and not thought:
            out.append(TextDelta(text, self._alone()))

    def _function_call(self, call: JsonObject, signature: bytes, out: list[ChatEvent]) -> None:
        arguments = call.get("args")
        out.append(
            ToolCallDelta(
                id=text_in(call, "id") or made_up_id(self._id or self.call.request_id, self._calls),
                name=text_in(call, "name"),
                arguments_fragment=orjson.dumps(arguments).decode()
                if isinstance(arguments, dict)
                else "{}",
                signature=signature,
                part_index=self._alone(),
            )
        )
        self._calls += 1

    def _leave_out(self, kinds: set[str], out: list[ChatEvent]) -> None:
        for kind in sorted(kinds - self._left_out):
            self._left_out.add(kind)
            out.append(
                WarningRaised(
                    CallWarning(
                        "CONTENT_DROPPED", f"the answer holds {kind}, which is not passed on"
                    )
                )
            )

    def _alone(self) -> int:
        """Return the index of a part that nothing else joins."""
        self._open = None
        self._index += 1
        return self._index


def _signature(value: object) -> bytes:
    """Return the bytes of a signature; both alphabets of base64 occur, padded or not."""
    if type(value) is not str:
        return b""
    try:
        return b64decode(value.translate(_STANDARD) + "=" * (-len(value) % 4))
    except ValueError:
        return b""
