"""The body of a request."""

import pytest

from adapters.wire.body import json_body
from domain.model.errors import InvalidRequest


def test_the_same_values_are_the_same_bytes_in_whatever_order_they_came() -> None:
    assert json_body({"b": {"d": 1, "c": 2}, "a": []}) == b'{"a":[],"b":{"c":2,"d":1}}'
    assert json_body({"a": [], "b": {"c": 2, "d": 1}}) == b'{"a":[],"b":{"c":2,"d":1}}'


@pytest.mark.parametrize("value", [object(), 2**65, "\ud800", {1: 2}])
def test_what_json_cannot_say_is_the_callers_fault(value: object) -> None:
    with pytest.raises(InvalidRequest, match="cannot be written as JSON"):
        json_body({"extra": value})
