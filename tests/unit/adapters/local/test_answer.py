"""Laws of llama.cpp's chunks."""

from typing import Any

import pytest

from adapters.local.answer import AnswerDecoder
from adapters.local.config import LocalConfig
from domain.model.errors import ChatError, ErrorReason, InvalidRequest
from domain.model.events import Finished, FinishReason, Started, TextDelta, UsageReported
from domain.model.json_value import JsonObject
from domain.model.usage import Usage, UsageSource
from tests.support.local_fake import answer, chunk, progress, stopped, text, usage

BODY: JsonObject = {"messages": [], "max_tokens": 50}


def decoder(body: JsonObject = BODY, **config: Any) -> AnswerDecoder:
    return AnswerDecoder(LocalConfig(**config), body)


def events(chunks: list[Any], decoder_: AnswerDecoder | None = None) -> list[Any]:
    reader = decoder_ or decoder()
    return [event for each in chunks for event in reader.feed(each)]


def test_an_answer_is_started_said_and_finished() -> None:
    assert events(answer("a", "b")) == [
        Started(id="chatcmpl-1", provider="local", model="smollm2-135m-instruct"),
        UsageReported(
            Usage(input_tokens=30, cache_read_tokens=0, source=UsageSource.PROVIDER_PARTIAL)
        ),
        TextDelta("a"),
        TextDelta("b"),
        Finished(
            reason=FinishReason.STOP,
            native_reason="stop",
            usage=Usage(
                input_tokens=30,
                output_tokens=2,
                cache_read_tokens=0,
                source=UsageSource.PROVIDER_FINAL,
                raw={
                    "completion_tokens": 2,
                    "prompt_tokens": 30,
                    "total_tokens": 32,
                    "prompt_tokens_details": {"cached_tokens": 0},
                },
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("native", "tokens", "reason"),
    [
        ("stop", 3, FinishReason.STOP),
        ("length", 50, FinishReason.MAX_TOKENS),
        ("length", 49, FinishReason.CONTEXT_LENGTH),
        ("tool_calls", 3, FinishReason.OTHER),
    ],
)
def test_each_end_has_its_reason(native: str, tokens: int, reason: FinishReason) -> None:
    last = events([progress(), stopped(native), usage(tokens)])[-1]
    assert (last.reason, last.native_reason) == (reason, native)


def test_a_prompt_over_the_limit_never_starts() -> None:
    reader = decoder(max_prompt_tokens=20)
    with pytest.raises(InvalidRequest) as caught:
        reader.feed(progress(total=21))
    (violation,) = caught.value.violations
    assert violation.field == "messages"
    assert "21" in violation.description
    assert "20" in violation.description
    assert isinstance(events([progress(total=20)], decoder(max_prompt_tokens=20))[0], Started)


def error(kind: str, **fields: object) -> dict[str, object]:
    return {"error": {"code": 400, "message": "no", "type": kind, **fields}}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("invalid_request_error", ErrorReason.PROVIDER_REJECTED_REQUEST),
        ("not_supported_error", ErrorReason.PROVIDER_REJECTED_REQUEST),
        ("unavailable_error", ErrorReason.PROVIDER_OVERLOADED),
        ("server_error", ErrorReason.PROVIDER_SERVER_ERROR),
        ("something_new", ErrorReason.PROVIDER_SERVER_ERROR),
    ],
)
def test_each_error_has_its_reason(kind: str, reason: ErrorReason) -> None:
    with pytest.raises(ChatError, match="no") as caught:
        decoder().feed(error(kind))
    assert caught.value.reason is reason


def test_a_context_that_is_too_small_is_about_the_messages() -> None:
    with pytest.raises(InvalidRequest, match=r"3031 tokens.* 1536"):
        decoder().feed(error("exceed_context_size_error", n_prompt_tokens=3031, n_ctx=2048))


def test_a_refusal_with_a_schema_is_about_the_schema() -> None:
    reader = decoder({**BODY, "response_format": {"type": "json_schema"}})
    with pytest.raises(InvalidRequest, match=r"json_schema\.schema: no"):
        reader.feed(error("invalid_request_error"))


@pytest.mark.parametrize(
    "nonsense",
    [None, 7, {}, {"error": "x"}, chunk(choices=[{}]), chunk(choices=None), chunk(usage={"a": 1})],
)
def test_nonsense_is_an_error_and_never_skipped(nonsense: object) -> None:
    with pytest.raises(ChatError) as caught:
        decoder().feed(nonsense)
    assert caught.value.reason is ErrorReason.PROVIDER_PROTOCOL_ERROR


def test_empty_text_is_no_event() -> None:
    assert [type(each) for each in events([progress(), progress(30), text("")])] == [
        Started,
        UsageReported,
    ]
