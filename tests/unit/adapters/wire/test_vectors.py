"""Vectors, as numbers and as base64."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.vectors import vector_of
from tests.support.embedding_calls import base64

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FLOATS, min_size=1))
def test_numbers_and_base64_mean_the_same(numbers: list[float]) -> None:
    assert list(vector_of(base64(*numbers))) == numbers
    assert list(vector_of(json.loads(json.dumps(numbers)))) == numbers


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        {},
        [],
        "",
        ["1"],
        [None],
        [10**400],
        [1e40],
        base64(math.inf),
        base64(math.inf, -math.inf),
        "AAA",
        "AAAA",
        "AAAAAA==garbage",
        "é",
    ],
)
def test_what_holds_no_vector_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="it is"):
        vector_of(value)
