"""Embeddings through the core: routed, cut, timed, and settled with one record for every attempt."""

import anyio
import anyio.lowlevel
import attrs
import pytest
from trio.testing import MockClock

from adapters.storage.memory_limiter import MemoryLimiter
from domain.model.caller import Caller, CallerLimits
from domain.model.embedding import EmbeddingCall
from domain.model.errors import (
    AccessDenied,
    ChatError,
    DeadlineExceeded,
    ErrorReason,
    InvalidRequest,
    LimitExceeded,
    ModelUnknown,
    NotConfigured,
    ProviderFailure,
)
from domain.model.usage import Attempt, AttemptOutcome, Usage, UsageRecord
from domain.policy.admission import LimitTable
from domain.services.admission import Admission
from domain.services.admitted_embedding import AdmittedEmbedding
from domain.services.attempts import UNPRICED
from domain.services.batched_embedding import BatchedEmbedding
from domain.services.route import Routed
from domain.services.route_embedding import EmbeddingRouted
from domain.services.service import Service
from domain.services.settle_embedding import SettledEmbedding
from domain.services.stacked_embedding import AbsentEmbedding, StackedEmbedding
from domain.services.timed_embedding import TimedEmbedding
from ports.prices import Cost
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.core_model import SlowLog, Upstream
from tests.support.embedding_calls import USAGE, Embedder, embed

BROKEN = ProviderFailure(
    "the connection broke",
    ErrorReason.PROVIDER_CONNECTION_FAILED,
    upstream_status=502,
    upstream_request_id="req-err",
)


def settled(embedder: Embedder, log: SlowLog) -> StackedEmbedding:
    top = SettledEmbedding(embedder, embedder.name, log, "key-1", wall_clock=lambda: 1e9)
    return StackedEmbedding(embedder, BatchedEmbedding(top, embedder))


def routed(embedder: Embedder, log: SlowLog | None = None) -> EmbeddingRouted:
    return EmbeddingRouted({"upstream": settled(embedder, log or SlowLog()), "chatty": None})


async def test_a_served_attempt_is_recorded_whole(autojump_clock: MockClock) -> None:
    log, call = SlowLog(), attrs.evolve(embed("abc"), caller=Caller("anna"))
    provider = settled(Embedder([2.0]), log)
    assert provider.name == "upstream"
    response = await provider.embed(call)
    attempt = Attempt(
        index=0,
        provider="upstream",
        model="m",
        credential_alias="key-1",
        outcome=AttemptOutcome.SERVED,
        upstream_status=200,
        upstream_request_id="req-1",
        usage=USAGE,
        total_s=2.0,
    )
    assert log.records == [
        UsageRecord(request_id="call-1", caller="anna", time_s=1e9, attempt=attempt, labels={})
    ]
    assert response.attempts == (attempt,)
    assert call.ledger.attempts == [attempt]


@attrs.define
class LateList:
    """A price list that knows a provider's prices once it is asked to prepare for it."""

    unprepared: tuple[str, ...] = ("upstream",)

    async def prepare(self, provider: str, /) -> None:
        await anyio.lowlevel.checkpoint()
        self.unprepared = ()

    def cost(self, provider: str, model: str, usage: Usage, /) -> Cost | None:
        return None if self.unprepared else Cost(usage.input_tokens or 0, "list 1")

    def bound_nano_usd(
        self, provider: str, model: str, input_tokens: int, output_tokens: int, /
    ) -> int | None:
        raise AssertionError


async def test_the_first_call_to_a_provider_has_a_price_too(autojump_clock: MockClock) -> None:
    log, embedder = SlowLog(), Embedder([2.0])
    top = SettledEmbedding(embedder, "upstream", log, prices=LateList())
    for _ in range(2):
        await top.embed(embed("abc"))
    costs = [each.attempt.usage.cost_nano_usd for each in log.records]
    assert costs == [USAGE.input_tokens] * 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (BROKEN, AttemptOutcome.FAILED),
        (DeadlineExceeded(), AttemptOutcome.DEADLINE),
        (
            ProviderFailure("late", ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN),
            AttemptOutcome.TIMED_OUT_FIRST_TOKEN,
        ),
        (ValueError("a bug"), AttemptOutcome.FAILED),
    ],
)
async def test_a_failed_attempt_leaves_its_record(
    error: Exception, outcome: AttemptOutcome
) -> None:
    log = SlowLog()
    with pytest.raises(type(error)):
        await settled(Embedder([error]), log).embed(embed())
    (record,) = log.records
    assert record.attempt.outcome is outcome
    assert record.attempt.upstream_status == (502 if error is BROKEN else 0)


async def test_what_never_reached_a_provider_leaves_no_record() -> None:
    log = SlowLog()
    with pytest.raises(NotConfigured):
        await settled(Embedder([NotConfigured("no key")]), log).embed(embed())
    assert not log.records


async def test_the_deadline_around_a_call_is_its_outcome(autojump_clock: MockClock) -> None:
    log = SlowLog()
    with anyio.move_on_after(3):
        await settled(Embedder([10.0]), log).embed(embed())
    (record,) = log.records
    assert record.attempt.outcome is AttemptOutcome.DEADLINE
    assert record.attempt.total_s == 3


def test_cancelled_anywhere_a_call_leaves_a_record_for_each_attempt_that_began() -> None:
    async def scenario(cut: Cut) -> None:
        log, embedder = SlowLog(takes_s=0.1), Embedder([1.0], facts={"max_inputs": 1})
        with cut.here():
            await routed(embedder, log).embed(embed("a", "bb", "ccc", provider="upstream"))
        assert embedder.open == 0
        assert len(log.records) == len(embedder.calls)
        outcomes = [record.attempt.outcome for record in log.records]
        assert set(outcomes[:-1]) <= {AttemptOutcome.SERVED}
        if outcomes and not cut.done:
            assert outcomes == [AttemptOutcome.SERVED] * 3

    cancel_at_every_await(scenario, at_least=6)


async def test_a_model_that_takes_too_long_is_given_up(autojump_clock: MockClock) -> None:
    response = await TimedEmbedding(Embedder([1.0]), whole_s=2).embed(embed())
    assert response.usage == USAGE
    with pytest.raises(ProviderFailure, match="2 s") as caught:
        await TimedEmbedding(Embedder([5.0]), whole_s=2).embed(embed())
    assert caught.value.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN


# ------------------------------------------------------------------ routes


@pytest.mark.parametrize(("provider", "model"), [("upstream", "m"), ("", "upstream/m"), ("", "m")])
async def test_names_are_resolved_as_for_chats(provider: str, model: str) -> None:
    embedder = Embedder()
    await routed(embedder).embed(embed(provider=provider, model=model))
    (call,) = embedder.calls
    assert (call.request.provider, call.request.model) == ("upstream", "m")


async def test_more_inputs_than_a_provider_takes_go_out_in_order_each_with_its_record() -> None:
    log, embedder = SlowLog(), Embedder(facts={"max_inputs": 2})
    response = await routed(embedder, log).embed(embed("a", "bb", "ccc", "dddd", "eeeee"))
    assert [list(vector) for vector in response.embeddings] == [[1], [2], [3], [4], [5]]
    assert response.usage.input_tokens == 9
    assert [call.request.inputs for call in embedder.calls] == [
        ("a", "bb"),
        ("ccc", "dddd"),
        ("eeeee",),
    ]
    assert [record.attempt.index for record in log.records] == [0, 1, 2]
    assert response.attempts == tuple(record.attempt for record in log.records)


async def test_the_first_batch_that_fails_ends_the_call() -> None:
    log, tries = SlowLog(), iter((None, BROKEN))

    def play() -> None:
        error = next(tries)
        if error is not None:
            raise error

    call = embed("a", "b", "c")
    with pytest.raises(ProviderFailure):
        await routed(Embedder([play], facts={"max_inputs": 1}), log).embed(call)
    outcomes = [attempt.outcome for attempt in call.ledger.attempts]
    assert outcomes == [AttemptOutcome.SERVED, AttemptOutcome.FAILED]
    assert [record.attempt for record in log.records] == call.ledger.attempts


@pytest.mark.parametrize(
    ("provider", "model", "field"), [("chatty", "m", "provider"), ("", "chatty/m", "model")]
)
async def test_a_provider_without_embeddings_is_named_with_those_that_have_them(
    provider: str, model: str, field: str
) -> None:
    with pytest.raises(InvalidRequest, match="chatty has no embeddings; these have: upstream") as e:
        await routed(Embedder()).embed(embed(provider=provider, model=model))
    assert [each.field for each in e.value.violations] == [field]


async def test_where_nobody_embeds_that_is_said() -> None:
    with pytest.raises(InvalidRequest, match="these have: none"):
        await EmbeddingRouted({"chatty": None}).embed(embed(provider="chatty"))


@pytest.mark.parametrize(
    ("declared", "there"), [(("m", "b"), "it has: b, m"), ((), "it has: none")]
)
async def test_a_model_that_does_not_embed_is_unknown_here(
    declared: tuple[str, ...], there: str
) -> None:
    with pytest.raises(ModelUnknown, match=there):
        await routed(Embedder(declared=declared)).embed(embed(provider="upstream", model="x"))


async def test_what_the_model_does_not_take_is_refused_before_it_is_asked() -> None:
    embedder = Embedder()
    with pytest.raises(InvalidRequest, match="dimensions"):
        await routed(embedder).embed(embed(dimensions=3))
    assert not embedder.calls


async def test_a_model_that_the_caller_may_not_use_is_refused() -> None:
    call = attrs.evolve(embed(), caller=Caller("anna", allow=("upstream/other",)))
    with pytest.raises(AccessDenied):
        await routed(Embedder()).embed(call)


async def test_an_absent_provider_says_what_is_missing() -> None:
    absent = AbsentEmbedding("upstream", "set KEY")
    assert absent.models() == ()
    with pytest.raises(NotConfigured, match="set KEY"):
        await EmbeddingRouted({"upstream": absent}).embed(
            embed("", provider="upstream", model="any", dimensions=5)
        )


async def test_a_model_that_nobody_knows_is_asked_in_one_piece() -> None:
    embedder = Embedder(facts={"max_inputs": 1})
    await BatchedEmbedding(embedder, embedder).embed(embed("a", "b", model="x"))
    assert len(embedder.calls) == 1


# ------------------------------------------------------------------ limits


def admitted(embedder: Embedder, limiter: MemoryLimiter) -> AdmittedEmbedding:
    batched = BatchedEmbedding(SettledEmbedding(embedder, "upstream", SlowLog()), embedder)
    admission = Admission(table=LimitTable(), limiter=limiter, prices=UNPRICED, max_queue_s=0.0)
    return AdmittedEmbedding(batched, "upstream", admission)


def by(limits: CallerLimits, *inputs: str) -> EmbeddingCall:
    return attrs.evolve(embed(*inputs), caller=Caller("alice", limits=limits))


async def test_a_call_is_let_in_once_however_it_is_cut(autojump_clock: MockClock) -> None:
    embedder, limits = Embedder(facts={"max_inputs": 1}), CallerLimits(requests_per_minute=1)
    model = admitted(embedder, MemoryLimiter())
    assert len((await model.embed(by(limits, "a", "b", "c"))).embeddings) == 3
    with pytest.raises(LimitExceeded) as caught:
        await model.embed(by(limits, "a"))
    assert caught.value.reason is ErrorReason.POLICY_RATE_LIMITED
    assert len(embedder.calls) == 3


async def test_the_tokens_that_were_used_are_charged(autojump_clock: MockClock) -> None:
    embedder = Embedder(usage=attrs.evolve(USAGE, input_tokens=40))
    model, limits = admitted(embedder, MemoryLimiter()), CallerLimits(tokens_per_minute=50)
    await model.embed(by(limits, "x"))
    with pytest.raises(LimitExceeded):
        await model.embed(by(limits, "x" * 60))
    assert len(embedder.calls) == 1
    await model.embed(by(CallerLimits(), "x" * 60))
    assert len(embedder.calls) == 2


# ------------------------------------------------------------------ the service


async def test_the_service_names_every_bad_field() -> None:
    service = Service(Routed({}), routed(Embedder()))
    with pytest.raises(InvalidRequest) as caught:
        await service.embed(embed(model="", dimensions=0))
    assert [each.field for each in caught.value.violations] == ["model", "dimensions"]
    assert list((await service.embed(embed("four"))).embeddings[0]) == [4]


async def test_without_embeddings_the_service_says_so() -> None:
    with pytest.raises(ChatError, match="no provider"):
        await Service(Routed({})).embed(embed())


def test_the_list_holds_what_the_caller_may_use() -> None:
    upstream = Upstream(declared=("m", "chat"))
    service = Service(Routed({"upstream": upstream}), routed(Embedder(declared=("m", "e"))))
    found = service.models("upstream")
    assert [(info.model, info.embeds) for info in found] == [
        ("m", True),
        ("chat", False),
        ("e", True),
    ]
    assert service.models() == found
    anna = Caller("anna", allow=("upstream/e",))
    assert [info.model for info in service.models("", anna)] == ["e"]
