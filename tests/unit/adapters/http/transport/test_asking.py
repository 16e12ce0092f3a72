"""Asking without httpx's values: the same bytes, and any transport."""

from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from trio.testing import MockClock

from adapters.http.transport.asking import Asked, address_of, asking, prepared
from adapters.http.transport.wire import asked_bytes

FIXED = prepared([(b"host", b"a.test"), (b"authorization", b"Bearer k")])
THERE = address_of(httpx.URL("http://a.test/v1/chat?x=1"))


def asked(**changes: object) -> Asked:
    given: dict[str, object] = {"method": "POST", "address": THERE, "headers": FIXED, "body": b"{}"}
    return Asked(**(given | changes))  # type: ignore[arg-type]


def test_a_request_is_written_as_it_is_asked_with_its_length() -> None:
    assert asked_bytes(asked(further=[(b"x-more", b"1")])) == (
        b"POST /v1/chat?x=1 HTTP/1.1\r\nhost: a.test\r\nauthorization: Bearer k\r\n"
        b"content-length: 2\r\nx-more: 1\r\n\r\n{}"
    )


@pytest.mark.parametrize("value", [b"1\r\nx-other: 2", b"1\n", b"1\r", b"\0"])
def test_a_header_cannot_break_out_of_its_line(value: bytes) -> None:
    for each in (asked(further=[(b"x", value)]), asked(headers=prepared([(b"x", value)]))):
        with pytest.raises(httpx.LocalProtocolError, match="line end"):
            asked_bytes(each)


def test_a_method_whose_answer_has_no_body_is_refused() -> None:
    with pytest.raises(httpx.LocalProtocolError, match="HEAD"):
        asked_bytes(asked(method="HEAD"))


def test_only_http_is_an_address() -> None:
    with pytest.raises(httpx.UnsupportedProtocol, match="ftp"):
        address_of(httpx.URL("ftp://a.test/"))
    assert address_of(httpx.URL("https://a.test/")).origin.port == 443


async def test_any_transport_of_httpx_is_asked_the_same() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, headers={"x-id": "7"}, stream=Pieces())

    given = await asking(httpx.MockTransport(answer))(
        asked(further=[(b"x-more", b"1")], wait_s=2.0)
    )
    assert (given.status, given.headers) == (201, [(b"x-id", b"7")])
    assert [await given.read(), await given.read(), await given.read()] == [b"a", b"b", b""]
    await given.aclose()
    assert str(seen[0].url) == "http://a.test/v1/chat?x=1"
    assert seen[0].headers["content-length"] == "2"
    assert seen[0].headers["x-more"] == "1"
    assert seen[0].extensions["timeout"]["connect"] == 2.0


async def test_any_transport_of_httpx_has_as_long_as_ours(autojump_clock: MockClock) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        await trio.sleep(3)
        return httpx.Response(200, stream=Slow())

    began_s = trio.current_time()
    ask = asking(httpx.MockTransport(answer))
    with pytest.raises(httpx.ReadTimeout):
        await ask(asked(due_s=began_s + 2))
    assert trio.current_time() - began_s == 2
    given = await ask(asked())
    assert await given.read(trio.current_time() + 10) == b"a"
    with pytest.raises(httpx.ReadTimeout):
        await given.read(trio.current_time() + 8)
    await given.aclose()
    assert trio.current_time() - began_s == 2 + 3 + 9 + 8


class Slow(httpx.AsyncByteStream):
    """A body whose pieces take their time."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(9)
        return b"a"


class Pieces(httpx.AsyncByteStream):
    """A body in pieces, one of them empty."""

    def __init__(self) -> None:
        self._pieces = iter((b"a", b"", b"b"))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration
