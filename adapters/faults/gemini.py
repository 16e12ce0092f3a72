"""Gemini's generateContent.

Source: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/troubleshooting
"""

from collections.abc import Mapping
from typing import Any

from adapters.faults.format import COUNTED, PIECES, TEXT, Counted, ErrorAnswer, Format, event, json
from domain.model.errors import ErrorReason

_ERRORS: Mapping[ErrorReason, tuple[int, str]] = {
    ErrorReason.PROVIDER_RATE_LIMITED: (429, "RESOURCE_EXHAUSTED"),
    ErrorReason.PROVIDER_OVERLOADED: (503, "UNAVAILABLE"),
    ErrorReason.PROVIDER_SERVER_ERROR: (500, "INTERNAL"),
    ErrorReason.PROVIDER_AUTH_FAILED: (401, "UNAUTHENTICATED"),
    ErrorReason.PROVIDER_BILLING: (429, "RESOURCE_EXHAUSTED"),
    ErrorReason.PROVIDER_REJECTED_REQUEST: (400, "INVALID_ARGUMENT"),
    ErrorReason.CALLER_MODEL_UNKNOWN: (404, "NOT_FOUND"),
}
# A quota by the day does not come back by itself, whatever delay is suggested beside it.
_USED_UP = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}


def _error(reason: ErrorReason) -> Any:
    code, status = _ERRORS[reason]
    details = [_USED_UP] if reason is ErrorReason.PROVIDER_BILLING else []
    return {
        "error": {"code": code, "message": "scripted", "status": status, "details": details},
    }


def _response(text: str, counted: Counted, **candidate: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    said = {
        "candidates": [{"content": content, "index": 0, **candidate}],
        "modelVersion": "scripted",
        "responseId": "r-1",
    }
    if counted is None:
        return said
    tokens = {"promptTokenCount": counted[0], "candidatesTokenCount": counted[1]}
    return {**said, "usageMetadata": {**tokens, "totalTokenCount": sum(counted)}}


def _whole(counted: Counted = COUNTED) -> bytes:
    return json(_response(TEXT, counted, finishReason="STOP"))


def _closing(counted: Counted) -> tuple[bytes, ...]:
    return (event(_response("", counted, finishReason="STOP")),)


GEMINI_FORMAT = Format(
    kind="gemini",
    model="gemini-2.5-flash",
    base="",
    whole=_whole,
    content=tuple(event(_response(piece, None)) for piece in PIECES),
    closing=_closing,
    end=b"",
    errors={
        reason: ErrorAnswer(status=said[0], body=json(_error(reason)))
        for reason, said in _ERRORS.items()
    },
    in_answer=json(_error(ErrorReason.PROVIDER_OVERLOADED)),
    in_stream=event(_error(ErrorReason.PROVIDER_OVERLOADED)),
)
