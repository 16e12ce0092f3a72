"""A call on its way to the places of its plan."""

import attrs
import pytest

from domain.model.caching import CacheControl
from domain.model.call import ChatCall, Delivery, Ledger
from domain.model.caller import Caller
from domain.model.chat import (
    ChatRequest,
    JsonObjectFormat,
    Message,
    OnDisconnect,
    ReasoningConfig,
    Role,
    Text,
    Timeouts,
    UnsupportedParams,
)
from domain.model.response_cache import ResponseCachePolicy
from domain.model.routing import Routing
from domain.model.target import Target
from domain.model.tools import Tool, ToolChoice, ToolMode

ASKED = ChatRequest(
    provider="",
    model="public",
    messages=(Message(role=Role.USER, parts=(Text(text="hi"),)),),
    temperature=0.0,
    top_p=0.5,
    top_k=1,
    max_tokens=2,
    stop=("x",),
    seed=3,
    presence_penalty=0.1,
    frequency_penalty=0.2,
    cache_control=CacheControl(),
    tools=(Tool(name="f"),),
    tool_choice=ToolChoice(mode=ToolMode.AUTO),
    parallel_tool_calls=False,
    response_format=JsonObjectFormat(),
    reasoning=ReasoningConfig(budget_tokens=4),
    timeouts=Timeouts(idle_s=5.0),
    routing=Routing(max_attempts=2),
    on_disconnect=OnDisconnect.DRAIN,
    response_cache=ResponseCachePolicy(),
    idempotency_key="key",
    labels={"team": "blue"},
    end_user="eve",
    unsupported_params=UnsupportedParams.WARN_AND_DROP,
    provider_options={"p": {"a": 1}},
)


def test_a_call_keeps_all_but_what_its_plan_decides() -> None:
    call = ChatCall(
        request=ASKED,
        caller=Caller("someone"),
        request_id="call-1",
        delivery=Delivery.WHOLE,
        resume_from=3,
        ledger=Ledger(queued_s=1.0),
        traceparent="parent",
        tracestate="state",
    )
    kept = {each.name for each in attrs.fields(ChatCall)} - {"request", "plan", "public"}
    default = ChatCall(request=ASKED)
    assert all(getattr(call, name) != getattr(default, name) for name in kept - {"ledger"})

    plan = (Target("p", "m"), Target("q", "n"))
    planned = call.planned(plan, "public")

    assert (planned.plan, planned.public) == (plan, "public")
    assert all(getattr(planned, name) is getattr(call, name) for name in kept)


@pytest.mark.parametrize("changed", [{}, {"provider": "p"}, {"model": "m"}])
def test_its_request_names_the_first_place_and_is_the_same_else(changed: dict[str, str]) -> None:
    default = ChatRequest(model="", messages=())
    asked = attrs.evolve(ASKED, **changed)  # type: ignore[arg-type]
    kept = {each.name for each in attrs.fields(ChatRequest)} - {"provider", "model"}
    assert all(getattr(asked, name) != getattr(default, name) for name in kept)

    found = ChatCall(request=asked).planned((Target("p", "m"),), "").request

    assert (found.provider, found.model) == ("p", "m")
    assert all(getattr(found, name) is getattr(asked, name) for name in kept)


def test_a_request_that_names_the_first_place_is_left_as_it_is() -> None:
    asked = attrs.evolve(ASKED, provider="p", model="m")
    assert ChatCall(request=asked).planned((Target("p", "m"),), "").request is asked
