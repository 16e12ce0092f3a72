"""Look-ups in JSON of any shape: an odd shape is an absent one."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.lookup import count_in, integer_in, json_of, object_in, objects_in, text_in

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)


@given(JSON, st.lists(st.sampled_from("ab"), min_size=1, max_size=3))
def test_any_shape_is_looked_into_without_an_error(value: Any, path: list[str]) -> None:
    assert isinstance(object_in(value, *path), dict)
    assert isinstance(text_in(value, *path), str)
    assert isinstance(integer_in(value, *path), int | None)
    assert all(isinstance(each, dict) for each in objects_in(value, path[0]))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (7, 7),
        (-1, -1),
        (4.0, 4),
        (4.5, None),
        (float("nan"), None),
        (float("inf"), None),
        ("12", 12),
        ("-12", None),
        ("1e3", None),
        ("9" * 5000, None),
        ("²", None),
        (True, None),
        (None, None),
        ([1], None),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_whole_number_is_one_however_it_is_written(value: object, number: int | None) -> None:
    assert integer_in({"a": {"b": value}}, "a", "b") == number


def test_broken_utf_8_is_mended_and_other_bytes_are_no_json() -> None:
    assert json_of(b'{"a":"\xff"}') == {"a": "�"}
    assert json_of(b"{") is None
    assert json_of(b"\xff") is None
    assert json_of(b"") is None


@pytest.mark.parametrize("odd", [10**30, -(10**30), 2**63, 1e300])
def test_a_number_that_fits_no_64_bits_is_absent(odd: float) -> None:
    assert integer_in({"a": odd}, "a") is None


@pytest.mark.parametrize("odd", [-5, -1, 10**9 + 1, 2**62, "-3", None])
def test_what_nobody_can_have_counted_is_absent(odd: object) -> None:
    assert count_in({"a": odd}, "a") is None


def test_half_a_character_is_mended_and_a_whole_one_is_kept() -> None:
    assert json_of(rb'{"a": "x\ud800y", "b": ["\ud83d\ude00"]}') == {
        "a": "x\ufffdy",
        "b": ["\U0001f600"],
    }


def test_a_byte_order_mark_is_passed_over() -> None:
    assert json_of(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (b"1" + b"0" * 400, None),
        (b"-1" + b"0" * 400, None),
        (b"1" + b"0" * 30, 1e30),
        (b"1" * 5_000, None),
        (b"1e999", None),
        (b"NaN", None),
        (b"-Infinity", None),
        (b"-7", -7),
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", 2.0**63),
        (b"2.5", 2.5),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_numbers_are_such_as_every_reader_takes(said: bytes, read: float | None) -> None:
    # The half of a character keeps the fast reader away.
    value = json_of(b'{"n":' + said + b',"s":"\\ud800"}')
    assert value == {"n": read, "s": "\N{REPLACEMENT CHARACTER}"}
    assert orjson.loads(orjson.dumps(value)) == value


def test_half_a_character_is_mended_wherever_it_stands() -> None:
    assert json_of(rb'{"\ud800": ["\ud800", {"b": 7}]}') == {"\ufffd": ["\ufffd", {"b": 7}]}
