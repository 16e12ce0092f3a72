"""A call and its identity."""

import re

import attrs

from domain.model.call import ChatCall, Delivery
from domain.model.caller import ANONYMOUS
from tests.support.core_model import question


def test_a_call_that_nobody_named_has_a_name_of_its_own() -> None:
    first, second = ChatCall(request=question()), ChatCall(request=question())
    assert re.fullmatch("[0-9a-f]{32}", first.request_id)
    assert first.request_id != second.request_id


def test_a_call_is_anonymous_and_streamed_unless_said_otherwise() -> None:
    call = ChatCall(request=question())
    assert (call.caller, call.delivery, call.ledger.attempts) == (ANONYMOUS, Delivery.STREAMED, [])


def test_whatever_is_derived_from_a_call_shares_its_ledger() -> None:
    call = ChatCall(request=question())
    assert attrs.evolve(call, delivery=Delivery.WHOLE).ledger is call.ledger
    assert ChatCall(request=question()).ledger is not call.ledger
