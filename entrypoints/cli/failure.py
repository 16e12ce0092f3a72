"""A failed call in one line: what, why, and what to do about it."""

from collections.abc import Mapping

from entrypoints.cli.endings import one_line
from entrypoints.client.errors import CallFailed

_REMEDIES: Mapping[str, str] = {
    "CALLER_MODEL_UNKNOWN": "`llmservice models` lists what can be called",
    "CALLER_DEADLINE": "allow it more time",
    "PROVIDER_NOT_CONFIGURED": "`llmservice check` says what is missing",
    "PROVIDER_AUTH_FAILED": "the server's key for the provider is wrong; its operator can mend that",
    "PROVIDER_BILLING": "the server's account with the provider has no credit left",
    "UNAVAILABLE": "is the server running? `llmservice serve` starts one, --target names another",
    "SERVICE_INTERNAL": "the server's log has the details",
}


def told(failure: CallFailed) -> str:
    """Return `failure` as one line: reason, message, remedy, request id."""
    reason = failure.reason or failure.code.name
    parts = [f"{reason}: {failure.message}" if failure.message else reason]
    if failure.retry_after_s is not None:
        parts.append(f"try again in {failure.retry_after_s:g} s")
    elif reason in _REMEDIES:
        parts.append(_REMEDIES[reason])
    if failure.request_id:
        parts.append(f"request id {failure.request_id}")
    return one_line("; ".join(parts))
