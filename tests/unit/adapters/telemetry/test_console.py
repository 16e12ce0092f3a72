"""What is kept for the console: calls in flight, the last ones, and figures over time."""

import math
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telemetry.console.pace import Pace
from adapters.telemetry.console.registry import LAST_KEPT, Registry
from adapters.telemetry.console.sketch import bucket, percentile
from adapters.telemetry.console.statistics import (
    COARSE_KEPT_S,
    FINE_KEPT_S,
    MOST_NAMES,
    OTHERS,
    Statistics,
    total,
)
from domain.model.call import ChatCall
from domain.model.caller import Caller
from domain.model.errors import ErrorReason
from domain.model.usage import Attempt, AttemptOutcome, Usage
from domain.model.watch import Operation
from domain.services.attempts import Account
from ports.telemetry import CallEnd
from tests.benchmarks.layers import REQUEST

SERVED = CallEnd("OK", "", 0.5)


@attrs.define(eq=False)
class Call:
    """A call as it is shown to those who watch."""

    request_id: str = "call-1"
    method: str = "llmservice.v1.LLMService/Invoke"
    peer: str = "10.0.0.1:5"
    caller: Caller = Caller("anna")
    started_s: float = 100.0
    asked: ChatCall | None = None
    traceparent: str = ""
    tracestate: str = ""
    stopped: int = 0

    def stop(self) -> None:
        self.stopped += 1


def asking(**changes: Any) -> Call:
    return Call(asked=ChatCall(request=REQUEST), **changes)


def attempt(**changes: Any) -> Attempt:
    usage = Usage(input_tokens=10, output_tokens=4, cost_nano_usd=7)
    given_: dict[str, Any] = {
        "index": 0,
        "provider": "openai",
        "model": "gpt",
        "outcome": AttemptOutcome.SERVED,
        "usage": usage,
        "first_token_s": 0.1,
        "total_s": 0.4,
    }
    return Attempt(**{**given_, **changes})


class Live:
    """An attempt as far as it has come."""

    def __init__(self, caller: str = "anna") -> None:
        self.request_id, self.caller = "call-1", caller
        self.provider, self.model = "openai", "gpt"
        self.operation, self.streamed = Operation.CHAT, True
        self.start_s = 100.0
        self.first_token_s: float | None = None
        self.arrived = self.chunks = 0
        self.reported_model = self.traceparent = self.response_id = self.finish_reason = ""


# ------------------------------------------------------------------ percentiles


@given(st.lists(st.floats(1e-3, 1e4), min_size=1), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_percentile_is_right_within_seven_percent(times: list[float], share: float) -> None:
    counts: dict[int, int] = {}
    for each in times:
        counts[bucket(each)] = counts.get(bucket(each), 0) + 1
    right = sorted(times)[max(0, math.ceil(share * len(times)) - 1)]
    found = percentile(counts, share)
    assert found == pytest.approx(right, rel=0.07)


def test_times_beyond_all_bounds_have_a_bucket_too() -> None:
    assert bucket(0.0) == bucket(-1.0) == 0
    assert bucket(1e30) == bucket(1e20)
    assert percentile({}, 0.5) is None


# ------------------------------------------------------------------ figures over time


def test_what_happened_is_told_by_the_second_and_by_the_minute() -> None:
    statistics = Statistics()
    for second in range(600):
        statistics.call(1_000.0 + second, "" if second % 10 else "CALLER_DEADLINE", 0.2)
        statistics.attempt(1_000.0 + second, "anna", attempt(), streamed=True)
    fine = statistics.window(1_599.5, 300, 10)
    assert len(fine) == 30
    assert [each.calls for each in fine] == [10] * 30
    assert [each.failed for each in fine] == [1] * 30
    coarse = statistics.window(1_599.5, 3_600, 120)
    assert len(coarse) == 30
    # 1,000 is not the beginning of a minute.
    assert total(coarse).calls == 600
    (used,) = total(coarse).used.values()
    assert (used.attempts, used.input_tokens, used.output_tokens) == (600, 6_000, 2_400)
    assert (used.nano_usd, used.priced, used.failed) == (4_200, 600, 0)


def test_what_is_long_ago_is_forgotten_and_silence_takes_no_memory() -> None:
    statistics = Statistics()
    statistics.call(10.0, "", 0.1)
    assert total(statistics.window(10.0, FINE_KEPT_S, 10)).calls == 1
    assert total(statistics.window(1_000.0, FINE_KEPT_S, 10)).calls == 0
    assert total(statistics.window(1_000.0, COARSE_KEPT_S, 120)).calls == 1
    statistics.call(90_000.0, "", 0.1)
    assert total(statistics.window(90_000.0, COARSE_KEPT_S, 120)).calls == 1


def test_what_comes_a_moment_late_is_counted_all_the_same() -> None:
    statistics = Statistics()
    statistics.call(50.9, "", 0.1)
    statistics.call(49.9, "", 0.1)
    assert total(statistics.window(51.0, 10, 1)).calls == 2


def test_names_that_callers_make_up_are_one_beyond_a_bound() -> None:
    statistics = Statistics()
    for each in range(MOST_NAMES + 50):
        statistics.attempt(5.0, "anna", attempt(model=f"m{each}"), streamed=False)
    used = total(statistics.window(5.0, 10, 1)).used
    assert len(used) == MOST_NAMES + 1
    assert used[OTHERS].attempts == 50


def test_what_is_not_known_is_no_cost_and_no_tokens() -> None:
    statistics = Statistics()
    failed = attempt(outcome=AttemptOutcome.FAILED, usage=Usage(), first_token_s=None)
    statistics.attempt(5.0, "anna", failed, streamed=True)
    (used,) = total(statistics.window(5.0, 10, 1)).used.values()
    assert (used.attempts, used.failed, used.priced, used.output_tokens) == (1, 1, 0, 0)


# ------------------------------------------------------------------ calls


def test_a_call_is_in_flight_from_its_headers_to_its_status() -> None:
    registry = Registry()
    call = asking()
    watch = registry.call(call)
    assert registry.in_flight == 1
    live = Live()
    tried = watch.attempt(live)
    live.arrived = 9
    (flight,) = registry.flights(10)
    assert flight.live is live
    assert (flight.tries, registry.arrived) == (1, 9)
    watch.admitted(0.1)
    tried.ended(live, attempt())
    assert registry.arrived == 9
    watch.ended(call, SERVED)
    assert registry.in_flight == 0
    (finished,) = registry.last
    assert (finished.caller, finished.end.code, finished.stopped) == ("anna", "OK", False)
    slot = total(registry.statistics.window(101.0, 10, 1))
    assert (slot.calls, slot.failed) == (1, 0)
    assert slot.used["openai", "gpt", "anna"].output_tokens == 4


def test_what_was_asked_is_not_kept_once_a_call_is_over() -> None:
    registry = Registry()
    call = asking()
    assert call.asked is not None
    registry.call(call).ended(call, SERVED)
    held = [getattr(registry.last[0], each.name) for each in attrs.fields(type(registry.last[0]))]
    assert call not in held
    assert call.asked not in held
    assert call.asked.request not in held


def test_only_the_last_calls_are_kept_and_no_looks_at_the_health() -> None:
    registry = Registry()
    for each in range(LAST_KEPT + 5):
        call = asking(request_id=f"call-{each}")
        registry.call(call).ended(call, SERVED)
    assert len(registry.last) == LAST_KEPT
    assert registry.last[0].request_id == "call-5"
    look = Call()
    registry.call(look).ended(look, SERVED)
    assert registry.last[-1].request_id == f"call-{LAST_KEPT + 4}"
    registry.call(look).ended(look, CallEnd("UNAUTHENTICATED", "POLICY_UNAUTHENTICATED", 0.1))
    assert registry.last[-1].end.reason == "POLICY_UNAUTHENTICATED"


def test_exactly_the_call_that_is_meant_is_stopped() -> None:
    registry = Registry()
    # Request ids are the clients', and need not differ.
    calls = [asking(request_id="same") for _ in range(3)]
    flights = [registry.call(each) for each in calls]
    assert registry.stop(flights[1].number) is calls[1]
    assert [each.stopped for each in calls] == [0, 1, 0]
    flights[1].ended(calls[1], CallEnd("CANCELLED", "CALLER_CANCELLED", 0.1))
    assert registry.stop(flights[1].number) is None
    assert registry.stop(10**12) is None


def test_an_attempt_that_ends_after_its_call_is_in_its_ledger_all_the_same() -> None:
    registry = Registry()
    call = asking()
    assert call.asked is not None
    watch, live = registry.call(call), Live()
    tried = watch.attempt(live)
    watch.ended(call, CallEnd("CANCELLED", "CALLER_CANCELLED", 0.1, heard=False))
    drained = attempt(outcome=AttemptOutcome.DRAINED, error_reason=ErrorReason.CALLER_CANCELLED)
    call.asked.ledger.attempts.append(drained)
    tried.ended(live, drained)
    assert list(registry.last[0].attempts) == [drained]


def test_an_attempt_before_which_nobody_was_asked_counts_nothing() -> None:
    registry = Registry()
    watch, live = registry.call(asking()), Live()
    watch.attempt(live).ended(live, None)
    assert total(registry.statistics.window(101.0, 10, 1)).used == {}


def test_how_fast_answers_come_is_seen_while_they_do() -> None:
    pace = Pace()
    assert pace.per_s(10.0, 0) is None
    assert pace.per_s(10.1, 100) is None
    assert pace.per_s(12.0, 100) == 50
    assert pace.per_s(30.0, 100) == 0


def test_the_layer_that_settles_attempts_is_one_that_is_watched() -> None:
    # The fields that are read are those that the account of an attempt keeps.
    assert {"arrived", "start_s", "first_token_s", "streamed", "caller"} <= {
        each.name for each in attrs.fields(Account)
    }
