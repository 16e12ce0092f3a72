"""HTTP/1.1 as bytes: where they are cut does not matter, and nothing short passes for whole."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.transport.wire import MAX_HEAD_BYTES, ResponseReader, request_bytes
from tests.support.http_peer import CHUNKED, LAST, head, piece, sized

BODIES = {
    "sized": (sized(b"hello"), b"hello"),
    "empty": (sized(b""), b""),
    "chunked": (CHUNKED + piece(b"hel") + piece(b"lo") + LAST, b"hello"),
    "with trailers": (CHUNKED + piece(b"hello") + b"0\r\nx-sum: 1\r\n\r\n", b"hello"),
    "with chunk extensions": (CHUNKED + b"5;a=b\r\nhello\r\n" + LAST, b"hello"),
    "after continue": (head("100 Continue") + sized(b"hello"), b"hello"),
    "after hints": (head("103 Early Hints", link="</a>") + sized(b"hello"), b"hello"),
    "no content": (head("204 No Content"), b""),
}


def read(*pieces: bytes) -> tuple[ResponseReader, bytes]:
    reader = ResponseReader()
    body = []
    for each in pieces:
        reader.feed(each)
        body.append(reader.take())
    return reader, b"".join(body)


def feed_often(reader: ResponseReader, data: bytes, times: int) -> None:
    for _ in range(times):
        reader.feed(data)


@pytest.mark.parametrize("name", BODIES)
def test_a_response_cut_at_every_byte_is_the_same(name: str) -> None:
    data, body = BODIES[name]
    whole, whole_body = read(data)
    bytewise, bytewise_body = read(*(data[i : i + 1] for i in range(len(data))))
    assert whole_body == bytewise_body == body
    for reader in (whole, bytewise):
        assert reader.complete
        assert reader.keeps_alive
        assert b"link" not in dict(reader.headers)
    assert (whole.status, whole.headers) == (bytewise.status, bytewise.headers)


@pytest.mark.parametrize("name", ["sized", "chunked", "with trailers", "after continue"])
def test_a_response_that_ends_anywhere_before_its_end_is_an_error(name: str) -> None:
    data, _ = BODIES[name]
    for length in range(len(data)):
        reader, _ = read(data[:length])
        # Nothing at all is another matter than half of something.
        kind = httpx.RemoteProtocolError if reader.head_complete else httpx.ReadError
        with pytest.raises(kind):
            reader.end()


def test_a_body_that_never_said_where_it_ends_ends_with_the_connection() -> None:
    reader, body = read(head(), b"hello")
    assert not reader.complete
    reader.end()
    assert (reader.complete, reader.keeps_alive, body) == (True, False, b"hello")


def test_a_server_that_wants_to_close_is_not_kept() -> None:
    reader, _ = read(sized(b"hello", connection="close"))
    assert reader.complete
    assert not reader.keeps_alive


def test_what_follows_a_response_makes_the_connection_unfit() -> None:
    for excess in (sized(b"again"), b"garbage", b"HTTP/1.1 2"):
        reader, body = read(sized(b"hello") + excess)
        assert (reader.complete, reader.keeps_alive) == (True, False)
        assert (reader.status, body) == (200, b"hello")


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        head(content_length="x"),
        CHUNKED + b"zz\r\n",
        head("101 Switching Protocols", upgrade="x", connection="upgrade"),
    ],
)
def test_what_is_no_http_is_an_error(data: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        read(data)


def test_a_head_is_bounded_however_it_is_spread() -> None:
    line = b"x-fill: " + b"x" * 1000 + b"\r\n"
    reader = ResponseReader()
    reader.feed(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(httpx.RemoteProtocolError, match="too long"):
        feed_often(reader, line, MAX_HEAD_BYTES // len(line) + 1)


def test_endless_interim_responses_are_bounded() -> None:
    reader = ResponseReader()
    with pytest.raises(httpx.RemoteProtocolError, match="too long"):
        feed_often(reader, head("103 Early Hints", link="</a>"), 10_000)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes, size: int) -> None:
    reader = ResponseReader()
    try:
        for start in range(0, len(data), size):
            reader.feed(data[start : start + size])
        reader.end()
    except (httpx.RemoteProtocolError, httpx.ReadError):
        pass


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\0"])
def test_a_header_cannot_break_out_of_its_line(end: bytes) -> None:
    request = httpx.Request("POST", "http://a/", headers=[(b"x", b"a" + end + b"evil: 1")])
    with pytest.raises(httpx.LocalProtocolError):
        request_bytes(request, b"")


def test_a_body_of_unknown_length_goes_as_a_chunk() -> None:
    request = httpx.Request("POST", "http://a/", headers={"transfer-encoding": "chunked"})
    assert request_bytes(request, b"hello").endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert request_bytes(request, b"").endswith(b"\r\n\r\n0\r\n\r\n")


def test_a_method_whose_answer_has_no_telling_head_is_refused() -> None:
    with pytest.raises(httpx.LocalProtocolError, match="HEAD"):
        request_bytes(httpx.Request("HEAD", "http://a/"), b"")
