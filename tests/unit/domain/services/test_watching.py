"""Who watches calls is told of every attempt and of what the limits say; who does not watch pays nothing."""

from collections.abc import Callable

import attrs
import pytest
from trio.testing import MockClock

from adapters.storage.memory_limiter import MemoryLimiter
from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.call import ChatCall, Delivery, Ledger
from domain.model.caller import Caller, CallerLimits
from domain.model.embedding import EmbeddingCall
from domain.model.errors import (
    ErrorReason,
    LimitExceeded,
    NotConfigured,
    ProviderFailure,
    QuotaViolation,
)
from domain.model.events import TextDelta
from domain.model.usage import AttemptOutcome
from domain.model.watch import Operation, Resort, ResortKind
from domain.policy.admission import LimitTable
from domain.services.admission import Admission, Admitted
from domain.services.attempts import UNPRICED
from domain.services.settle import Settled
from domain.services.settle_embedding import SettledEmbedding
from domain.services.watching import together
from ports.telemetry import CallEnd, LiveCall
from tests.support.core_model import ANSWER, FINISHED, STARTED, Upstream, ask, drain
from tests.support.embedding_calls import Embedder, embed
from tests.support.watchers import CallNotes, Notes

BROKEN = ProviderFailure("gone", ErrorReason.PROVIDER_CONNECTION_FAILED)


@attrs.define(eq=False)
class Seen:
    """A call as one sees it who watches."""

    traceparent: str = ""
    tracestate: str = ""
    request_id: str = "call-1"
    method: str = "llmservice.v1.LLMService/Invoke"
    peer: str = "peer:1"
    caller: Caller = Caller("anna")
    started_s: float = 0.0
    asked: ChatCall | EmbeddingCall | None = None

    def stop(self) -> None:
        """End."""


def watched(notes: Notes, call: ChatCall | None = None) -> ChatCall:
    return attrs.evolve(call or ask(), ledger=Ledger(watch=CallNotes(notes)))


def unwatched(_: Notes) -> ChatCall:
    return ask()


async def settle(upstream: Upstream, call: ChatCall) -> None:
    async with Settled(upstream, "upstream", MemoryUsageLog()).stream(call) as events:
        await drain(events)


async def test_an_attempt_is_shown_from_its_beginning_as_far_as_it_has_come(
    autojump_clock: MockClock,
) -> None:
    notes = Notes()
    log = MemoryUsageLog()
    upstream = Upstream(
        steps=[STARTED, 2.0, TextDelta("12345678"), 1.0, TextDelta("é"), 1.0, FINISHED]
    )
    call = watched(notes)
    async with Settled(upstream, "upstream", log).stream(call) as events:
        (live,) = notes.attempts
        assert (live.provider, live.model, live.start_s) == ("upstream", "model", 0.0)
        assert (live.operation, live.streamed) == (Operation.CHAT, True)
        assert (live.arrived, live.chunks, live.first_token_s) == (0, 0, None)
        await anext(events)
        await anext(events)
        assert (live.arrived, live.chunks, live.first_token_s) == (8, 1, 2.0)
        await anext(events)
        assert live.chunks == 2
        assert notes.settled == []
        await drain(events)
    (attempt,) = notes.settled
    assert attempt == log.records[0].attempt
    assert attempt is not None
    assert (attempt.outcome, attempt.total_s) == (AttemptOutcome.SERVED, 4.0)
    assert notes.told == [("", "attempt"), ("", "attempt ended")]


async def test_a_failed_attempt_is_told_as_it_is_recorded(autojump_clock: MockClock) -> None:
    notes = Notes()
    whole = attrs.evolve(watched(notes), delivery=Delivery.WHOLE)
    with pytest.raises(ProviderFailure):
        await settle(Upstream(entry=[1.0, BROKEN]), whole)
    (attempt,) = notes.settled
    assert attempt is not None
    assert attempt.error_reason is ErrorReason.PROVIDER_CONNECTION_FAILED
    assert not notes.attempts[0].streamed


async def test_where_no_provider_was_asked_there_was_no_attempt(autojump_clock: MockClock) -> None:
    notes = Notes()
    with pytest.raises(NotConfigured):
        await settle(Upstream(entry=[NotConfigured("no key")]), watched(notes))
    assert notes.settled == [None]


async def test_the_provider_is_told_the_attempts_own_place_in_the_trace(
    autojump_clock: MockClock,
) -> None:
    upstream = Upstream(steps=ANSWER)
    call = attrs.evolve(watched(Notes(span="x")), traceparent="trace")
    await settle(upstream, call)
    assert upstream.calls[0].traceparent == "trace/attempt"
    embedder = Embedder()
    asked = attrs.evolve(
        embed("a"), ledger=Ledger(watch=CallNotes(Notes(span="x"))), traceparent="trace"
    )
    await SettledEmbedding(embedder, "upstream", MemoryUsageLog()).embed(asked)
    assert embedder.calls[0].traceparent == "trace/attempt"


async def test_without_a_span_of_its_own_the_callers_trace_goes_on(
    autojump_clock: MockClock,
) -> None:
    upstream = Upstream(steps=ANSWER)
    call = attrs.evolve(watched(Notes()), traceparent="trace")
    await settle(upstream, call)
    assert upstream.calls == [call]


async def test_an_embedding_is_watched_like_an_answer(autojump_clock: MockClock) -> None:
    notes, log = Notes(), MemoryUsageLog()
    call = attrs.evolve(embed("abc"), ledger=Ledger(watch=CallNotes(notes)))
    await SettledEmbedding(Embedder([2.0]), "upstream", log).embed(call)
    assert notes.attempts[0].operation is Operation.EMBEDDINGS
    assert notes.settled == [log.records[0].attempt]


# ------------------------------------------------------------------ limits


def gate(upstream: Upstream) -> Admitted:
    admission = Admission(table=LimitTable(), limiter=MemoryLimiter(), prices=UNPRICED)
    return Admitted(Settled(upstream, "upstream", MemoryUsageLog()), upstream, admission)


def limited(notes: Notes, limits: CallerLimits) -> ChatCall:
    return attrs.evolve(watched(notes), caller=Caller("anna", limits=limits))


async def admit(gate: Admitted, call: ChatCall) -> None:
    async with gate.stream(call) as events:
        await drain(events)


async def test_a_wait_for_the_limits_is_told_and_a_refusal_too(autojump_clock: MockClock) -> None:
    notes, through = Notes(), gate(Upstream(steps=ANSWER))
    one = CallerLimits(requests_per_minute=1)
    await admit(through, limited(notes, one))
    assert (notes.admitted_, notes.refused_) == ([0.0], [])
    with pytest.raises(LimitExceeded):
        await admit(through, limited(notes, one))
    assert (notes.admitted_, notes.refused_) == ([0.0], [ErrorReason.POLICY_RATE_LIMITED])


async def test_a_budget_without_a_price_is_a_refusal(autojump_clock: MockClock) -> None:
    notes = Notes()
    call = limited(notes, CallerLimits(budget_nano_usd_per_day=1))
    with pytest.raises(LimitExceeded):
        await admit(gate(Upstream(steps=ANSWER)), call)
    assert notes.refused_ == [ErrorReason.POLICY_BUDGET_EXCEEDED]


@pytest.mark.parametrize("watch", [watched, unwatched])
async def test_another_calls_refusal_inside_the_block_is_not_this_calls(
    watch: Callable[[Notes], ChatCall], autojump_clock: MockClock
) -> None:
    notes = Notes()
    call = attrs.evolve(watch(notes), caller=Caller("anna", limits=CallerLimits(parallel_calls=1)))
    other = LimitExceeded(ErrorReason.POLICY_RATE_LIMITED, QuotaViolation("x", "y"))
    with pytest.raises(LimitExceeded):
        await admit(gate(Upstream(entry=[other])), call)
    assert notes.refused_ == []


async def test_a_refusal_of_a_call_that_nobody_watches_is_told_nobody(
    autojump_clock: MockClock,
) -> None:
    call = attrs.evolve(
        ask(), caller=Caller("anna", limits=CallerLimits(budget_nano_usd_per_day=1))
    )
    with pytest.raises(LimitExceeded):
        await admit(gate(Upstream(steps=ANSWER)), call)


# ------------------------------------------------------------------ several


def test_nobody_is_nobody_and_one_is_itself() -> None:
    notes = Notes()
    assert together([]) is None
    assert together([notes]) is notes


def test_several_are_told_the_same_in_their_order() -> None:
    first, second = Notes("traces", span="span"), Notes("metrics")
    second.told = first.told
    both = together([first, second])
    assert both is not None
    seen: LiveCall = Seen()
    watch = both.call(seen)
    assert watch is not None
    watch.admitted(1.5)
    watch.refused(ErrorReason.POLICY_RATE_LIMITED)
    resort = Resort(kind=ResortKind.RETRY, provider="p", model="m", pause_s=0.5)
    watch.resorted(resort)
    end = CallEnd("OK", "", 2.0)
    watch.ended(seen, end)
    both.rejected("INVALID_ARGUMENT", "CALLER_INVALID_REQUEST")
    what = ["call", "admitted", "refused", "resorted", "call ended", "rejected"]
    assert first.told == [(who, each) for each in what for who in ("traces", "metrics")]
    # What the first wrote the second reads.
    assert second.calls[0].traceparent == "span"
    assert second.resorts == [resort]
    assert second.ended_ == [(seen, end)]


def test_who_does_not_watch_a_call_is_told_no_more_of_it() -> None:
    first, second, third = Notes("a"), Notes("b"), Notes("c")
    for silent, watched in (([first, third], True), ([first, second, third], False)):
        each = [Deaf() if one in silent else one for one in (first, second, third)]
        whole = together([each[0], *filter(None, [together(each[1:])])])
        assert whole is not None
        watch = whole.call(Seen())
        assert isinstance(watch, CallNotes) if watched else watch is None
    assert (len(first.calls), len(second.calls)) == (0, 1)


class Deaf:
    """Watches no call."""

    def call(self, call: LiveCall, /) -> None:
        return None

    def rejected(self, code: str, reason: str, /) -> None:
        return None


async def test_several_watch_an_attempt(autojump_clock: MockClock) -> None:
    first, second = Notes("traces"), Notes("metrics")
    both = together([first, second])
    assert both is not None
    await settle(
        Upstream(steps=ANSWER), attrs.evolve(ask(), ledger=Ledger(watch=both.call(Seen())))
    )
    assert first.attempts == second.attempts
    assert first.settled == second.settled
    assert len(second.settled) == 1
