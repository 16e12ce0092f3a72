"""Connections in memory: who gets which, and what is written when."""

import httpx
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from adapters.http.transport.opening import open_transport
from adapters.http.transport.pool import Limits
from tests.support.http_peer import (
    Far,
    answering,
    answering_once,
    head,
    request_on,
    sized,
)

URL = "http://far.test/v1"
FINE = sized(b"fine")


def post(timeout: dict[str, float] | None = None, **fields: object) -> httpx.Request:
    """Return a request."""
    extensions = {"timeout": timeout} if timeout else None
    return httpx.Request("POST", URL, content=b"{}", extensions=extensions, **fields)  # type: ignore[arg-type]


async def body_of(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> bytes:
    """Return the body of the answer to `request`."""
    response = await transport.handle_async_request(request)
    return await response.aread()


async def test_an_httpx_client_can_use_it(nursery: trio.Nursery) -> None:
    far = Far(answering(FINE), nursery)
    async with open_transport(connect=far.connect) as transport:
        client = httpx.AsyncClient(transport=transport)
        for _ in range(2):
            assert (await client.post(URL, json={"a": 1})).text == "fine"
    assert len(far.streams) == 1
    assert far.all_closed


async def test_an_answer_that_is_left_half_read_closes_its_connection(
    nursery: trio.Nursery,
) -> None:
    far = Far(answering(sized(b"x" * 100_000)[:50_000]), nursery)
    async with open_transport(connect=far.connect) as transport:
        response = await transport.handle_async_request(post())
        assert isinstance(response.stream, httpx.AsyncByteStream)
        await anext(aiter(response.stream))
        await response.aclose()
        assert far.all_closed


async def test_no_more_connections_than_allowed_and_first_come_first_served(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    far = Far(answering(1.0, FINE), nursery)
    order: list[int] = []

    async def ask(number: int, transport: httpx.AsyncBaseTransport) -> None:
        await trio.sleep(number * 0.01)
        await body_of(transport, post())
        order.append(number)

    async with (
        open_transport(Limits(connections=2), connect=far.connect) as transport,
        trio.open_nursery() as asking,
    ):
        for number in range(6):
            asking.start_soon(ask, number, transport)
    assert len(far.streams) == 2
    assert order == [0, 1, 2, 3, 4, 5]
    assert trio.current_time() == pytest.approx(3.01, abs=0.1)


async def test_a_wait_for_a_place_is_bounded_and_leaves_the_place_to_others(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    far = Far(answering(10.0, FINE), nursery)
    async with open_transport(Limits(connections=1), connect=far.connect) as transport:
        nursery.start_soon(body_of, transport, post())
        await trio.sleep(1)
        with pytest.raises(httpx.PoolTimeout):
            await transport.handle_async_request(post({"pool": 2.0}))
        assert trio.current_time() == 3.0
        assert await body_of(transport, post({"pool": 60.0})) == b"fine"


async def test_a_connection_that_was_idle_for_too_long_is_not_used(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    far = Far(answering(FINE), nursery)
    async with open_transport(Limits(idle_s=5.0), connect=far.connect) as transport:
        await body_of(transport, post())
        await trio.sleep(5.1)
        await body_of(transport, post())
        assert [stream.closed for stream in far.streams] == [True, False]


async def test_the_connection_used_last_is_used_next_so_that_the_others_expire(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    far = Far(answering(0.5, FINE), nursery)
    async with open_transport(Limits(idle_s=5.0), connect=far.connect) as transport:
        async with trio.open_nursery() as asking:
            for _ in range(3):
                asking.start_soon(body_of, transport, post())
        for _ in range(4):
            await trio.sleep(1.5)
            await body_of(transport, post())
        assert sum(not stream.closed for stream in far.streams) == 1


async def test_no_more_connections_are_kept_than_allowed(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    far = Far(answering(1.0, FINE), nursery)
    async with open_transport(Limits(idle_connections=2), connect=far.connect) as transport:
        async with trio.open_nursery() as asking:
            for _ in range(5):
                asking.start_soon(body_of, transport, post())
        assert sum(not stream.closed for stream in far.streams) == 2


async def test_a_request_is_written_once_whatever_becomes_of_it(nursery: trio.Nursery) -> None:
    requests: list[bytes | None] = []

    async def fickle(stream: trio.abc.Stream) -> None:
        requests.append(await request_on(stream))
        await stream.send_all(FINE)
        requests.append(await request_on(stream))

    far = Far(fickle, nursery)
    async with open_transport(connect=far.connect) as transport:
        await body_of(transport, post())
        with pytest.raises(httpx.ReadError, match="without an answer"):
            await transport.handle_async_request(post())
    assert len(requests) == 2
    assert len(far.streams) == 1


async def test_a_refusal_that_comes_before_the_body_was_taken_is_read(
    nursery: trio.Nursery,
) -> None:
    async def refuse(stream: trio.abc.Stream) -> None:
        await stream.receive_some(10)
        await stream.send_all(sized(b"too long", "413 Content Too Large", connection="close"))

    far = Far(refuse, nursery)
    async with open_transport(connect=far.connect) as transport:
        response = await transport.handle_async_request(post())
        assert (response.status_code, await response.aread()) == (413, b"too long")
    assert far.all_closed


SWITCHED = head("101 Switching Protocols", upgrade="x", connection="upgrade")


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n", SWITCHED])
async def test_what_is_no_answer_is_an_error_and_leaves_no_connection(
    data: bytes, nursery: trio.Nursery
) -> None:
    far = Far(answering_once(data), nursery)
    async with open_transport(connect=far.connect) as transport:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await transport.handle_async_request(post())
        assert far.all_closed


@pytest.mark.parametrize(
    ("bound", "kind"),
    [
        ({"connect": 1.0}, httpx.ConnectTimeout),
        ({"read": 1.0}, httpx.ReadTimeout),
    ],
)
async def test_each_step_has_its_own_bound(
    bound: dict[str, float],
    kind: type[Exception],
    autojump_clock: MockClock,
    nursery: trio.Nursery,
) -> None:
    far = Far(answering(1e9), nursery, connect_s=1e9 if "connect" in bound else 0.0)
    async with open_transport(connect=far.connect) as transport:
        with pytest.raises(kind):
            await transport.handle_async_request(post(bound))
        assert far.all_closed
    assert trio.current_time() == 1.0


async def test_the_bound_of_writing_does_not_bound_the_wait_for_an_answer(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    far = Far(answering(2.0, FINE), nursery)
    async with open_transport(connect=far.connect) as transport:
        assert await body_of(transport, post({"write": 1.0})) == b"fine"


async def test_an_unknown_protocol_is_refused() -> None:
    async with open_transport() as transport:
        with pytest.raises(httpx.UnsupportedProtocol):
            await transport.handle_async_request(httpx.Request("POST", "ftp://a/"))


async def test_closing_closes_busy_connections_too(nursery: trio.Nursery) -> None:
    far = Far(answering(1e9), nursery)
    caught: list[Exception] = []

    async def ask(transport: httpx.AsyncBaseTransport) -> None:
        try:
            await transport.handle_async_request(post())
        except httpx.TransportError as error:
            caught.append(error)

    async with open_transport(connect=far.connect) as transport:
        nursery.start_soon(ask, transport)
        await trio.testing.wait_all_tasks_blocked()
    assert far.all_closed
    await trio.testing.wait_all_tasks_blocked()
    assert len(caught) == 1
