"""Why Gemini stopped, and what that makes of the answer.

Decision: where the model spoiled its own answer there is none, so it ends in an error that may be
retried, and not in a finish that a caller could take for an answer. Words that are not in the tables
end it well, as OTHER.

Source: https://ai.google.dev/api/generate-content#FinishReason
"""

from collections.abc import Mapping

from domain.model.errors import ErrorReason
from domain.model.events import FinishReason

FINISH_REASONS: Mapping[str, FinishReason] = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.MAX_TOKENS,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "LANGUAGE": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "IMAGE_RECITATION": FinishReason.CONTENT_FILTER,
    "MODEL_ARMOR": FinishReason.CONTENT_FILTER,
    "ESCALATION": FinishReason.CONTENT_FILTER,
}
"""The others, such as OTHER, NO_IMAGE, CONTINUATION or what is invented later, are OTHER."""

SPOILED: Mapping[str, ErrorReason] = {
    "MALFORMED_FUNCTION_CALL": ErrorReason.PROVIDER_PROTOCOL_ERROR,
    "MALFORMED_RESPONSE": ErrorReason.PROVIDER_PROTOCOL_ERROR,
    "UNEXPECTED_TOOL_CALL": ErrorReason.PROVIDER_PROTOCOL_ERROR,
    "TOO_MANY_TOOL_CALLS": ErrorReason.PROVIDER_PROTOCOL_ERROR,
    # The history lacks what it needs, and will lack it again.
    "MISSING_THOUGHT_SIGNATURE": ErrorReason.PROVIDER_REJECTED_REQUEST,
}


def finish_reason(native: str, called: bool) -> FinishReason:
    """Return what `native` means; `called`: the answer holds a function call, for which it has no word."""
    reason = FINISH_REASONS.get(native, FinishReason.OTHER)
    return FinishReason.TOOL_CALLS if called and reason is FinishReason.STOP else reason
