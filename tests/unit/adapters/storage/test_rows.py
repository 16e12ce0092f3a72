"""A record becomes a row and a record again, whatever is in it."""

from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.writing.rows import decode, encode
from domain.model.usage import Usage
from tests.support.account_records import full_record, record


def test_every_field_comes_back() -> None:
    assert decode(orjson.loads(encode(full_record()))) == full_record()
    assert decode(orjson.loads(encode(record()))) == record()


def test_every_row_has_an_identity_of_its_own_ordered_by_time() -> None:
    ids = [orjson.loads(encode(record()))["record_id"] for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {len(each) for each in ids} == {32}
    assert [each[:12] for each in ids] == sorted(each[:12] for each in ids)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud800", "?"),
        (2**70, 2**63 - 1),
        (-(2**70), -(2**63) + 1),
        (("a", "\0"), ["a", "\ufffd"]),
        ({"\0": 1.5, "n": None, "t": True}, {"\ufffd": 1.5, "n": None, "t": True}),
        (r"\u0000", r"\u0000"),
    ],
)
def test_what_no_database_holds_becomes_the_nearest_it_can(value: Any, kept: object) -> None:
    row = orjson.loads(encode(record(usage=Usage(raw={"value": value}))))
    assert row["raw_usage"] == {"value": kept}


@pytest.mark.parametrize("tokens", [2**63, 2**64 - 1, 2**64, -(2**63) - 1])
def test_a_count_that_no_column_holds_becomes_the_largest_it_can(tokens: int) -> None:
    row = orjson.loads(encode(record(usage=Usage(input_tokens=tokens))))
    assert abs(row["input_tokens"]) == 2**63 - 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=8,
)


@settings(max_examples=40)
@given(
    st.dictionaries(st.text(st.characters()), _JSON),
    st.dictionaries(st.text(st.characters()), st.text(st.characters())),
    st.integers(),
)
def test_every_record_can_be_encoded(raw: Any, labels: dict[str, str], tokens: int) -> None:
    usage = Usage(raw=raw, input_tokens=tokens)
    line = encode(attrs.evolve(record(usage=usage), labels=labels))
    assert b"\n" not in line
    decoded = decode(orjson.loads(line))
    assert encode(decoded)
