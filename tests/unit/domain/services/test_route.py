"""The way from a public name to a provider."""

from collections.abc import Mapping, Sequence

import attrs
import pytest

from domain.model.caller import Caller
from domain.model.chat import ChatRequest, OnDisconnect
from domain.model.errors import (
    AccessDenied,
    ErrorReason,
    InvalidRequest,
    ModelUnknown,
    NotConfigured,
)
from domain.model.model_info import Feature, ModelInfo
from domain.model.response_cache import ResponseCachePolicy
from domain.model.routing import Routing
from domain.model.target import Target
from domain.services.absent import Absent
from domain.services.route import Routed
from tests.support.core_model import ANSWER, Upstream, ask, drain, question


@attrs.frozen
class House:
    """Several upstreams behind one model."""

    upstreams: Mapping[str, Upstream]

    @property
    def model(self) -> Routed:
        absent = Absent("gemini", "set GEMINI_API_KEY")
        return Routed({**self.upstreams, "gemini": absent})

    @property
    def asked(self) -> list[tuple[str, str, str]]:
        """Which upstream was asked, and for what."""
        return [
            (name, call.request.provider, call.request.model)
            for name, upstream in self.upstreams.items()
            for call in upstream.calls
        ]


@attrs.define
class Counting(Upstream):
    """One that remembers of which models it was asked what they are."""

    asked_for: list[str] = attrs.field(factory=list)

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what it takes."""
        self.asked_for.append(model)
        return Upstream.info(self, model)


def house() -> House:
    return House(
        {
            "openai": Upstream(name="openai", declared=("gpt", "shared")),
            "local": Upstream(name="local", declared=("tiny", "shared"), only_declared=True),
            "router": Upstream(name="router", declared=("openai/gpt", "meta/llama")),
        }
    )


def wanted(provider: str, model: str) -> ChatRequest:
    return attrs.evolve(question(), provider=provider, model=model)


@pytest.mark.parametrize(
    ("provider", "model", "served_by"),
    [
        ("openai", "gpt", ("openai", "gpt")),
        ("openai", "brand-new", ("openai", "brand-new")),
        ("openai", "openai/gpt", ("openai", "openai/gpt")),
        ("", "openai/gpt", ("openai", "gpt")),
        ("", "openai/brand-new", ("openai", "brand-new")),
        ("", "openai/a/b", ("openai", "a/b")),
        ("", "tiny", ("local", "tiny")),
        ("", "meta/llama", ("router", "meta/llama")),
        ("", "router/openai/gpt", ("router", "openai/gpt")),
    ],
)
async def test_a_name_means_one_provider(
    provider: str, model: str, served_by: tuple[str, str]
) -> None:
    it = house()
    async with it.model.stream(ask(wanted(provider, model))) as events:
        assert await drain(events) == list(ANSWER)
    name, upstream_model = served_by
    assert it.asked == [(name, name, upstream_model)]


@pytest.mark.parametrize(
    ("provider", "model", "says"),
    [
        ("nobody", "gpt", ["nobody", "gemini, local, openai, router"]),
        ("", "nothing", ["nothing", "gemini, local, openai, router"]),
        ("", "nobody/gpt", ["nobody/gpt"]),
        ("", "openai/", ["openai/"]),
        ("", "/gpt", ["/gpt"]),
        ("", "", []),
        ("", "shared", ["shared", "ambiguous", "local, openai"]),
        ("local", "gpt", ["local", "gpt", "shared, tiny"]),
        ("", "local/gpt", ["local", "gpt", "shared, tiny"]),
    ],
)
async def test_a_name_that_means_none_or_several_is_unknown(
    provider: str, model: str, says: Sequence[str]
) -> None:
    it = house()
    with pytest.raises(ModelUnknown) as caught:
        async with it.model.stream(ask(wanted(provider, model))):
            pytest.fail("the block must not be entered")
    assert caught.value.reason is ErrorReason.CALLER_MODEL_UNKNOWN
    assert caught.value.before_upstream
    assert [word for word in says if word not in caught.value.message] == []
    assert it.asked == []


async def test_the_call_keeps_its_identity_and_its_ledger() -> None:
    it, call = house(), ask(wanted("", "openai/gpt"), request_id="mine")
    async with it.model.stream(call):
        pass
    (asked,) = it.upstreams["openai"].calls
    assert asked.ledger is call.ledger
    assert asked.plan == (Target("openai", "gpt"),)
    assert attrs.evolve(asked, request=call.request, plan=()) == call


@pytest.mark.parametrize(
    ("changed", "goes"),
    [
        ({}, "past"),
        ({"temperature": 0.0, "stop": ("x",)}, "past"),
        ({"idempotency_key": "mine"}, "through"),
        ({"response_cache": ResponseCachePolicy(coalesce=True)}, "through"),
        ({"on_disconnect": OnDisconnect.CANCEL}, "through"),
    ],
)
async def test_only_a_call_that_asks_for_what_is_outside_goes_through_it(
    changed: Mapping[str, object], goes: str
) -> None:
    outside, inside = Upstream(), Upstream()
    routed = Routed({"openai": Upstream(name="openai")}, outside, plain=inside)
    request = attrs.evolve(wanted("openai", "gpt"), **changed)  # type: ignore[arg-type]
    async with routed.stream(ask(request)):
        pass
    assert [len(outside.calls), len(inside.calls)] == ([0, 1] if goes == "past" else [1, 0])


async def test_what_a_name_means_is_found_out_once_for_each_caller() -> None:
    provider = Counting(name="openai", declared=("gpt",))
    routed = Routed({"openai": provider}, Upstream())
    for caller in (Caller("bob"), Caller("bob"), Caller("eve", allow=("openai/*",))):
        async with routed.stream(attrs.evolve(ask(wanted("", "gpt")), caller=caller)):
            pass
    assert provider.asked_for == ["gpt", "gpt"]
    for _ in range(2):
        with pytest.raises(AccessDenied, match="caller 'pat'"):
            routed.stream(
                attrs.evolve(ask(wanted("", "gpt")), caller=Caller("pat", allow=("local/*",)))
            )


async def test_what_the_model_lacks_is_refused() -> None:
    it = House({"openai": Upstream(name="openai", features=frozenset())})
    with pytest.raises(InvalidRequest, match="top_k"):
        async with it.model.stream(ask(attrs.evolve(wanted("openai", "m"), top_k=1))):
            pytest.fail("the block must not be entered")


async def test_a_provider_without_its_key_tells_the_remedy_first() -> None:
    request = attrs.evolve(wanted("gemini", "any"), top_k=1)
    with pytest.raises(NotConfigured, match="GEMINI_API_KEY") as caught:
        async with house().model.stream(ask(request)):
            pytest.fail("the block must not be entered")
    assert caught.value.reason is ErrorReason.PROVIDER_NOT_CONFIGURED
    assert caught.value.before_upstream


def test_an_absent_provider_shows_no_models_but_takes_everything() -> None:
    absent = Absent("gemini", "set GEMINI_API_KEY")
    assert absent.models() == ()
    info = absent.info("any")
    assert info is not None
    assert (info.provider, info.model, info.features) == ("gemini", "any", frozenset(Feature))


def test_all_models_are_listed_by_provider() -> None:
    listed = [(each.provider, each.model) for each in house().model.models()]
    assert listed == [
        ("local", "tiny"),
        ("local", "shared"),
        ("openai", "gpt"),
        ("openai", "shared"),
        ("router", "openai/gpt"),
        ("router", "meta/llama"),
    ]


def test_one_providers_models_are_listed() -> None:
    routed = house().model
    assert [each.model for each in routed.models("local")] == ["tiny", "shared"]
    assert list(routed.models("gemini")) == []


def test_an_unknown_providers_models_are_unknown() -> None:
    with pytest.raises(ModelUnknown, match="nobody"):
        house().model.models("nobody")


def test_a_house_without_providers_says_so() -> None:
    with pytest.raises(ModelUnknown, match="none"):
        Routed({}).stream(ask())


# ------------------------------------------------------------------ for those who may not use everything


@pytest.mark.parametrize(
    ("provider", "model", "named"),
    [("", "gpt", "openai/gpt"), ("local", "none", "local/none"), ("gemini", "x", "gemini/x")],
)
def test_what_a_caller_may_not_use_is_refused_before_anything_is_told_of_it(
    provider: str, model: str, named: str
) -> None:
    here = house()
    call = attrs.evolve(ask(wanted(provider, model)), caller=Caller("bob", allow=("router/*",)))
    with pytest.raises(AccessDenied, match=f"may not use {named}"):
        here.model.stream(call)
    assert here.asked == []


@pytest.mark.parametrize(
    ("provider", "model"), [("nowhere", "x"), ("", "x"), ("", "shared"), ("local", "tinier")]
)
def test_an_error_names_only_what_its_caller_may_use(provider: str, model: str) -> None:
    caller = Caller("bob", allow=("local/t*",))
    with pytest.raises(ModelUnknown) as caught:
        house().model.stream(attrs.evolve(ask(wanted(provider, model)), caller=caller))
    assert "local" in caught.value.message
    for hidden in ("openai", "router", "gemini", "local: shared", "shared, tiny"):
        assert hidden not in caught.value.message


def test_models_are_listed_for_those_who_may_use_them() -> None:
    caller = Caller("bob", allow=("local/t*", "router/meta/*"))
    model = house().model
    listed = [(each.provider, each.model) for each in model.models(caller=caller)]
    assert listed == [("local", "tiny"), ("router", "meta/llama")]
    assert model.models("openai", caller) == []


def falling_back(*fallbacks: Target) -> ChatRequest:
    return attrs.evolve(wanted("openai", "gpt"), top_k=1, routing=Routing(fallbacks=fallbacks))


async def test_a_plan_is_the_first_choice_and_its_fallbacks_once_each() -> None:
    it, call = house(), ask(falling_back(Target("", "tiny"), Target("openai", "gpt")))
    async with it.model.stream(call):
        pass
    (asked,) = it.upstreams["openai"].calls
    assert asked.plan == (Target("openai", "gpt"), Target("local", "tiny"))


@pytest.mark.parametrize(
    ("fallback", "problem"),
    [
        (Target("nobody", "m"), "no provider 'nobody' is configured"),
        (Target("local", "huge"), "'local' has no model 'huge'"),
    ],
)
def test_a_fallback_that_is_not_there_is_refused_by_its_place(
    fallback: Target, problem: str
) -> None:
    it = house()
    with pytest.raises(InvalidRequest, match=problem) as caught:
        it.model.stream(ask(falling_back(Target("local", "tiny"), fallback)))
    assert [each.field for each in caught.value.violations] == ["routing.fallbacks[1]"]


def half_able(*, router: frozenset[Feature]) -> House:
    """Return a house of which openai takes no top_k."""
    plain = Upstream(name="openai", features=frozenset(Feature) - {Feature.TOP_K})
    return House({"openai": plain, "router": Upstream(name="router", features=router)})


async def test_a_route_that_cannot_take_the_request_is_left_out_while_another_can() -> None:
    it = half_able(router=frozenset(Feature))
    for provider, other in (("openai", "router"), ("router", "openai")):
        request = attrs.evolve(
            falling_back(Target(other, "m")),
            provider=provider,
            model="m",
            messages=question().messages,
        )
        async with it.model.stream(ask(request)) as events:
            assert await drain(events) == list(ANSWER)
    assert it.upstreams["openai"].calls == []
    assert [each.plan for each in it.upstreams["router"].calls] == [(Target("router", "m"),)] * 2


def test_where_no_route_can_take_the_request_the_error_says_what_each_lacks() -> None:
    it = half_able(router=frozenset())
    with pytest.raises(InvalidRequest) as caught:
        it.model.stream(ask(falling_back(Target("router", "m"))))
    assert [each.field for each in caught.value.violations] == ["top_k", "top_k"]
    first, second = [each.description for each in caught.value.violations]
    assert "openai/gpt" in first
    assert "router/m" in second


def test_a_fallback_that_the_caller_may_not_use_is_refused() -> None:
    caller = Caller("anna", allow=("openai/*",))
    call = attrs.evolve(ask(falling_back(Target("local", "tiny"))), caller=caller)
    with pytest.raises(AccessDenied, match=r"routing.fallbacks\[0\]: caller 'anna' may not use"):
        house().model.stream(call)
