"""Server-sent events: where the bytes are cut does not matter, and nothing grows without bound."""

import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.sse import MAX_STRAY_BYTES, ServerSentEvent, SseParser
from domain.model.errors import ErrorReason, ProviderFailure
from tests.support.http_calls import cuts


def parsed(pieces: Iterable[bytes]) -> list[tuple[bytes, str]]:
    parser = SseParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.end()]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"data: a\n\n", [(b"a", "message")]),
        (b"data:a\n\n", [(b"a", "message")]),
        (b"data:  a\n\n", [(b" a", "message")]),
        (b"data: a\r\n\r\n", [(b"a", "message")]),
        (b"data: a\r\rdata: b\r\r", [(b"a", "message"), (b"b", "message")]),
        (b"data: a\r\n\ndata: b\n\r\n", [(b"a", "message"), (b"b", "message")]),
        (b"data: a\ndata: b\ndata:\n\n", [(b"a\nb\n", "message")]),
        (b"data\ndata\n\n", [(b"\n", "message")]),
        (b"data:\n\n", [(b"", "message")]),
        (b"event: error\ndata: a\n\ndata: b\n\n", [(b"a", "error"), (b"b", "message")]),
        (b"event: lost\n\ndata: a\n\n", [(b"a", "message")]),
        (b"event:\ndata: a\n\n", [(b"a", "message")]),
        (b": comment\n\n:\n\ndata: a\n\n", [(b"a", "message")]),
        (b"id: 1\nretry: 5\ndata: a\nunknown: x\n\n", [(b"a", "message")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"a", "message")]),
        (b"data: \xef\xbb\xbfa\n\n", [(b"\xef\xbb\xbfa", "message")]),
        (b"\n\n\n", []),
        (b"data: a\n\ndata: b\n", [(b"a", "message"), (b"b", "message")]),
        (b"data: a\n\ndata: b", [(b"a", "message"), (b"b", "message")]),
        ("data: é\n\n".encode(), [("é".encode(), "message")]),
        (b"data: \xff\n\n", [(b"\xff", "message")]),
    ],
    ids=repr,
)
def test_events_are_what_the_specification_says_however_they_are_cut(
    data: bytes, events: list[tuple[bytes, str]]
) -> None:
    assert parsed([data]) == events
    assert parsed(cuts(data, 1)) == events
    for size in range(len(data)):
        assert parsed([data[:size], b"", data[size:]]) == events


LINES = st.sampled_from(
    [b"data: a", b"data:", b"data", b"event: x", b"event", b": c", b"id: 1", b"", b"{", b"\xc3\xa9"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.data())
def test_any_stream_means_the_same_cut_anywhere(
    lines: list[tuple[bytes, bytes]], draw: st.DataObject
) -> None:
    stream = b"".join(line + end for line, end in lines)
    places = sorted(draw.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    assert parsed(pieces) == parsed([stream])


@given(st.binary(max_size=200), st.integers(1, 20))
def test_any_bytes_mean_the_same_cut_anywhere(data: bytes, size: int) -> None:
    assert parsed(cuts(data, size)) == parsed([data])


def test_lines_that_are_no_field_are_kept_for_who_can_read_them() -> None:
    bare = b'{\n  "error": {\n    "code": 503\n  }\n}'
    for size in (1, 3, 1000):
        parser = SseParser()
        stream = b"data: a\n\n" + bare + b"\n\ndata: b\n\n"
        events = [event for piece in cuts(stream, size) for event in parser.feed(piece)]
        assert events == [ServerSentEvent(b"a"), ServerSentEvent(b"b")]
        assert parser.stray == bare


def test_a_last_line_without_its_end_is_kept_too() -> None:
    parser = SseParser()
    assert list(parser.feed(b'{"error":1}')) == []
    assert list(parser.end()) == []
    assert parser.stray == b'{"error":1}'


def test_what_is_kept_of_stray_lines_is_bounded() -> None:
    parser = SseParser()
    for _ in range(100):
        assert list(parser.feed(b"x" * 10_000 + b"\n")) == []
    assert len(parser.stray) <= MAX_STRAY_BYTES


@pytest.mark.parametrize(
    "data",
    [
        b"data: " + b"x" * 100 + b"\n\n",
        b": " + b"x" * 100 + b"\n\n",
        b"x" * 101,
        b"data: xxxx\n" * 11 + b"\n",
    ],
    ids=["data", "comment", "unended", "many lines"],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_is_too_long_is_refused_however_it_is_cut(data: bytes, size: int) -> None:
    parser = SseParser(max_event_bytes=100)
    events: list[ServerSentEvent] = []

    def feed() -> None:
        for piece in cuts(b"data: before\n\n" + data, size):
            events.extend(event for event in parser.feed(piece))

    with pytest.raises(ProviderFailure) as caught:
        feed()
    assert caught.value.reason is ErrorReason.PROVIDER_PROTOCOL_ERROR
    assert size == 1000 or events == [ServerSentEvent(b"before")]


def test_what_came_before_something_too_long_is_given_before_the_error() -> None:
    events = SseParser(max_event_bytes=10).feed(b"data: a\n\ndata: " + b"x" * 20 + b"\n\n")
    assert next(events) == ServerSentEvent(b"a")
    with pytest.raises(ProviderFailure):
        next(events)


def test_many_short_events_are_no_long_one() -> None:
    parser = SseParser(max_event_bytes=10)
    assert len(list(parser.feed(b"data: abc\n\n" * 1000))) == 1000


def test_a_long_line_in_small_pieces_costs_no_more_than_its_length() -> None:
    def cost_s(length: int) -> float:
        pieces = cuts(b"data: " + b"x" * length + b"\n\n", 16)
        start_s = time.perf_counter()
        assert len(parsed(pieces)) == 1
        return time.perf_counter() - start_s

    # Eight times the length costs eight times as much, and 64 times if the rest were joined anew each time.
    assert min(cost_s(1 << 20) for _ in range(5)) < 30 * min(cost_s(1 << 17) for _ in range(5))
