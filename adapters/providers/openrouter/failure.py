"""OpenRouter's words for what went wrong.

Source: OpenRouterTeam/docs openapi.yaml of August 2026, ``ApiErrorType``;
https://openrouter.ai/docs/api-reference/errors
"""

from collections.abc import Mapping

from domain.model.errors import ErrorReason

WORDS: Mapping[str, ErrorReason] = {
    "context_length_exceeded": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "max_tokens_exceeded": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "token_limit_exceeded": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "string_too_long": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "authentication": ErrorReason.PROVIDER_AUTH_FAILED,
    "permission_denied": ErrorReason.PROVIDER_AUTH_FAILED,
    "payment_required": ErrorReason.PROVIDER_BILLING,
    "rate_limit_exceeded": ErrorReason.PROVIDER_RATE_LIMITED,
    "provider_overloaded": ErrorReason.PROVIDER_OVERLOADED,
    "provider_unavailable": ErrorReason.PROVIDER_OVERLOADED,
    "invalid_request": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "invalid_prompt": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "not_found": ErrorReason.CALLER_MODEL_UNKNOWN,
    "precondition_failed": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "payload_too_large": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "unprocessable": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "content_policy_violation": ErrorReason.PROVIDER_CONTENT_BLOCKED,
    "refusal": ErrorReason.PROVIDER_CONTENT_BLOCKED,
    "invalid_image": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "image_too_large": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "image_too_small": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "unsupported_image_format": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "image_not_found": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "image_download_failed": ErrorReason.PROVIDER_REJECTED_REQUEST,
    "server": ErrorReason.PROVIDER_SERVER_ERROR,
    "timeout": ErrorReason.PROVIDER_SERVER_ERROR,
}
STATUSES: Mapping[int, ErrorReason] = {
    # A guardrail or a moderator said no; a key that may not comes with a word of its own.
    403: ErrorReason.PROVIDER_CONTENT_BLOCKED,
}
