"""Headers in and out: whatever comes is a call or an answer, and what goes out comes back the same."""

import base64
import math
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from purerpc import StatusCode

from entrypoints.grpc.transport.headers import (
    CallHead,
    Rejection,
    read_head,
    read_status,
    status_trailers,
    write_metadata,
)
from entrypoints.grpc.transport.timeouts import read_timeout, write_timeout
from tests.support.grpc_play import request_headers

NAMES = st.text(string.ascii_lowercase + string.digits + "-_.", min_size=1, max_size=20).filter(
    lambda name: (
        not name.startswith("grpc-")
        and not name.endswith("-bin")
        and name not in {"te", "content-type", "user-agent", "connection", "transfer-encoding"}
    )
)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
METADATA = st.lists(
    st.one_of(
        st.tuples(NAMES, TEXT),
        st.tuples(NAMES.map(lambda name: f"{name}-bin"), st.binary(max_size=40)),
    )
)


def stripped(pair: tuple[str, str | bytes]) -> tuple[str, str | bytes]:
    name, value = pair
    return (name, value.strip(" ")) if isinstance(value, str) else pair


@given(METADATA)
def test_metadata_comes_back_as_it_went(metadata: list[tuple[str, str | bytes]]) -> None:
    head = read_head(request_headers(metadata=write_metadata(metadata)))
    assert isinstance(head, CallHead)
    assert list(head.metadata) == [stripped(each) for each in metadata]


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), max_size=10))
def test_no_headers_raise(headers: list[tuple[bytes, bytes]]) -> None:
    for each in (headers, [*request_headers(), *headers]):
        head = read_head(each)
        assert isinstance(head, CallHead | Rejection)
        if isinstance(head, Rejection):
            told = status_trailers(head.code, head.message)
            assert read_status(head.headers(told)) is not None


def test_binary_values_may_be_joined_and_padded() -> None:
    value = base64.b64encode(b"one") + b", " + base64.b64encode(b"four").rstrip(b"=") + b","
    head = read_head(request_headers(metadata=[(b"x-bin", value)]))
    assert isinstance(head, CallHead)
    assert head.metadata == (("x-bin", b"one"), ("x-bin", b"four"), ("x-bin", b""))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("Upper", "x"),
        ("with space", "x"),
        (":status", "200"),
        ("grpc-status", "0"),
        ("grpc-status-details-bin", b"x"),
        ("content-type", "x"),
        ("connection", "close"),
        ("ünicode", "x"),
        ("x", "line\nbreak"),
        ("x", "ü"),
        ("x", "\x7f"),
        ("x", b"bytes"),
        ("x-bin", "text"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_it_is(name: str, value: str | bytes) -> None:
    with pytest.raises(ValueError, match="metadata"):
        write_metadata([(name, value)])


def test_the_head_says_what_was_asked() -> None:
    metadata = [
        (b"grpc-encoding", b"gzip"),
        (b"grpc-accept-encoding", b"identity, gzip"),
        (b"x", b"y"),
        (b"user-agent", b"somebody"),
    ]
    head = read_head(request_headers(timeout=b"250m", metadata=metadata))
    assert head == CallHead(
        service="test.Kinds",
        method="Unary",
        metadata=(("x", "y"),),
        timeout_s=0.25,
        encoding="gzip",
        takes_gzip=True,
    )


@pytest.mark.parametrize(
    "content_type",
    [b"application/grpc", b"application/grpc+proto", b"application/grpc;x=y", b"Application/GRPC"],
)
def test_the_content_type_may_be_said_in_several_ways(content_type: bytes) -> None:
    headers = [
        (name, content_type if name == b"content-type" else value)
        for name, value in request_headers()
    ]
    assert isinstance(read_head(headers), CallHead)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"1H", 3600.0),
        (b"2M", 120.0),
        (b"3S", 3.0),
        (b"4m", 0.004),
        (b"5u", 0.000005),
        (b"6n", 0.000000006),
        (b"0S", 0.0),
        (b"99999999H", 99_999_999 * 3600.0),
    ],
)
def test_a_timeout_is_digits_and_a_unit(value: bytes, seconds: float) -> None:
    assert read_timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", [b"", b"S", b"1", b"1s", b"-1S", b"1.5S", b"123456789S", b" 1S", b"1 S", b"\xb2S"]
)
def test_anything_else_is_no_timeout(value: bytes) -> None:
    assert read_timeout(value) is None


@given(st.floats(min_value=0.0, max_value=4e11))
@example(math.inf)
@example(-1.0)
@example(99_999_999e-9)
@example(0.1)
def test_a_timeout_is_written_as_fine_as_can_be_and_never_longer(timeout_s: float) -> None:
    written = write_timeout(timeout_s)
    assert len(written) <= 9
    read = read_timeout(written)
    assert read is not None
    if 0.0 <= timeout_s < 99_999_999 * 3600:
        assert read <= timeout_s * (1 + 1e-12)
        # Seven digits at least, or nanoseconds.
        assert timeout_s - read <= max(timeout_s / 1e5, 1e-9)


@given(st.sampled_from(StatusCode), st.text(), st.binary(max_size=100))
@example(StatusCode.ABORTED, " \t\r\n%20 \udc80 ☺ 😈 ", b"\0")
@example(StatusCode.ABORTED, "   ", b"")
def test_a_status_comes_back_as_it_went(code: StatusCode, message: str, details: bytes) -> None:
    trailers = status_trailers(code, message, details)
    for _, value in trailers:
        assert value == value.strip()
        assert value.isascii()
        assert all(32 <= each < 127 for each in value)
    ended = read_status(trailers)
    assert ended is not None
    assert ended.code is code
    assert ended.message == message.encode("utf-8", "replace").decode()
    assert ended.details == details


@given(st.text(st.characters(categories=["Cs"])))
def test_a_lone_surrogate_does_not_stop_a_status(message: str) -> None:
    ended = read_status(status_trailers(StatusCode.INTERNAL, message))
    assert ended is not None
    assert ended.message == "?" * len(message)


def test_a_status_that_is_none() -> None:
    assert read_status([(b":status", b"200")]) is None
    assert read_status([(b"grpc-status", b"fine")]) is None
    unknown = read_status([(b"grpc-status", b"99"), (b"x", b"y"), (b":status", b"200")])
    assert unknown is not None
    assert unknown.code is StatusCode.UNKNOWN
    assert unknown.metadata == (("x", "y"),)


def test_who_calls_with_bytes_that_are_no_text_is_left_to_the_authentication() -> None:
    head = read_head([*request_headers(), (b"authorization", b"Bearer \xff")])
    assert isinstance(head, CallHead)
    assert head.metadata == (("authorization", "Bearer \ufffd"),)
