"""A record becomes a row and a record again, whatever is in it."""

from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.sql.schema import USAGE_RECORDS
from adapters.storage.writing.rows import COLUMNS, Row, decode, line_of, row_in, rows_of
from domain.model.usage import Usage, UsageRecord
from tests.support.account_records import full_record, record


def _row(of: UsageRecord) -> Row:
    (row,) = rows_of([of])
    return row


def _told(row: Row) -> dict[str, Any]:
    return dict(orjson.loads(line_of(row)))


def test_the_columns_are_those_of_the_table() -> None:
    assert tuple(column.name for column in USAGE_RECORDS.columns) == COLUMNS


def test_every_field_comes_back() -> None:
    assert decode(_told(_row(full_record()))) == full_record()
    assert decode(_told(_row(record()))) == record()


def test_a_column_that_a_line_does_not_have_is_null() -> None:
    told = _told(_row(full_record()))
    del told["raw_usage"], told["first_token_us"]
    old = decode(_told(row_in(orjson.dumps(told))))
    assert old.attempt.usage.raw is None
    assert old.attempt.first_token_s is None


def test_every_row_has_an_identity_of_its_own_ordered_by_time() -> None:
    rows = [*rows_of([record()] * 500), *(_row(record()) for _ in range(500))]
    ids = [str(row[0]) for row in rows]
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
    row = _told(_row(record(usage=Usage(raw={"value": value}))))
    assert row["raw_usage"] == {"value": kept}


@pytest.mark.parametrize("tokens", [2**63, 2**64 - 1, 2**64, -(2**63) - 1])
def test_a_count_that_no_column_holds_becomes_the_largest_it_can(tokens: int) -> None:
    row = _told(_row(record(usage=Usage(input_tokens=tokens))))
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
    st.text(st.characters()),
)
def test_every_record_can_be_a_row(
    raw: Any, labels: dict[str, str], tokens: int, text: str
) -> None:
    usage = Usage(raw=raw, input_tokens=tokens)
    row = _row(attrs.evolve(record(usage=usage), request_id=text, labels=labels))
    line = line_of(row)
    assert b"\n" not in line
    assert row_in(line) == row
    assert _row(decode(_told(row)))[1:] == row[1:]
