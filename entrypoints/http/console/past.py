"""The figures over time of a snapshot, in plain values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from adapters.telemetry.console.sketch import percentile
from adapters.telemetry.console.statistics import Slot, Used, total
from entrypoints.http.console.view import SIDES, View

NOW_S = 10
"""What happens now is the mean of so long."""
_MOST_LINES = 5
_MOST_ROWS = 50
_OTHER = "all others"
_NANO = 1e9
_LEAST_S = 2.0
_NOTHING = Used()


class Counted(Protocol):
    """What happened lately."""

    def window(self, now_s: float, window_s: int, step_s: int) -> list[Slot]:
        """See `adapters.telemetry.console.statistics.windowed`."""
        ...


def past(statistics: Counted, now_s: float, view: View) -> dict[str, Any]:
    """Return what happened within `view`, at `now_s` on the event loop's clock."""
    steps = statistics.window(now_s, view.window_s, view.step_s)
    whole = total(steps)
    # The last full seconds: the one that runs would make every rate too small.
    lately = total(statistics.window(now_s, NOW_S + 1, 1)[:-1])
    used = _by_side(whole, view)
    return {
        "now": {
            "calls_per_s": lately.calls / NOW_S,
            "failures_per_s": lately.failed / NOW_S,
        },
        "calls": whole.calls,
        "failed": whole.failed,
        "latency_s": _percentiles(whole.latency),
        "first_token_s": _percentiles(whole.first),
        "used": [_used(name, each) for name, each in used[:_MOST_ROWS]],
        "failures": _failures(whole.ends),
        "series": _series(steps, [name for name, _ in used[:_MOST_LINES]], now_s, view),
    }


def blame(reason: str) -> str:
    """Return whose fault a failure is, of the caller, the policy, the provider and the service."""
    return reason.partition("_")[0].lower()


def _percentiles(counts: Mapping[int, int]) -> dict[str, float | None]:
    return {f"p{share}": percentile(counts, share / 100) for share in (50, 90, 99)}


def _by_side(slot: Slot, view: View) -> list[tuple[str, Used]]:
    """Return what was used by name, the most used first."""
    found: dict[str, Used] = {}
    for whose, used in slot.used.items():
        found.setdefault(_name(whose, view), Used()).add(used)
    return sorted(
        found.items(), key=lambda each: (-each[1].output_tokens, -each[1].attempts, each[0])
    )


def _name(whose: Sequence[str], view: View) -> str:
    # A model's name alone does not say whose it is.
    return "/".join(whose[:2]) if view.by == "model" else whose[SIDES[view.by]]


def _used(name: str, used: Used) -> dict[str, Any]:
    return {
        "name": name,
        "attempts": used.attempts,
        "failed": used.failed,
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cost_usd": used.nano_usd / _NANO if used.priced else None,
    }


def _failures(ends: Mapping[str, int]) -> list[dict[str, Any]]:
    failures = sorted(
        ((reason, count) for reason, count in ends.items() if reason),
        key=lambda each: (-each[1], each[0]),
    )
    return [
        {"reason": reason, "blame": blame(reason), "count": count} for reason, count in failures
    ]


def _series(
    steps: Sequence[Slot], names: Sequence[str], now_s: float, view: View
) -> dict[str, Any]:
    """Return what happened in each step, oldest first; None where that is not known."""
    # The last one is not over: it has had less time than the others, or too little to tell.
    had_s: list[float | None] = [*([float(view.step_s)] * (len(steps) - 1)), now_s % view.step_s]
    if (had_s[-1] or 0.0) < _LEAST_S:
        had_s[-1] = None
    sides = [dict(_by_side(step, view)) for step in steps]

    def rate(counts: Iterable[float]) -> list[float | None]:
        pairs = zip(counts, had_s, strict=True)
        return [None if each_s is None else count / each_s for count, each_s in pairs]

    def shares(counts: Callable[[Slot], Mapping[int, int]]) -> dict[str, list[float | None]]:
        return {
            f"p{share}": [percentile(counts(step), share / 100) for step in steps]
            for share in (50, 90, 99)
        }

    def lines(amount: Callable[[Used], float]) -> dict[str, list[float | None]]:
        found = {name: rate(amount(side.get(name, _NOTHING)) for side in sides) for name in names}
        rest = [sum(amount(each) for n, each in side.items() if n not in names) for side in sides]
        return {**found, _OTHER: rate(rest)} if any(rest) else found

    return {
        "calls_per_s": rate(step.calls for step in steps),
        "failures_per_s": rate(step.failed for step in steps),
        "latency_s": shares(lambda step: step.latency),
        "first_token_s": shares(lambda step: step.first),
        "output_tokens_per_s": lines(lambda used: used.output_tokens),
        "cost_usd_per_min": lines(lambda used: used.nano_usd / _NANO * 60),
    }
