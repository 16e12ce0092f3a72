"""A call on its way to the places of its plan."""

import attrs

from domain.model.call import ChatCall, Delivery, Ledger
from domain.model.caller import Caller
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.target import Target

ASKED = ChatRequest(
    provider="", model="public", messages=(Message(role=Role.USER, parts=(Text(text="hi"),)),)
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
    decided = {"request", "plan", "public"}
    kept = {each.name for each in attrs.fields(ChatCall)} - decided
    default = ChatCall(request=ASKED)
    assert all(getattr(call, name) != getattr(default, name) for name in kept - {"ledger"})

    request, plan = attrs.evolve(ASKED, provider="p", model="m"), (Target("p", "m"),)
    planned = call.planned(request, plan, "public")

    assert (planned.request, planned.plan, planned.public) == (request, plan, "public")
    assert all(getattr(planned, name) is getattr(call, name) for name in kept)
