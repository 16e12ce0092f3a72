"""The keys of a provider: each call takes the next one that does not rest."""

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import attrs
import pytest
from trio.testing import MockClock

from domain.model.embedding import EmbeddingCall, EmbeddingRequest, EmbeddingResponse
from domain.model.errors import ErrorReason, InvalidRequest, ProviderFailure
from domain.model.target import Target
from domain.model.usage import NO_USAGE, AttemptOutcome
from domain.policy.breaker import BreakerRules
from domain.policy.route_book import RouteBook
from domain.services.lanes import Laned, LanedEmbedding
from domain.services.settle import Settled
from domain.services.settle_embedding import SettledEmbedding
from tests.support.core_model import ANSWER, STARTED, SlowLog, Step, Upstream, ask, drain, question

LIMITED = ErrorReason.PROVIDER_RATE_LIMITED


def refused(told_s: float | None = None, reason: ErrorReason = LIMITED) -> ProviderFailure:
    return ProviderFailure("no", reason, retry_after_s=told_s, upstream_status=429)


@attrs.frozen
class Road:
    """A provider with a lane for each of some upstreams."""

    upstreams: Sequence[Upstream]
    log: SlowLog = attrs.field(factory=SlowLog)
    book: RouteBook = attrs.field(factory=lambda: RouteBook(BreakerRules(min_calls=2)))

    @property
    def model(self) -> Laned:
        lanes = {
            f"KEY#{place}": Settled(each, "p", self.log, credential_alias=f"KEY#{place}")
            for place, each in enumerate(self.upstreams, 1)
        }
        self.book.keys["p"] = tuple(lanes)
        return Laned("p", lanes, self.book)

    async def serve(self) -> str:
        """Make a call; return the key that served it."""
        call = ask(question(model="m"))
        async with self.model.stream(call) as events:
            await drain(events)
        return call.ledger.attempts[-1].credential_alias


async def test_each_call_uses_the_next_key_and_its_record_says_which() -> None:
    road = Road([Upstream(), Upstream()])
    assert [await road.serve() for _ in range(3)] == ["KEY#1", "KEY#2", "KEY#1"]
    assert [each.attempt.credential_alias for each in road.log.records] == [
        "KEY#1",
        "KEY#2",
        "KEY#1",
    ]


@pytest.mark.parametrize("place", ["entry", "steps"])
async def test_a_key_that_was_refused_rests_as_long_as_was_said(
    place: str, autojump_clock: MockClock
) -> None:
    entry: Sequence[Step] = [refused(30.0)] if place == "entry" else ()
    first = Upstream(entry=entry, steps=ANSWER if entry else [refused(30.0)])
    road = Road([first, Upstream()])
    with pytest.raises(ProviderFailure):
        await road.serve()
    first.entry, first.steps = (), ANSWER
    assert [await road.serve() for _ in range(3)] == ["KEY#2"] * 3
    await anyio.sleep(30.0)
    assert {await road.serve(), await road.serve()} == {"KEY#1", "KEY#2"}


async def test_when_no_key_may_be_used_the_provider_is_not_asked_and_the_caller_hears_until_when(
    autojump_clock: MockClock,
) -> None:
    upstream = Upstream(entry=[refused(30.0)])
    road = Road([upstream])
    with pytest.raises(ProviderFailure):
        await road.serve()
    await anyio.sleep(10.0)
    call = ask(question(model="m"))
    with pytest.raises(ProviderFailure, match=r"p/m is left alone for 20.0 s") as caught:
        async with road.model.stream(call):
            pytest.fail("the block must not be entered")
    assert (caught.value.reason, caught.value.retryable) == (LIMITED, True)
    assert caught.value.retry_after_s == pytest.approx(20.0)
    assert upstream.opened == 1
    (skipped,) = call.ledger.attempts
    assert (skipped.outcome, skipped.error_reason) == (AttemptOutcome.SKIPPED_COOLDOWN, LIMITED)
    assert skipped.usage is NO_USAGE
    assert len(road.log.records) == 1


async def test_a_cancelled_probe_gives_its_place_back(autojump_clock: MockClock) -> None:
    upstream = Upstream(entry=[refused(reason=ErrorReason.PROVIDER_SERVER_ERROR)])
    road = Road([upstream])
    for _ in range(2):
        with pytest.raises(ProviderFailure):
            await road.serve()
    await anyio.sleep(10.0)
    upstream.entry, upstream.steps = (), [STARTED, 100.0]
    with anyio.move_on_after(1.0):
        await road.serve()
    upstream.steps = ANSWER
    assert await road.serve() == "KEY#1"
    (state,) = road.book.routes(anyio.current_time())
    assert (state.state, state.in_flight) == ("closed", 0)


async def test_a_call_that_names_its_key_uses_that_one() -> None:
    road = Road([Upstream(), Upstream()])
    call = attrs.evolve(ask(question(model="m")), plan=(Target("p", "m", ("KEY#2",)),))
    for _ in range(2):
        async with road.model.stream(call) as events:
            await drain(events)
    assert [each.credential_alias for each in call.ledger.attempts] == ["KEY#2", "KEY#2"]


async def test_what_never_reached_a_provider_says_nothing_of_it() -> None:
    upstream = Upstream(entry=[InvalidRequest()])
    road = Road([upstream])
    for _ in range(5):
        with pytest.raises(InvalidRequest):
            await road.serve()
    (state,) = road.book.routes(anyio.current_time())
    assert (state.state, state.failing, state.in_flight) == ("closed", 0.0, 0)


@attrs.frozen
class Embedder:
    """Embeds, or refuses."""

    error: ProviderFailure | None = None

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        await anyio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        return EmbeddingResponse(
            id="", provider="p", model="m", embeddings=((1.0,),), upstream_status=200
        )


async def test_embeddings_use_the_keys_in_turn_too(autojump_clock: MockClock) -> None:
    log, book = SlowLog(), RouteBook(keys={"p": ("KEY#1", "KEY#2")})
    lanes = {
        "KEY#1": SettledEmbedding(Embedder(refused(9.0)), "p", log, credential_alias="KEY#1"),
        "KEY#2": SettledEmbedding(Embedder(), "p", log, credential_alias="KEY#2"),
    }
    model = LanedEmbedding("p", lanes, book)
    call = EmbeddingCall(request=EmbeddingRequest(provider="p", model="m", inputs=("hi",)))
    with pytest.raises(ProviderFailure):
        await model.embed(call)
    for _ in range(3):
        await model.embed(call)
    used = [each.attempt.credential_alias for each in log.records]
    assert used == ["KEY#1", "KEY#2", "KEY#2", "KEY#2"]
