"""llama.cpp's chunks as events. Pure, and made for one answer.

Laws: a prompt that is too long is refused before the first token; `Finished` comes with the usage, which is
the last chunk; a chunk that makes no sense is an error, never skipped.

Source: llama.cpp, tools/server/README.md, POST /v1/chat/completions, with return_progress
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from adapters.local.config import LocalConfig
from domain.model.errors import (
    ChatError,
    ErrorReason,
    FieldViolation,
    InvalidRequest,
    ProviderFailure,
)
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    UsageReported,
)
from domain.model.json_value import JsonObject
from domain.model.usage import Usage, UsageSource

_FINISH: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.MAX_TOKENS,
}
_REFUSALS = frozenset({"invalid_request_error", "not_supported_error"})
_FAILURES: Mapping[str, ErrorReason] = {
    "unavailable_error": ErrorReason.PROVIDER_OVERLOADED,
    "server_error": ErrorReason.PROVIDER_SERVER_ERROR,
}


@attrs.define
class AnswerDecoder:
    """Makes events of the chunks of one answer.

    Attributes:
        body: What was asked.
    """

    _config: LocalConfig
    _body: JsonObject
    _started: bool = False
    _native_reason: str = ""

    def feed(self, chunk: Any) -> Sequence[ChatEvent]:
        """Return what `chunk` means.

        Raises:
            ChatError: It is an error, or makes no sense, or tells that the prompt is too long.
        """
        try:
            if "error" in chunk:
                raise self._failure(chunk["error"])
            return [event for rule in _RULES for event in rule(self, chunk)]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ProviderFailure(
                f"the embedded model sent a chunk that makes no sense: {error!r}",
                ErrorReason.PROVIDER_PROTOCOL_ERROR,
            ) from error

    def refused(self, problem: str) -> ChatError:
        """Return what it means that the whole body was refused with `problem`."""
        chosen = self._body.get("response_format")
        # Everything else in the body is well-formed by construction, or an option's own risk.
        if isinstance(chosen, Mapping) and chosen.get("type") == "json_schema":
            return InvalidRequest(FieldViolation("response_format.json_schema.schema", problem))
        return ProviderFailure(problem, ErrorReason.PROVIDER_REJECTED_REQUEST)

    def _start(self, chunk: Any) -> Iterator[ChatEvent]:
        if self._started:
            return
        self._started = True
        progress = chunk.get("prompt_progress")
        if progress is not None and progress["total"] > self._config.prompt_limit_tokens:
            raise self._too_long(progress["total"])
        yield Started(id=chunk["id"], provider=self._config.name, model=self._config.model)
        if progress is not None:
            # Stands in the account of an answer that is cut off.
            yield UsageReported(
                Usage(
                    input_tokens=progress["total"],
                    cache_read_tokens=progress["cache"],
                    source=UsageSource.PROVIDER_PARTIAL,
                )
            )

    def _choice(self, chunk: Any) -> Iterator[ChatEvent]:
        for choice in chunk["choices"]:
            text = choice["delta"].get("content")
            if text:
                yield TextDelta(text)
            self._native_reason = choice["finish_reason"] or self._native_reason

    def _end(self, chunk: Any) -> Iterator[ChatEvent]:
        usage = chunk.get("usage")
        if usage is None:
            return
        yield Finished(
            reason=self._reason(usage["completion_tokens"]),
            native_reason=self._native_reason,
            usage=Usage(
                input_tokens=usage["prompt_tokens"],
                output_tokens=usage["completion_tokens"],
                cache_read_tokens=usage["prompt_tokens_details"]["cached_tokens"],
                source=UsageSource.PROVIDER_FINAL,
                raw=usage,
            ),
        )

    def _reason(self, tokens: int) -> FinishReason:
        reason = _FINISH.get(self._native_reason, FinishReason.OTHER)
        # One word there for two bounds: the caller's, and the end of the slot.
        asked = self._body["max_tokens"]
        cut = isinstance(asked, int) and tokens < asked
        return FinishReason.CONTEXT_LENGTH if cut and reason is FinishReason.MAX_TOKENS else reason

    def _failure(self, error: Any) -> ChatError:
        if error["type"] == "exceed_context_size_error":
            return self._too_long(error["n_prompt_tokens"])
        if error["type"] in _REFUSALS:
            return self.refused(error["message"])
        reason = _FAILURES.get(error["type"], ErrorReason.PROVIDER_SERVER_ERROR)
        return ProviderFailure(error["message"], reason, upstream_status=error.get("code"))

    def _too_long(self, tokens: int) -> InvalidRequest:
        return InvalidRequest(
            FieldViolation(
                "messages",
                f"have {tokens} tokens; {self._config.name}/{self._config.model} takes at most"
                f" {self._config.prompt_limit_tokens}",
            )
        )


_RULES: Sequence[Callable[[AnswerDecoder, Any], Iterator[ChatEvent]]] = (
    AnswerDecoder._start,
    AnswerDecoder._choice,
    AnswerDecoder._end,
)
