"""The reference of the failures, from the tables that decide what becomes of each."""

from collections.abc import Mapping

from docs.generate.markdown import cell, code, table
from domain.model.errors import RETRYABLE, ErrorReason
from domain.policy.retry import REMEDIES, Remedy
from entrypoints.grpc.status import CODES

_HEAD = """# Errors reference

Made from the tables that decide what becomes of each failure. Every failure has one reason, the
same word on the wire (`google.rpc.ErrorInfo.reason` in `grpc-status-details-bin`), in the log, the
metrics, the usage record and the span. Its prefix says whose fault it is. Beside it the details
carry, where they are known: `RetryInfo` (when to try again), `BadRequest` (every bad field by its
path), `QuotaFailure` (which limit) and `FailureUsage` (what was spent, and every attempt).

"The service tries" is what it does by itself before the caller hears of the failure, inside
`[retry]` and the call's `routing`; "may succeed later" says whether the same call, sent again, has
a chance.
"""
_BLAME = {
    "CALLER": "the caller is at fault",
    "POLICY": "a rule of the operator stands against it",
    "PROVIDER": "the provider is at fault, or what leads there",
    "SERVICE": "the service itself is",
}
_TRIES = {
    Remedy.AGAIN: "again, or elsewhere",
    Remedy.ELSEWHERE: "elsewhere",
    Remedy.NOTHING: "nothing",
}

WHAT: Mapping[ErrorReason, tuple[str, str]] = {
    ErrorReason.CALLER_INVALID_REQUEST: (
        "A field is wrong, or asks for what the model does not take.",
        "Correct the fields that `BadRequest` names.",
    ),
    ErrorReason.CALLER_MODEL_UNKNOWN: (
        "Nobody here has such a model.",
        "`llmservice models` lists those that can be called.",
    ),
    ErrorReason.CALLER_CANCELLED: ("The caller left, or an operator ended the call.", ""),
    ErrorReason.CALLER_DEADLINE: (
        "The deadline of the call passed.",
        "Give it more time, or ask for a shorter answer.",
    ),
    ErrorReason.CALLER_IDEMPOTENCY_CONFLICT: (
        "Another request was made under this `idempotency_key`.",
        "Use a new key for a new request.",
    ),
    ErrorReason.POLICY_UNAUTHENTICATED: (
        "There is no valid token or certificate.",
        "Send `authorization: Bearer TOKEN` with a token that has not expired.",
    ),
    ErrorReason.POLICY_ACCESS_DENIED: (
        "The caller may not use this model or service.",
        "Have `allow` or `scopes` of the caller changed.",
    ),
    ErrorReason.POLICY_RATE_LIMITED: (
        "A limit of calls or tokens a minute is used up.",
        "Wait for as long as `RetryInfo` says.",
    ),
    ErrorReason.POLICY_CONCURRENCY_LIMITED: (
        "Too many calls are in flight.",
        "Wait for one to end, or raise `parallel_calls`.",
    ),
    ErrorReason.POLICY_BUDGET_EXCEEDED: (
        "The caller's budget of the day or the month is spent.",
        "Raise it, or wait for the next UTC day or month.",
    ),
    ErrorReason.PROVIDER_NOT_CONFIGURED: (
        "The provider has no key or no usable address here.",
        "Set the variable that the message names; `llmservice check` shows all.",
    ),
    ErrorReason.PROVIDER_AUTH_FAILED: (
        "The provider refuses the service's key.",
        "Replace the key; `llmservice check --live` tries it.",
    ),
    ErrorReason.PROVIDER_BILLING: (
        "The account at the provider is out of money.",
        "Pay there, or route elsewhere.",
    ),
    ErrorReason.PROVIDER_RATE_LIMITED: (
        "The provider's own limit is reached.",
        "Wait, add keys, or set `[limits.providers.NAME]` below that limit.",
    ),
    ErrorReason.PROVIDER_OVERLOADED: (
        "The provider says that it is overloaded.",
        "Wait, or name fallbacks.",
    ),
    ErrorReason.PROVIDER_SERVER_ERROR: ("The provider failed inside.", "Wait, or name fallbacks."),
    ErrorReason.PROVIDER_CONNECTION_FAILED: (
        "The provider cannot be reached.",
        "Look at the network, the address and its certificate.",
    ),
    ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN: (
        "Nothing came within `timeouts.first_token_s`.",
        "Raise it for models that think for long, or hedge.",
    ),
    ErrorReason.PROVIDER_TIMEOUT_IDLE: (
        "The answer stood still for `timeouts.idle_s`.",
        "Raise it, or let the answer begin anew (`routing.mid_stream`).",
    ),
    ErrorReason.PROVIDER_STREAM_TRUNCATED: (
        "The answer ended without its end.",
        "Do not use what came as if it were whole; call again.",
    ),
    ErrorReason.PROVIDER_PROTOCOL_ERROR: (
        "The provider said what its protocol does not know.",
        "Look at `base_url`; else it is a bug of theirs, or of ours.",
    ),
    ErrorReason.PROVIDER_CONTENT_BLOCKED: (
        "The provider blocked the question or the answer.",
        "Change the question, or the model.",
    ),
    ErrorReason.PROVIDER_REJECTED_REQUEST: (
        "The provider calls the request wrong.",
        "Its words are in the message; correct what they name.",
    ),
    ErrorReason.SERVICE_OVERLOADED: (
        "The service has no room: for calls, bytes or records.",
        "Wait; if it stays, add servers or look at the account's database.",
    ),
    ErrorReason.SERVICE_DRAINING: (
        "The server is going away.",
        "Call again: another connection reaches another server.",
    ),
    ErrorReason.SERVICE_INTERNAL: (
        "A bug.",
        "Report it with its request id; the log has the traceback.",
    ),
}


def page() -> str:
    """Return the reference of the failures."""
    return "\n\n".join([_HEAD, *(_part(prefix, whose) for prefix, whose in _BLAME.items())])


def _part(prefix: str, whose: str) -> str:
    rows = [
        (
            code(reason.name),
            str(reason.value),
            code(CODES[reason].name),
            "yes" if reason in RETRYABLE else "no",
            _TRIES[REMEDIES.get(reason, Remedy.NOTHING)],
            cell(" ".join(WHAT[reason])),
        )
        for reason in ErrorReason
        if reason.name.startswith(prefix)
    ]
    head = (
        "Reason",
        "Number",
        "Status",
        "May succeed later",
        "The service tries",
        "Meaning, remedy",
    )
    return f"## {prefix}: {whose}\n\n{table(head, rows)}"
