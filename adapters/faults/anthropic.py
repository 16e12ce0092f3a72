"""Anthropic's Messages.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming, .../docs/en/api/errors
"""

from collections.abc import Mapping
from typing import Any

from adapters.faults.format import COUNTED, PIECES, TEXT, Counted, ErrorAnswer, Format, event, json
from domain.model.errors import ErrorReason

_ERRORS: Mapping[ErrorReason, tuple[int, str, str]] = {
    ErrorReason.PROVIDER_RATE_LIMITED: (429, "rate_limit_error", "scripted"),
    ErrorReason.PROVIDER_OVERLOADED: (529, "overloaded_error", "Overloaded"),
    ErrorReason.PROVIDER_SERVER_ERROR: (500, "api_error", "Internal server error"),
    ErrorReason.PROVIDER_AUTH_FAILED: (401, "authentication_error", "invalid x-api-key"),
    # An account without money is a 400 of the vaguest type.
    ErrorReason.PROVIDER_BILLING: (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the API.",
    ),
    ErrorReason.PROVIDER_REJECTED_REQUEST: (400, "invalid_request_error", "scripted"),
    ErrorReason.CALLER_MODEL_UNKNOWN: (404, "not_found_error", "model: scripted"),
}


def _error(reason: ErrorReason) -> dict[str, Any]:
    _, kind, message = _ERRORS[reason]
    return {"type": "error", "error": {"type": kind, "message": message}}


def _event(value: dict[str, Any]) -> bytes:
    return event(value, str(value["type"]))


def _message(**fields: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted"}
    return {**message, **fields}


def _whole(counted: Counted = COUNTED) -> bytes:
    usage = {} if counted is None else {"input_tokens": counted[0], "output_tokens": counted[1]}
    said = [{"type": "text", "text": TEXT}]
    return json(_message(content=said, stop_reason="end_turn", usage=usage))


def _closing(counted: Counted) -> tuple[bytes, ...]:
    usage = {} if counted is None else {"input_tokens": counted[0], "output_tokens": counted[1]}
    delta = {"stop_reason": "end_turn"}
    return (
        _event({"type": "content_block_stop", "index": 0}),
        _event({"type": "message_delta", "delta": delta, "usage": usage}),
    )


ANTHROPIC_FORMAT = Format(
    kind="anthropic",
    model="claude-haiku-4-5",
    base="",
    whole=_whole,
    opening=(
        _event({"type": "message_start", "message": _message(content=[], stop_reason=None)}),
        _event(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            }
        ),
    ),
    content=tuple(
        _event(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": piece},
            }
        )
        for piece in PIECES
    ),
    closing=_closing,
    end=_event({"type": "message_stop"}),
    errors={
        reason: ErrorAnswer(status=said[0], body=json(_error(reason)))
        for reason, said in _ERRORS.items()
    },
    in_answer=json(_error(ErrorReason.PROVIDER_OVERLOADED)),
    in_stream=_event(_error(ErrorReason.PROVIDER_OVERLOADED)),
    comment=_event({"type": "ping"}),
)
