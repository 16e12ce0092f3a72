"""Details of thoughts, out of pieces: none is lost, none becomes another."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.chat_completions.thoughts import Thoughts


def joined(*deltas: list[dict[str, Any]]) -> Any:
    thoughts = Thoughts()
    for delta in deltas:
        thoughts.take(delta)
    return json.loads(thoughts.joined())


def text(words: Any = None, **fields: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": words, "index": 0, **fields}


def secret(data: str, **fields: Any) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": data, "index": 0, **fields}


def test_pieces_of_a_text_are_one_detail_and_its_signature_comes_last() -> None:
    assert joined([text("a", format=None)], [text("b", format="x")], [text(signature="s")]) == [
        {"type": "reasoning.text", "text": "ab", "index": 0, "format": "x", "signature": "s"}
    ]


def test_a_field_that_is_said_is_not_unsaid() -> None:
    first, second = text("a", format="x", id="1"), text("b", format=None, id=None, signature=None)
    assert joined([first], [second]) == [text("ab", format="x", id="1", signature=None)]


def test_a_signature_seals_a_text() -> None:
    assert joined([text("a", signature="s")], [text("b")]) == [text("a", signature="s"), text("b")]


def test_pieces_of_several_texts_are_told_apart_by_their_index() -> None:
    deltas = ([text("a")], [text("b", index=1)], [text("c")], [text("d", index=1)])
    assert joined(*deltas) == [text("ac"), text("bd", index=1)]


def test_pieces_on_both_sides_of_another_kind_are_two_details() -> None:
    assert joined([text("a")], [secret("x")], [text("b")]) == [text("a"), secret("x"), text("b")]


def test_what_comes_whole_is_never_joined() -> None:
    call = {"type": "reasoning.server_tool_call", "tool_name": "f", "arguments": "{}", "result": ""}
    odd: list[dict[str, Any]] = [{"type": ["odd"]}, {}, {"type": "reasoning.new", "text": "a"}]
    whole = [secret("x"), secret("x"), call, call, *odd, *odd]
    assert joined(*([each] for each in whole)) == whole


def test_words_that_are_no_words_stay_as_they_are() -> None:
    assert joined([text({"odd": 1})]) == [text({"odd": 1})]
    assert joined([text("")]) == [text("")]
    assert joined([{"type": "reasoning.text"}]) == [{"type": "reasoning.text"}]


def test_what_can_be_read_is_told() -> None:
    thoughts = Thoughts()
    assert not thoughts
    assert (
        thoughts.take([text("a"), secret("x"), {"type": "reasoning.summary", "summary": "b"}])
        == "ab"
    )
    assert thoughts
    assert thoughts.take([text()]) == ""


DETAILS = st.lists(
    st.one_of(
        st.builds(
            text, st.none() | st.text(), index=st.integers(0, 1), signature=st.none() | st.text()
        ),
        st.builds(secret, st.text(), index=st.integers(0, 1)),
    ),
    max_size=6,
)


@given(DETAILS)
def test_a_whole_message_goes_back_unchanged(details: list[dict[str, Any]]) -> None:
    assert joined(details) == details


@given(st.text(min_size=1), st.lists(st.integers(0, 20)), st.text(min_size=1))
def test_however_a_text_is_cut_it_is_the_same(words: str, cuts: list[int], proof: str) -> None:
    places = sorted({0, len(words), *(min(cut, len(words)) for cut in cuts)})
    pieces = [words[start:end] for start, end in pairwise(places)]
    assert joined(*([text(piece)] for piece in pieces), [text(signature=proof)]) == [
        text(words, signature=proof)
    ]
