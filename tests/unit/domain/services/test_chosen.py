"""Which of the places where a call may be answered is asked first."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import anyio
import attrs
import pytest
from trio.testing import MockClock

from domain.model.call import ChatCall
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import ChatEvent
from domain.model.target import Target
from domain.model.usage import Attempt, AttemptOutcome
from domain.policy.breaker import BreakerRules
from domain.policy.catalogue import PublicModel
from domain.policy.route_book import RouteBook
from domain.policy.routing import Strategy
from domain.services.chosen import Chosen
from tests.support.core_model import Upstream, ask, drain, question

LIMITED = ErrorReason.PROVIDER_RATE_LIMITED
A, B, C = Target("a", "m"), Target("b", "m"), Target("c", "m")


@attrs.define
class Below:
    """Takes note of the calls that come."""

    calls: list[ChatCall] = attrs.field(factory=list)

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        self.calls.append(call)
        return Upstream().stream(call)


@attrs.frozen
class House:
    """A model that chooses, and what is below it."""

    public: PublicModel = PublicModel(routes=(A, B), fallbacks=(C,))
    below: Below = attrs.field(factory=Below)
    book: RouteBook = attrs.field(factory=lambda: RouteBook(BreakerRules(min_calls=1)))
    drawn: tuple[float, ...] = (0.5,)

    async def ask(self, *plan: Target, public: str = "name") -> ChatCall:
        """Make a call; return it as it came below."""
        first = plan[0]
        request = attrs.evolve(question(), provider=first.provider, model=first.model)
        numbers = iter(self.drawn * 20)
        model = Chosen(self.below, {"name": self.public}, self.book, draw=lambda: next(numbers))
        call = attrs.evolve(ask(request), plan=plan, public=public)
        async with model.stream(call) as events:
            await drain(events)
        return self.below.calls[-1]

    def refuse(self, target: Target, told_s: float | None, reason: ErrorReason = LIMITED) -> None:
        """Have `target` refused just now, by each key that it names."""
        for key in target.keys or ("",):
            now_s = anyio.current_time()
            visit = self.book.begin(target.provider, target.model, now_s, target.keys and (key,))
            attempt = Attempt(
                index=0,
                provider=target.provider,
                model=target.model,
                outcome=AttemptOutcome.FAILED,
                error_reason=reason,
            )
            self.book.end(visit, now_s, attempt, told_s)


def places(call: ChatCall) -> list[str]:
    return [each.provider + "".join(each.keys) for each in call.plan]


async def test_a_call_that_can_go_to_one_place_is_handed_on_as_it_is() -> None:
    house = House()
    call = await house.ask(A)
    assert call.plan == (A,)
    assert call.ledger.attempts == []


async def test_one_place_that_only_may_be_of_no_use_is_tried() -> None:
    house = House()
    house.refuse(A, None)
    assert (await house.ask(A)).ledger.attempts == []


async def test_ordered_routes_are_asked_in_their_order() -> None:
    assert places(await House().ask(A, B, C)) == ["a", "b", "c"]


async def test_what_rests_is_passed_over_and_the_ledger_says_so() -> None:
    house = House()
    house.refuse(A, 30.0)
    call = await house.ask(A, B, C)
    assert places(call) == ["b", "c"]
    assert (call.request.provider, call.request.model) == ("b", "m")
    (skipped,) = call.ledger.attempts
    assert (skipped.provider, skipped.outcome) == ("a", AttemptOutcome.SKIPPED_COOLDOWN)
    assert skipped.error_reason is LIMITED


async def test_what_only_may_be_of_no_use_is_tried_last() -> None:
    house = House()
    house.refuse(A, None)
    call = await house.ask(A, B)
    assert places(call) == ["b", "a"]
    assert [each.provider for each in call.ledger.attempts] == ["a"]


async def test_what_only_may_be_of_no_use_is_tried_at_once_where_nothing_else_is() -> None:
    house = House()
    house.refuse(A, None)
    house.refuse(B, 10.0)
    call = await house.ask(A, B)
    assert places(call) == ["a"]
    assert [each.provider for each in call.ledger.attempts] == ["b"]


@pytest.mark.parametrize("plan", [(B,), (A, B)])
async def test_where_all_rest_the_caller_is_told_at_once_when_the_first_is_back(
    plan: tuple[Target, ...], autojump_clock: MockClock
) -> None:
    house = House()
    house.refuse(A, 30.0)
    house.refuse(B, 20.0, ErrorReason.PROVIDER_SERVER_ERROR)
    await anyio.sleep(4.0)
    with pytest.raises(ProviderFailure, match=r"b/m is left alone for 6.0 s") as caught:
        await house.ask(*plan)
    assert caught.value.reason is ErrorReason.PROVIDER_SERVER_ERROR
    assert caught.value.retry_after_s == pytest.approx(6.0)
    assert house.below.calls == []


async def test_each_key_of_a_provider_is_a_place_and_they_take_turns() -> None:
    house = House()
    house.book.keys["a"] = ("#1", "#2")
    found = [places(await house.ask(A, B)) for _ in range(2)]
    assert found == [["a#1", "a#2", "b"], ["a#2", "a#1", "b"]]
    house.refuse(Target("a", "m", ("#1",)), 30.0)
    assert places(await house.ask(A)) == ["a#2"]


async def test_a_route_that_names_its_keys_is_asked_by_no_other() -> None:
    house = House()
    house.book.keys["a"] = ("#1", "#2", "#3")
    assert sorted(places(await house.ask(Target("a", "m", ("#2", "#3"))))) == ["a#2", "a#3"]


async def test_weighted_routes_share_the_calls_and_fallbacks_stay_last() -> None:
    public = PublicModel(
        routes=(A, B), weights=(1.0, 3.0), strategy=Strategy.WEIGHTED, fallbacks=(C,)
    )
    house = House(public, drawn=(0.3, 0.8))
    first = places(await house.ask(A, B, C))
    assert first == ["a", "b", "c"]
    other = House(public, drawn=(0.8, 0.3))
    assert places(await other.ask(A, B, C)) == ["b", "a", "c"]
    assert Counter(first) == Counter(["a", "b", "c"])


async def test_of_routes_that_are_to_be_fast_the_fastest_is_asked_first() -> None:
    house = House(PublicModel(routes=(A, B), strategy=Strategy.FASTEST))
    for target, first_s in ((A, 2.0), (B, 0.2)):
        now_s = anyio.current_time()
        visit = house.book.begin(target.provider, target.model, now_s)
        served = Attempt(
            index=0,
            provider=target.provider,
            model=target.model,
            outcome=AttemptOutcome.SERVED,
            first_token_s=first_s,
        )
        house.book.end(visit, now_s, served, None)
    assert places(await house.ask(A, B)) == ["b", "a"]
    assert places(await house.ask(A, B, public="")) == ["a", "b"]
