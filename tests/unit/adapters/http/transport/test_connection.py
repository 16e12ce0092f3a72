"""Real sockets: TLS, connections that went stale, and what the operating system says."""

import contextlib
import socket
import ssl

import httpx
import pytest
import trio
import trustme
from anyio.abc import ByteStream

from adapters.http.transport.connection import Origin, SocketConnect
from adapters.http.transport.opening import open_transport
from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import Finished
from tests.support.http_calls import HELLO, call
from tests.support.http_peer import (
    CHUNKED,
    LAST,
    answering,
    answering_once,
    model_over,
    piece,
    request_on,
    sized,
)
from tests.support.http_sockets import serving

ANSWER = (CHUNKED, piece(HELLO), LAST)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def last_event(transport: httpx.AsyncBaseTransport, base_url: str) -> object:
    async with model_over(transport, base_url).stream(call()) as stream:
        return [event async for event in stream][-1]


async def test_a_call_over_a_socket() -> None:
    async with serving(answering(*ANSWER)) as port, open_transport() as transport:
        assert isinstance(await last_event(transport, f"http://127.0.0.1:{port}/v1"), Finished)
        assert isinstance(await last_event(transport, f"http://localhost:{port}/v1"), Finished)


async def test_a_connection_that_the_server_has_closed_is_not_used() -> None:
    async with serving(answering_once(*ANSWER)) as port, open_transport() as transport:
        for _ in range(5):
            await last_event(transport, f"http://127.0.0.1:{port}/v1")
            # The server's farewell is on its way; a turn of the loop is all that it needs here.
            await trio.sleep(0.01)


async def test_leaving_a_call_is_seen_by_the_server() -> None:
    gone = trio.Event()

    async def watch(stream: trio.abc.Stream) -> None:
        await request_on(stream)
        await stream.send_all(CHUNKED + piece(HELLO[:200]))
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.receive_some()
        gone.set()

    async with serving(watch) as port, open_transport() as transport:
        model = model_over(transport, f"http://127.0.0.1:{port}/v1")
        async with model.stream(call()) as stream:
            await anext(stream)
        with trio.fail_after(5):
            await gone.wait()


async def test_nobody_listening_is_a_failed_connection() -> None:
    async with serving(answering()) as port:
        pass
    async with open_transport() as transport:
        with pytest.raises(ProviderFailure, match="could not be reached") as caught:
            await last_event(transport, f"http://127.0.0.1:{port}/v1")
    assert caught.value.reason is ErrorReason.PROVIDER_CONNECTION_FAILED
    assert caught.value.retryable


async def test_an_unknown_host_is_a_failed_connection() -> None:
    async def unknown(origin: Origin) -> ByteStream:
        await trio.lowlevel.checkpoint()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with open_transport(connect=unknown) as transport:
        with pytest.raises(ProviderFailure, match="not known") as caught:
            await last_event(transport, "http://far.test/v1")
    assert caught.value.reason is ErrorReason.PROVIDER_CONNECTION_FAILED


async def test_a_call_over_tls(authority: trustme.CA) -> None:
    asked: list[str | None] = []
    tls = server_tls(authority, "localhost")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    tls.set_alpn_protocols(["h2", "http/1.1"])
    connect = SocketConnect(client_tls(authority))
    async with (
        serving(answering(*ANSWER), tls) as port,
        open_transport(connect=connect) as transport,
    ):
        for _ in range(2):
            assert isinstance(await last_event(transport, f"https://localhost:{port}/v1"), Finished)
    assert asked == ["localhost"]


class Corked(trio.abc.Stream):
    """Has all that is sent while it is `corked` leave at once."""

    def __init__(self, under: trio.abc.Stream) -> None:
        self.under = under
        self.corked = False
        self.held = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.held += data
        if not self.corked:
            ready, self.held = self.held, b""
            await self.under.send_all(ready)

    async def wait_send_all_might_not_block(self) -> None:
        await self.under.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.under.receive_some(max_bytes)

    async def aclose(self) -> None:
        """Let what was said leave; who opened the stream below closes it."""
        self.corked = False
        await self.send_all(b"")


@pytest.mark.parametrize("more", [sized(b"of nobody"), b""], ids=["an answer", "a farewell"])
async def test_what_comes_behind_an_answer_over_tls_is_no_answer_to_the_next_request(
    authority: trustme.CA, more: bytes
) -> None:
    tls = server_tls(authority, "localhost")

    async def handler(under: trio.abc.Stream) -> None:
        corked = Corked(under)
        stream = trio.SSLStream(corked, tls, server_side=True)
        while (request := await request_on(stream)) is not None:
            # Two records that leave at once: the second waits above the socket while the first is read.
            corked.corked = True
            await stream.send_all(sized(request[-1:]))
            if not more:
                await stream.aclose()
                await trio.sleep_forever()
            await stream.send_all(more)
            corked.corked = False
            await corked.send_all(b"")

    connect = SocketConnect(client_tls(authority))
    async with serving(handler) as port, open_transport(connect=connect) as transport:
        for said in (b"1", b"2", b"3"):
            request = httpx.Request("POST", f"https://localhost:{port}/", content=said)
            response = await transport.handle_async_request(request)
            assert await response.aread() == said


async def test_a_certificate_for_another_name_is_refused_for_good(authority: trustme.CA) -> None:
    tls, connect = server_tls(authority, "other.test"), SocketConnect(client_tls(authority))
    async with (
        serving(answering(*ANSWER), tls) as port,
        open_transport(connect=connect) as transport,
    ):
        with pytest.raises(ProviderFailure, match="certificate") as caught:
            await last_event(transport, f"https://localhost:{port}/v1")
    assert caught.value.reason is ErrorReason.PROVIDER_CONNECTION_FAILED
    assert not caught.value.retryable


async def test_an_unknown_authority_is_refused_without_being_asked_for(
    authority: trustme.CA,
) -> None:
    tls = server_tls(authority, "localhost")
    async with serving(answering(*ANSWER), tls) as port, open_transport() as transport:
        with pytest.raises(ProviderFailure, match="certificate"):
            await last_event(transport, f"https://localhost:{port}/v1")


async def test_a_server_without_tls_is_a_failed_connection(authority: trustme.CA) -> None:
    async def plain(stream: trio.abc.Stream) -> None:
        await stream.send_all(sized(b"", "400 Bad Request"))

    connect = SocketConnect(client_tls(authority))
    async with (
        serving(plain) as port,
        open_transport(connect=connect) as transport,
    ):
        with trio.fail_after(5), pytest.raises(ProviderFailure) as caught:
            await last_event(transport, f"https://localhost:{port}/v1")
    assert caught.value.reason is ErrorReason.PROVIDER_CONNECTION_FAILED


async def test_a_long_request_and_a_long_answer_pass_each_other() -> None:
    text = "word " * 400_000

    async def echo(stream: trio.abc.Stream) -> None:
        request = await request_on(stream)
        await stream.send_all(sized(request or b""))

    async with serving(echo) as port, open_transport() as transport:
        request = httpx.Request("POST", f"http://127.0.0.1:{port}/", content=text)
        response = await transport.handle_async_request(request)
        assert (await response.aread()).endswith(text.encode())
