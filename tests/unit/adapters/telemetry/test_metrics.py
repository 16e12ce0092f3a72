"""What is counted of calls and attempts, under bounded labels."""

from typing import Any

import attrs
import pytest

from adapters.telemetry.prometheus import names
from adapters.telemetry.prometheus.metrics import MOST_MODELS, Metrics
from adapters.telemetry.prometheus.series import Distribution, Spec
from domain.model.call import ChatCall, Ledger
from domain.model.caller import Caller
from domain.model.embedding import EmbeddingCall
from domain.model.errors import ErrorReason
from domain.model.response_cache import CacheStatus
from domain.model.usage import Attempt, AttemptOutcome, Usage
from domain.model.watch import Operation, Resort, ResortKind
from ports.telemetry import CallEnd
from tests.support.core_model import ask

INVOKE = "llmservice.v1.LLMService/Invoke"
OK = CallEnd("OK", "", 2.0)


@attrs.define(eq=False)
class Call:
    """A call as those see it who watch."""

    method: str = INVOKE
    asked: ChatCall | EmbeddingCall | None = None
    caller: Caller = Caller("anna")
    traceparent: str = ""
    tracestate: str = ""
    request_id: str = "call-1"
    peer: str = "peer:1"
    started_s: float = 0.0

    def stop(self) -> None:
        """End."""


@attrs.define(eq=False)
class Live:
    """An attempt as far as it has come."""

    provider: str = "demo"
    model: str = "m"
    caller: str = "anna"
    operation: Operation = Operation.CHAT
    streamed: bool = True
    chunks: int = 5
    arrived: int = 0
    first_token_s: float | None = None
    start_s: float = 0.0
    reported_model: str = ""
    response_id: str = ""
    finish_reason: str = ""
    traceparent: str = ""
    request_id: str = "call-1"


def attempt(**facts: Any) -> Attempt:
    known: dict[str, Any] = {
        "index": 0,
        "provider": "demo",
        "model": "m",
        "outcome": AttemptOutcome.SERVED,
        "usage": Usage(input_tokens=3, output_tokens=5, cost_nano_usd=7),
        "first_token_s": 0.2,
        "total_s": 1.0,
    }
    return Attempt(**known | facts)


def numbers(metrics: Metrics, spec: Spec) -> dict[tuple[str, ...], Any]:
    """Return what `spec` says; of histograms, how often and how much."""
    (reading,) = [each for each in metrics.readings() if each.spec is spec]
    return {
        labels: (sum(number.counts), number.total) if isinstance(number, Distribution) else number
        for labels, number in reading.numbers.items()
    }


def serve(
    metrics: Metrics, live: Live, done: Attempt | None, end: CallEnd = OK, **ledger: Any
) -> None:
    """Play a whole call with one attempt."""
    attempts = [] if done is None else [done]
    call = Call(asked=attrs.evolve(ask(), ledger=Ledger(attempts, **ledger)))
    watch = metrics.call(call)
    watch.attempt(live).ended(live, done)
    watch.ended(call, end)


def test_a_served_call_is_counted_everywhere() -> None:
    metrics = Metrics(frozenset({INVOKE}))
    serve(metrics, Live(), attempt(), queued_s=0.25, paused_s=0.25)
    assert numbers(metrics, names.RPC_REQUESTS) == {(INVOKE, "OK", ""): 1}
    assert numbers(metrics, names.RPC_DURATION) == {(INVOKE,): (1, 2.0)}
    assert numbers(metrics, names.STREAMS_ACTIVE) == {(INVOKE,): 0}
    # Of two seconds one was the provider's, and half a one was waited on purpose.
    assert numbers(metrics, names.OVERHEAD) == {(): (1, 0.5)}
    assert numbers(metrics, names.ATTEMPTS) == {("demo", "m", "served", ""): 1}
    assert numbers(metrics, names.TOKENS) == {
        ("demo", "m", "input"): 3,
        ("demo", "m", "output"): 5,
    }
    assert numbers(metrics, names.COST) == {("demo", "m"): 7e-9}
    chat = ("chat", "demo", "m")
    assert numbers(metrics, names.OPERATION_DURATION) == {(*chat, ""): (1, 1.0)}
    assert numbers(metrics, names.TOKEN_USAGE) == {
        (*chat, "input"): (1, 3),
        (*chat, "output"): (1, 5),
    }
    assert numbers(metrics, names.FIRST_CHUNK) == {chat: (1, 0.2)}
    # Four chunks after the first, in 0.8 s.
    assert numbers(metrics, names.PER_CHUNK) == {chat: (4, pytest.approx(0.8))}


def test_a_call_in_flight_is_active() -> None:
    metrics = Metrics(frozenset({INVOKE}))
    metrics.call(Call())
    assert numbers(metrics, names.STREAMS_ACTIVE) == {(INVOKE,): 1}


def test_a_failed_attempt_says_why_and_a_cost_nobody_knows_is_none() -> None:
    metrics = Metrics()
    reason = ErrorReason.PROVIDER_OVERLOADED
    failed = attempt(
        outcome=AttemptOutcome.FAILED, error_reason=reason, usage=Usage(), first_token_s=None
    )
    serve(metrics, Live(), failed, CallEnd("UNAVAILABLE", reason.name, 2.0))
    assert numbers(metrics, names.ATTEMPTS) == {("demo", "m", "failed", reason.name): 1}
    assert numbers(metrics, names.OPERATION_DURATION) == {
        ("chat", "demo", "m", reason.name): (1, 1.0)
    }
    assert numbers(metrics, names.COST) == {}
    assert numbers(metrics, names.FIRST_CHUNK) == {("chat", "demo", "m"): (0, 0)}
    assert numbers(metrics, names.RPC_REQUESTS) == {("other", "UNAVAILABLE", reason.name): 1}


def test_where_no_provider_was_asked_nothing_is_counted_of_it() -> None:
    metrics = Metrics()
    serve(metrics, Live(), None)
    assert numbers(metrics, names.ATTEMPTS) == {}
    assert numbers(metrics, names.OVERHEAD) == {(): (0, 0)}


def test_parts_of_the_tokens_are_told_apart() -> None:
    metrics = Metrics()
    usage = Usage(input_tokens=9, output_tokens=5, cache_read_tokens=4, reasoning_tokens=2)
    serve(metrics, Live(), attempt(usage=usage))
    found = numbers(metrics, names.TOKENS)
    assert found["demo", "m", "cache_read"] == 4
    assert found["demo", "m", "reasoning"] == 2
    assert ("demo", "m", "cache_write") not in found


def test_a_whole_answer_has_no_chunks() -> None:
    metrics = Metrics()
    serve(metrics, Live(streamed=False), attempt())
    assert numbers(metrics, names.PER_CHUNK) == {("chat", "demo", "m"): (0, 0)}


def test_an_answer_from_the_cache_is_ours_alone() -> None:
    metrics = Metrics()
    serve(metrics, Live(), None, cache_status=CacheStatus.HIT)
    assert numbers(metrics, names.CACHE_REQUESTS) == {(CacheStatus.HIT.value,): 1}
    assert numbers(metrics, names.OVERHEAD) == {(): (1, 2.0)}


def test_how_long_an_answer_takes_that_is_read_on_is_not_known_at_its_calls_end() -> None:
    metrics = Metrics()
    serve(metrics, Live(), attempt(), left=ErrorReason.CALLER_CANCELLED)
    assert numbers(metrics, names.OVERHEAD) == {(): (0, 0)}


def test_an_answer_that_was_joined_in_the_middle_says_nothing_of_our_time() -> None:
    metrics = Metrics()
    serve(metrics, Live(), attempt(), cache_status=CacheStatus.COALESCED)
    assert numbers(metrics, names.OVERHEAD) == {(): (0, 0)}


def test_limits_and_resorts_are_counted() -> None:
    metrics = Metrics()
    watch = metrics.call(Call())
    watch.admitted(0.5)
    watch.refused(ErrorReason.POLICY_RATE_LIMITED)
    watch.resorted(Resort(kind=ResortKind.HEDGE, provider="demo", model="m"))
    why = ErrorReason.PROVIDER_OVERLOADED
    watch.resorted(Resort(kind=ResortKind.RETRY, provider="demo", model="m", reason=why))
    assert numbers(metrics, names.LIMITER_WAITS) == {(): (1, 0.5)}
    assert numbers(metrics, names.LIMITER_REJECTIONS) == {("POLICY_RATE_LIMITED",): 1}
    assert numbers(metrics, names.RESORTS) == {
        ("hedge", "demo", ""): 1,
        ("retry", "demo", "PROVIDER_OVERLOADED"): 1,
    }


def test_methods_that_are_not_ours_share_a_label() -> None:
    metrics = Metrics(frozenset({INVOKE}))
    for method in ("a/b", "c/d"):
        call = Call(method)
        metrics.call(call).ended(call, CallEnd("UNIMPLEMENTED", "CALLER_INVALID_REQUEST", 0.1))
    metrics.rejected("UNIMPLEMENTED", "CALLER_INVALID_REQUEST")
    key = ("other", "UNIMPLEMENTED", "CALLER_INVALID_REQUEST")
    assert numbers(metrics, names.RPC_REQUESTS) == {key: 3}


def test_models_that_are_not_ours_share_a_label_and_lose_no_token() -> None:
    metrics = Metrics(knows=lambda provider, model: model == "m")
    for model in ("m", "x", "y", "x"):
        serve(metrics, Live(model=model), attempt(model=model))
    assert numbers(metrics, names.ATTEMPTS) == {
        ("demo", "m", "served", ""): 1,
        ("demo", "other", "served", ""): 3,
    }
    assert numbers(metrics, names.TOKENS)["demo", "other", "output"] == 15


def test_there_are_never_more_models_than_a_bound() -> None:
    metrics = Metrics()
    for number in range(MOST_MODELS + 5):
        serve(metrics, Live(model=f"m{number}"), attempt())
    found = numbers(metrics, names.ATTEMPTS)
    assert len(found) <= MOST_MODELS + 1
    assert sum(found.values()) == MOST_MODELS + 5
    assert found["other", "other", "served", ""] == 5


def test_callers_are_told_apart_only_where_that_is_asked_for_and_only_so_many() -> None:
    plain, apart = Metrics(), Metrics(told_apart=2)
    for metrics in (plain, apart):
        for caller in ("anna", "bert", "carl", "dora", "anna"):
            live = Live(caller=caller)
            call = Call(caller=Caller(caller))
            watch = metrics.call(call)
            watch.attempt(live).ended(live, attempt())
            watch.ended(call, OK)
    assert not any("caller" in each.spec.labels for each in plain.readings())
    assert numbers(apart, names.CALLER_REQUESTS) == {
        ("anna", "OK"): 2,
        ("bert", "OK"): 1,
        ("other", "OK"): 2,
    }
    assert numbers(apart, names.CALLER_TOKENS)["other", "input"] == 6
    assert numbers(apart, names.CALLER_COST)["anna",] == 14e-9
