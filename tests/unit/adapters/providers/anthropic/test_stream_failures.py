"""What goes wrong in a stream, and what ends it."""

from typing import Any

import pytest

from adapters.wire.codec import ResponseHead
from domain.model.errors import ChatError, ErrorReason
from domain.model.events import Finished, Started, TextDelta
from tests.contract.anthropic.reading import CODEC, OK, call, frames, play
from tests.unit.adapters.providers.anthropic.streaming import START, STOP, begun, delta, ended


def failure(*pieces: bytes) -> ChatError:
    with pytest.raises(ChatError) as caught:
        play(pieces)
    return caught.value


def test_an_error_ends_the_stream_for_good() -> None:
    decoder = CODEC.decoder(call(), ResponseHead(200, {"request-id": "req_1"}))
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ChatError) as caught:
        list(decoder.feed(frames(START, delta(0, "text_delta", text="a"), error)))
    assert caught.value.reason is ErrorReason.PROVIDER_OVERLOADED
    assert caught.value.retryable
    assert list(decoder.feed(frames(STOP))) == []
    assert list(decoder.end()) == []


def test_what_was_said_before_an_error_in_the_same_bytes_is_given() -> None:
    decoder = CODEC.decoder(call(), OK)
    error = {"type": "error", "error": {"type": "api_error", "message": "m"}}
    events = iter(decoder.feed(frames(START, delta(0, "text_delta", text="a"), error)))
    assert [next(events) for _ in range(3)][-1] == TextDelta("a")
    with pytest.raises(ChatError):
        next(events)


@pytest.mark.parametrize(
    "data",
    [
        b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error"}}\n\n',
        b'event: error\ndata: {"error":{"type":"rate_limit_error"}}\n\n',
        b'data: {"error":{"type":"rate_limit_error","message":"m"}}\n\n',
    ],
)
def test_an_error_may_be_framed_in_any_way(data: bytes) -> None:
    assert failure(data).reason is ErrorReason.PROVIDER_RATE_LIMITED
    assert failure(frames(START), data).reason is ErrorReason.PROVIDER_RATE_LIMITED


@pytest.mark.parametrize("until", [1, 2, 3])
def test_an_end_without_message_stop_is_a_truncation(until: int) -> None:
    events = [START, delta(0, "text_delta", text="a"), ended()]
    error = failure(frames(*events[:until]))
    assert (error.reason, error.retryable) == (ErrorReason.PROVIDER_STREAM_TRUNCATED, True)
    assert error.upstream_status == 200


@pytest.mark.parametrize("body", [b"", b"\n\n", b": hello\n\n", b"event: message_start"])
def test_a_body_that_never_began_is_a_truncation(body: bytes) -> None:
    assert failure(body).reason is ErrorReason.PROVIDER_STREAM_TRUNCATED


def test_the_last_event_may_lack_its_blank_line() -> None:
    assert isinstance(play([frames(START, ended(), STOP).rstrip()])[-1], Finished)


@pytest.mark.parametrize("data", [b"data: {nonsense}\n\n", b"data: [1]\n\n", b"data: hi\n\n"])
def test_an_event_that_is_no_object_makes_no_sense(data: bytes) -> None:
    assert failure(frames(START), data).reason is ErrorReason.PROVIDER_PROTOCOL_ERROR


@pytest.mark.parametrize("event", [begun(0, type="text"), delta(0, "text_delta"), ended(), STOP])
def test_nothing_is_said_before_the_beginning(event: dict[str, Any]) -> None:
    assert failure(frames(event)).reason is ErrorReason.PROVIDER_PROTOCOL_ERROR


def test_a_whole_answer_in_place_of_a_stream_is_read() -> None:
    body = b'{"id":"msg_1","model":"m","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}'
    assert [type(event) for event in play([body])] == [Started, TextDelta, Finished]
    assert failure(b'{"error":{"type":"overloaded_error"}}').reason is (
        ErrorReason.PROVIDER_OVERLOADED
    )
    assert failure(b'{"ok":true}').reason is ErrorReason.PROVIDER_PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("body", "problem"),
    [(b"<html>", "it is a page for browsers"), (b"\xff\xfe", "it is no event stream")],
)
def test_a_body_of_something_else_makes_no_sense(body: bytes, problem: str) -> None:
    error = failure(body)
    assert error.reason is ErrorReason.PROVIDER_PROTOCOL_ERROR
    assert problem in error.message
    assert error.upstream_status == 200
