"""Public names: what they stand for, for whom, and how they are listed."""

from collections.abc import Mapping, Sequence

import anyio
import anyio.lowlevel
import attrs
import pytest

from domain.model.caller import ANONYMOUS, Caller
from domain.model.errors import AccessDenied, ErrorReason, ModelUnknown, NotConfigured
from domain.model.model_info import Feature
from domain.model.target import Target
from domain.model.usage import Attempt, AttemptOutcome
from domain.policy.catalogue import PublicModel
from domain.policy.route_book import RouteBook
from domain.services.absent import Absent
from domain.services.public_names import PublicNames
from domain.services.route import Routed
from ports.provider import Provider
from tests.support.core_model import Upstream, ask, drain, question

FAST = PublicModel(
    routes=(Target("openai", "gpt"), Target("absent", "x")), fallbacks=(Target("local", "tiny"),)
)


@attrs.frozen
class House:
    """Two providers and one that lacks its key, behind public names."""

    openai: Upstream = attrs.field(factory=lambda: Upstream(name="openai", declared=("gpt",)))
    local: Upstream = attrs.field(
        factory=lambda: Upstream(
            name="local",
            declared=("tiny",),
            only_declared=True,
            features=frozenset({Feature.TOOLS, Feature.SEED}),
        )
    )
    book: RouteBook = attrs.field(factory=RouteBook)

    @property
    def routed(self) -> Routed:
        providers: Mapping[str, Provider] = {
            "openai": self.openai,
            "local": self.local,
            "absent": Absent("absent", "set ABSENT_KEY"),
        }
        catalogue = {
            "fast": FAST,
            "gone": PublicModel(routes=(Target("local", "gone"),)),
            "keyless": PublicModel(routes=(Target("absent", "x"),)),
        }
        return Routed(providers, public=PublicNames(catalogue, providers, self.book))

    async def plan(self, model: str, caller: Caller = ANONYMOUS) -> tuple[Target, ...]:
        """Call a public name; return where it would be answered."""
        call = attrs.evolve(ask(question(model=model)), caller=caller)
        async with self.routed.stream(call) as events:
            await drain(events)
        (asked,) = [*self.openai.calls, *self.local.calls]
        assert (asked.request.provider, asked.request.model) == (
            asked.plan[0].provider,
            asked.plan[0].model,
        )
        assert asked.public == model
        return asked.plan


def caller(*allow: str) -> Caller:
    return Caller(name="alice", allow=allow)


async def test_a_public_name_is_answered_where_the_catalogue_says_but_where_a_key_is_missing() -> (
    None
):
    assert await House().plan("fast") == (Target("openai", "gpt"), Target("local", "tiny"))


async def test_a_place_that_is_named_twice_is_one() -> None:
    house, gpt = House(), Target("openai", "gpt")
    providers = house.routed.providers
    twice = {"twice": PublicModel(routes=(gpt,), fallbacks=(Target("local", "tiny"), gpt))}
    routed = Routed(providers, public=PublicNames(twice, providers, house.book))
    async with routed.stream(ask(question(model="twice"))):
        pass
    assert house.openai.calls[0].plan == (gpt, Target("local", "tiny"))


@pytest.mark.parametrize(
    ("allow", "meant"),
    [
        (["*"], ["openai", "local"]),
        (["local/*"], ["local"]),
        (["openai/gpt", "*/x"], ["openai"]),
        (["models/fast"], ["openai", "local"]),
        (["models/f*", "local/tiny"], ["openai", "local"]),
    ],
)
async def test_a_caller_uses_of_a_name_what_it_may_use_or_all_if_the_name_is_granted(
    allow: Sequence[str], meant: Sequence[str]
) -> None:
    plan = await House().plan("fast", caller(*allow))
    assert [each.provider for each in plan] == meant


@pytest.mark.parametrize("allow", ["gemini/*", "models/slow", "*/fast"])
async def test_a_caller_that_may_use_nothing_of_a_name_is_refused(allow: str) -> None:
    with pytest.raises(AccessDenied, match=r"may not use fast: ask .* to allow models/fast"):
        await House().plan("fast", caller(allow))


async def test_a_grant_of_a_name_is_none_of_what_it_stands_for() -> None:
    with pytest.raises(AccessDenied):
        await House().plan("openai/gpt", caller("models/fast"))


async def test_a_name_whose_models_are_gone_is_unknown_and_one_that_lacks_a_key_says_so() -> None:
    with pytest.raises(ModelUnknown, match="none of the providers behind 'gone' has its model"):
        await House().plan("gone")
    with pytest.raises(NotConfigured, match="set ABSENT_KEY"):
        await House().plan("keyless")


async def test_whoever_asks_for_an_unknown_name_hears_those_that_it_may_use() -> None:
    with pytest.raises(ModelUnknown, match=r"public names are: fast, gone$"):
        await House().plan("fsat", caller("local/*"))
    with pytest.raises(ModelUnknown, match=r"absent, local, openai$"):
        await House(book=RouteBook()).plan("fsat", caller("?/*", "*/nothing"))


def test_names_are_listed_with_what_holds_wherever_they_are_answered() -> None:
    found = {(each.provider, each.model): each for each in House().routed.models()}
    fast = found["", "fast"]
    assert fast.features == {Feature.TOOLS, Feature.SEED}
    assert fast.health == (
        "route:openai/gpt=ready",
        "route:absent/x=not_configured",
        "route:local/tiny=ready",
    )
    assert ("", "gone") not in found
    assert found["", "keyless"].health == ("route:absent/x=not_configured",)
    assert found["openai", "gpt"].health == ()


def test_a_list_for_a_caller_or_of_a_provider_holds_no_more_than_it_asked_for() -> None:
    routed = House().routed
    (fast, tiny) = routed.models(caller=caller("local/*"))
    assert (fast.model, fast.health) == ("fast", ("route:local/tiny=ready",))
    assert tiny.model == "tiny"
    assert [each.model for each in routed.models("openai")] == ["gpt"]


async def test_a_route_that_is_left_alone_is_listed_as_such() -> None:
    house = House()
    now_s = anyio.current_time()
    attempt = Attempt(
        index=0,
        provider="openai",
        model="gpt",
        outcome=AttemptOutcome.FAILED,
        error_reason=ErrorReason.PROVIDER_RATE_LIMITED,
    )
    house.book.end(house.book.begin("openai", "gpt", now_s), now_s, attempt, 30.0)
    await anyio.lowlevel.checkpoint()
    found = {(each.provider, each.model): each for each in house.routed.models()}
    assert found["openai", "gpt"].health == ("route:openai/gpt=resting",)
    assert found["", "fast"].health[0] == "route:openai/gpt=resting"
    assert house.book.state("openai", "never") == "resting"
