"""What the log says of a call once it has ended, in one line: whose it was, how it ended, what it took.

Law: nothing of the content is in it, unless the settings say so.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from loguru import logger

from domain.model.call import ChatCall
from domain.model.embedding import EmbeddingCall
from domain.model.usage import Attempt, AttemptOutcome, total
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import CallStatus
from entrypoints.grpc.watching import ASKED, WatchedCall

Tell: TypeAlias = Callable[[str, str, Mapping[str, object]], None]
"""Takes a line: level, message, fields."""

_OUTCOMES: Mapping[str, AttemptOutcome] = {
    "OK": AttemptOutcome.SERVED,
    "CANCELLED": AttemptOutcome.CANCELLED,
    "DEADLINE_EXCEEDED": AttemptOutcome.DEADLINE,
}
"""By code, of calls for which no provider was asked; others were refused."""
_REFUSED = "refused"
_OURS = ("PROVIDER_", "SERVICE_")
_MOST_TRIED = 16
"""How many attempts are told of one by one: the latest."""
_BUG = "SERVICE_INTERNAL"
_EXPECTED = frozenset({"SERVICE_DRAINING"})


def by_loguru(level: str, message: str, fields: Mapping[str, object]) -> None:
    """Tell by the log of whoever uses the service in its own process."""
    logger.bind(**fields).log(level, "{}", message)


def level_of(reason: str) -> str:
    """Return how bad a call that ended for `reason` is for who runs the service."""
    if not reason.startswith(_OURS) or reason in _EXPECTED:
        return "INFO"
    return "ERROR" if reason == _BUG else "WARNING"


def fields_of(call: ServerCall, status: CallStatus | None) -> dict[str, object]:
    """Return what there is to say of `call`; a `status` of None: nobody was listening any more."""
    asked = call.context
    head = call.head
    code = "CANCELLED" if status is None else status.name
    fields: dict[str, object] = {
        "request_id": call.request_id,
        "caller": call.caller.name,
        "method": f"{head.service}/{head.method}",
        "code": code,
        "outcome": _OUTCOMES.get(code, _REFUSED),
        "reason": status.reason if status else "CALLER_CANCELLED",
        "peer": call.peer,
        "total_s": round(time.monotonic() - call.arrived_s, 6),
    }
    seen = call.watched
    traceparent = seen.traceparent if isinstance(seen, WatchedCall) else ""
    if traceparent:
        fields["trace_id"] = traceparent.split("-", 2)[1]
    if isinstance(asked, ASKED):
        _add_attempts(fields, asked, asked.ledger.attempts)
    return fields


def _add_attempts(
    fields: dict[str, object], asked: ChatCall | EmbeddingCall, attempts: Sequence[Attempt]
) -> None:
    ledger = asked.ledger
    last = attempts[-1] if attempts else None
    if last is None:
        fields["provider"], fields["model"] = asked.request.provider, asked.request.model
    else:
        fields["provider"], fields["model"] = last.provider, last.model
        fields["outcome"] = str(last.outcome)
    usage = last.usage if len(attempts) == 1 and last else total(each.usage for each in attempts)
    cost = usage.cost_nano_usd
    fields["input_tokens"] = usage.input_tokens
    fields["output_tokens"] = usage.output_tokens
    fields["cached_tokens"] = usage.cache_read_tokens
    fields["cost_usd"] = None if cost is None else cost / 1e9
    fields["queued_s"] = round(ledger.queued_s, 6)
    fields["first_token_s"] = last.first_token_s if last else None
    if ledger.cache_status is not None:
        fields["cache"] = ledger.cache_status.value
    fields["attempts"] = len(attempts)
    # Of a single one that was served, all has been said.
    if len(attempts) > 1 or (last and last.error_reason is not None):
        fields["tried"] = [_short(each) for each in attempts[-_MOST_TRIED:]]


def _short(attempt: Attempt) -> str:
    """Return `attempt` in short, e.g. ``openai/gpt failed PROVIDER_OVERLOADED 503 0.21s``."""
    reason = "" if attempt.error_reason is None else f" {attempt.error_reason.name}"
    status = f" {attempt.upstream_status}" if attempt.upstream_status else ""
    return (
        f"{attempt.provider}/{attempt.model} {attempt.outcome.value}{reason}{status}"
        f" {attempt.total_s:.3g}s"
    )
