"""Everything the console shows, in plain values: what `/console/snapshot` gives, and the page is made of.

Law: nothing of what was asked or answered is in it.
"""

import time
from collections.abc import Sequence
from typing import Any

import anyio
import attrs

from adapters.storage.memory_limiter import MemoryLimiter
from adapters.telemetry.console.registry import Finished, Flight, Registry
from domain.model.usage import Attempt
from entrypoints.board import Board, version_of_ours
from entrypoints.http.console.past import blame, past
from entrypoints.http.console.view import View
from ports.telemetry import LiveCall

MOST_FLIGHTS = 100
"""So many calls in flight are listed: those that have been for longest."""
MOST_ROUTES = 200
MOST_LIMITS = 200
LAST_SHOWN = 50
_NANO = 1e9


@attrs.frozen
class Moment:
    """Now, on two clocks, in seconds: the event loop's, and since the Unix epoch."""

    now_s: float
    wall_s: float

    def wall(self, then_s: float) -> float:
        """Return when `then_s` was, since the Unix epoch."""
        return round(self.wall_s - (self.now_s - then_s), 3)


def moment() -> Moment:
    """Return now."""
    return Moment(anyio.current_time(), time.time())


def snapshot(board: Board, registry: Registry, view: View) -> dict[str, Any]:
    """Return how the server is now, which is this process."""
    now = moment()
    return {
        **heading(board.unready(), now.wall_s, view),
        **past(registry.statistics, now.now_s, view),
        **present(board, registry, now),
        "workers": [],
    }


def heading(unready: str, wall_s: float, view: View) -> dict[str, Any]:
    """Return what is shown and of when."""
    return {
        "server": {"version": version_of_ours(), "unready": unready, "time": round(wall_s, 3)},
        "window_s": view.window_s,
        "step_s": view.step_s,
        "by": view.by,
    }


def present(board: Board, registry: Registry, now: Moment) -> dict[str, Any]:
    """Return how this process is now, and its last calls."""
    tokens_per_s = registry.pace.per_s(now.now_s, registry.arrived)
    return {
        "output_tokens_per_s": None if tokens_per_s is None else tokens_per_s / 4,
        "in_flight_total": registry.in_flight,
        "in_flight": [
            _flight(each, each.call, now) for each in registry.flights(MOST_FLIGHTS) if each.call
        ],
        "routes": _routes(board, now),
        "limits": _limits(board),
        "account": attrs.asdict(board.stats()),
        "drains": _drains(board),
        "last": [_finished(each, now) for each in _latest(registry.last)],
    }


def _latest(last: Sequence[Finished]) -> list[Finished]:
    return list(last)[: -LAST_SHOWN - 1 : -1]


def _flight(flight: Flight, call: LiveCall, moment: Moment) -> dict[str, Any]:
    live, asked = flight.live, call.asked
    provider = model = ""
    if live is not None:
        provider, model = live.provider, live.model
    elif asked is not None:
        provider, model = asked.request.provider, asked.request.model
    return {
        "number": str(flight.number),
        "request_id": call.request_id,
        "caller": call.caller.name,
        "method": call.method,
        "provider": provider,
        "model": model,
        "age_s": round(max(0.0, moment.now_s - call.started_s), 3),
        "output_tokens": 0 if live is None else -(-live.arrived // 4),
        "first_token_s": None if live is None else live.first_token_s,
        "attempts": flight.tries,
    }


def _finished(call: Finished, moment: Moment) -> dict[str, Any]:
    attempts = call.attempts
    # Where it was answered, once that is known.
    provider, model = (
        (attempts[-1].provider, attempts[-1].model) if attempts else (call.provider, call.model)
    )
    return {
        "number": str(call.number),
        "request_id": call.request_id,
        "caller": call.caller,
        "method": call.method,
        "provider": provider,
        "model": model,
        "began": moment.wall(call.began_s),
        "duration_s": round(call.end.duration_s, 6),
        "code": call.end.code,
        "reason": call.end.reason,
        "blame": blame(call.end.reason),
        "stopped": call.stopped,
        "cache": call.cache,
        "attempts": [_attempt(each) for each in attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    usage = attempt.usage
    return {
        "provider": attempt.provider,
        "model": attempt.model,
        "key": attempt.credential_alias,
        "outcome": attempt.outcome.value,
        "reason": "" if attempt.error_reason is None else attempt.error_reason.name,
        "upstream_status": attempt.upstream_status,
        "queued_s": round(attempt.queued_s, 6),
        "first_token_s": attempt.first_token_s,
        "total_s": round(attempt.total_s, 6),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "source": None if usage.source is None else usage.source.value,
        "cost_usd": None if usage.cost_nano_usd is None else usage.cost_nano_usd / _NANO,
    }


def _routes(board: Board, moment: Moment) -> list[dict[str, Any]]:
    book = board.inside.book
    if book is None:
        return []
    found = [
        {
            **attrs.asdict(each),
            "reason": "" if each.reason is None else each.reason.name,
            "wait_s": round(each.wait_s, 3),
        }
        for each in book.routes(moment.now_s)
    ]
    # What is left alone first.
    found.sort(key=lambda each: (each["state"] == "closed", each["provider"], each["model"]))
    return found[:MOST_ROUTES]


def _limits(board: Board) -> list[dict[str, Any]] | None:
    """Return the limits in use, the fullest first; None: another keeps them."""
    limiter = board.inside.limiter
    if limiter is None:
        return []
    if not isinstance(limiter, MemoryLimiter):
        return None
    found = sorted(limiter.in_use(), key=lambda each: -each.taken / each.limit.most)
    return [
        {
            "subject": each.limit.subject,
            "kind": each.limit.kind.value,
            "most": each.limit.most,
            "taken": each.taken,
            "waiting": each.waiting,
        }
        for each in found[:MOST_LIMITS]
    ]


def _drains(board: Board) -> dict[str, int]:
    drains = board.inside.drains
    return {
        "reading_on": 0 if drains is None else drains.draining,
        "refused": 0 if drains is None else drains.refused,
    }
