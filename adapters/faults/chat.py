"""Chat Completions, as OpenAI, OpenRouter and vLLM speak it.

Source: https://platform.openai.com/docs/api-reference/chat, https://openrouter.ai/docs/api-reference/errors
"""

from collections.abc import Callable, Mapping
from typing import Any

from adapters.faults.format import COUNTED, PIECES, TEXT, Counted, ErrorAnswer, Format, event, json
from domain.model.errors import ErrorReason

_ID = {"id": "chatcmpl-1", "model": "scripted"}
_STATUSES: Mapping[ErrorReason, int] = {
    ErrorReason.PROVIDER_RATE_LIMITED: 429,
    ErrorReason.PROVIDER_OVERLOADED: 503,
    ErrorReason.PROVIDER_SERVER_ERROR: 500,
    ErrorReason.PROVIDER_AUTH_FAILED: 401,
    ErrorReason.PROVIDER_BILLING: 402,
    ErrorReason.PROVIDER_REJECTED_REQUEST: 400,
    ErrorReason.CALLER_MODEL_UNKNOWN: 404,
}
_OPENAI_WORDS: Mapping[ErrorReason, tuple[str, str | None]] = {
    ErrorReason.PROVIDER_RATE_LIMITED: ("requests", "rate_limit_exceeded"),
    ErrorReason.PROVIDER_OVERLOADED: ("service_unavailable_error", "server_is_overloaded"),
    ErrorReason.PROVIDER_SERVER_ERROR: ("server_error", None),
    ErrorReason.PROVIDER_AUTH_FAILED: ("invalid_request_error", "invalid_api_key"),
    ErrorReason.PROVIDER_BILLING: ("insufficient_quota", "insufficient_quota"),
    ErrorReason.PROVIDER_REJECTED_REQUEST: ("invalid_request_error", None),
    ErrorReason.CALLER_MODEL_UNKNOWN: ("invalid_request_error", "model_not_found"),
}
_VLLM_WORDS: Mapping[ErrorReason, str] = {
    ErrorReason.PROVIDER_REJECTED_REQUEST: "BadRequestError",
    ErrorReason.CALLER_MODEL_UNKNOWN: "NotFoundError",
}
_Said = Callable[[ErrorReason], Any]


def _openai(reason: ErrorReason) -> Any:
    kind, code = _OPENAI_WORDS[reason]
    return {"error": {"message": "scripted", "type": kind, "param": None, "code": code}}


def _openrouter(reason: ErrorReason) -> Any:
    return {"error": {"code": _STATUSES[reason], "message": "scripted"}}


def _vllm(reason: ErrorReason) -> Any:
    kind = _VLLM_WORDS.get(reason, "InternalServerError")
    return {"error": {"message": "scripted", "type": kind, "code": _STATUSES[reason]}}


def _chunk(delta: Any, finish: str | None = None) -> bytes:
    return event({**_ID, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _usage(counted: Counted) -> dict[str, Any]:
    if counted is None:
        return {}
    return {"usage": {"prompt_tokens": counted[0], "completion_tokens": counted[1]}}


def _whole(counted: Counted = COUNTED) -> bytes:
    message = {"role": "assistant", "content": TEXT}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json({**_ID, "choices": [choice], **_usage(counted)})


def _closing(counted: Counted) -> tuple[bytes, ...]:
    usage = _usage(counted)
    told = (event({**_ID, "choices": [], **usage}),) if usage else ()
    return (_chunk({}, "stop"), *told)


def _format(
    kind: str, model: str, base: str, said: _Said, broke_off: Any = None, **fields: Any
) -> Format:
    overloaded = said(ErrorReason.PROVIDER_OVERLOADED)
    # An account without money is a 429 at OpenAI.
    statuses = _STATUSES if kind != "openai" else {**_STATUSES, ErrorReason.PROVIDER_BILLING: 429}
    return Format(
        kind=kind,
        model=model,
        base=base,
        whole=_whole,
        opening=(_chunk({"role": "assistant", "content": ""}),),
        content=tuple(_chunk({"content": piece}) for piece in PIECES),
        closing=_closing,
        end=b"data: [DONE]\n\n",
        errors={
            reason: ErrorAnswer(status=status, body=json(said(reason)))
            for reason, status in statuses.items()
        },
        in_answer=json(overloaded),
        in_stream=event({**overloaded, **(broke_off or {})}),
        **fields,
    )


OPENAI_FORMAT = _format("openai", "gpt-4o", "/v1", _openai)
COMPATIBLE_FORMAT = _format("compatible", "scripted", "/v1", _vllm)
OPENROUTER_FORMAT = _format(
    "openrouter",
    "openai/gpt-4o",
    "/api/v1",
    _openrouter,
    {**_ID, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]},
    comment=b": OPENROUTER PROCESSING\n\n",
)
