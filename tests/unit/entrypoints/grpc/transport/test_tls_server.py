"""TLS at the front door: real clients, and whatever else knocks there."""

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import attrs
import grpc
import pytest
import trio
import trio.testing
import trustme
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import StatusCode

from entrypoints.addresses import Address, UnixAddress
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.client_certificate import ClientCertificate
from entrypoints.grpc.transport.engine import EngineLimits, engine_factory
from entrypoints.grpc.transport.server import Server
from entrypoints.grpc.transport.tls import Tls
from entrypoints.grpc.transport.tls_stream import HandshakeFailed, TlsStream, tls_stream
from entrypoints.settings.tls import TlsSettings
from tests.support.grpc_play import OTHER, Client
from tests.support.grpc_real import Stubs, in_thread
from tests.support.grpc_service import dispatcher
from tests.support.tls_files import Files

ANYWHERE = Address("localhost", 0)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path).write()


@attrs.define
class Clients:
    """Whom the handler has seen."""

    seen: list[ClientCertificate | None] = attrs.field(factory=list)

    def echo(self, message: BytesValue, request: ServerCall) -> BytesValue:
        self.seen.append(request.client)
        return message


@asynccontextmanager
async def serving(
    settings: TlsSettings,
    engine: str = "nghttp2",
    handler: Callable[..., object] | None = None,
    address: Address | UnixAddress = ANYWHERE,
) -> AsyncIterator[tuple[Address, Tls]]:
    tls = Tls.load(settings)
    methods = {"Unary": handler or Clients().echo}
    server = Server(dispatcher(methods), engine_factory(engine), tls=tls)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            yield await nursery.start(server.serve, address), tls
            nursery.cancel_scope.cancel()


async def ask(address: Address, credentials: grpc.ChannelCredentials, size: int = 2) -> bytes:
    def play() -> bytes:
        target = f"localhost:{address.port}"
        with grpc.secure_channel(target, credentials) as channel:
            answer = Stubs.on(channel).unary(BytesValue(value=bytes(size)), timeout=10)
            return bytes(answer.value)

    return await in_thread(play)


def knock(address: Address, context: ssl.SSLContext, said: bytes = b"") -> tuple[str | None, bytes]:
    """Shake hands and say something; return the protocol agreed upon, and what came back."""
    with (
        socket.create_connection((address.host, address.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(said)
        heard = b""
        while more := secured.recv(1000):
            heard += more
        return secured.selected_alpn_protocol(), heard


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_calls_of_every_size_come_through(engine: str, files: Files, version: str) -> None:
    settings = files.settings(min_version=version)
    async with serving(settings, engine) as (address, _):
        for size in (0, 1, 16_384, 3_000_000):
            assert await ask(address, files.credentials(), size) == bytes(size)


async def test_what_is_older_than_asked_for_is_refused(files: Files) -> None:
    old = files.context("h2")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(files.settings(min_version="1.3")) as (address, _):
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
            await in_thread(lambda: knock(address, old))
        assert await ask(address, files.credentials())


async def test_only_clients_with_a_certificate_of_our_authority_are_let_in(
    engine: str, files: Files
) -> None:
    clients = Clients()
    known = files.ca.issue_cert("b@example.org", common_name="billing, inc")
    stranger = trustme.CA().issue_cert("b@example.org", common_name="billing, inc")
    async with serving(files.mutual(), engine, clients.echo) as (address, _):
        for shown in (None, stranger):
            with pytest.raises(grpc.RpcError) as refused:
                await ask(address, files.credentials(shown))
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert clients.seen == []
        assert await ask(address, files.credentials(known))
    (seen,) = clients.seen
    assert seen is not None
    assert seen.common_name == "billing, inc"
    assert seen.subject.startswith("CN=billing\\, inc,")
    assert seen.emails == ("b@example.org",)


async def test_a_certificate_may_be_left_to_the_client(files: Files) -> None:
    clients = Clients()
    stranger = trustme.CA().issue_cert("b@example.org")
    async with serving(files.mutual(required=False), handler=clients.echo) as (address, _):
        assert await ask(address, files.credentials())
        with pytest.raises(grpc.RpcError):
            await ask(address, files.credentials(stranger))
    assert clients.seen == [None]


async def test_a_client_that_is_refused_is_told_why(files: Files) -> None:
    async with serving(files.mutual()) as (address, _):
        stranger = trustme.CA().issue_cert("a@b.org")
        for context, why in (
            (files.context("h2"), "certificate.required"),
            (files.context("h2", shows=stranger), "unknown.ca"),
        ):
            with pytest.raises(ssl.SSLError, match=f"(?i){why}"):
                # Much is on its way already when the refusal comes: it must not be lost over that.
                await in_thread(partial(knock, address, context, bytes(100_000)))


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
async def test_a_client_that_does_not_speak_http_2_is_shown_the_door(
    files: Files, protocols: tuple[str, ...]
) -> None:
    async with serving(files.settings()) as (address, _):
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        context = files.context(*protocols)
        assert await in_thread(lambda: knock(address, context, request)) == (None, b"")
        assert await ask(address, files.credentials())


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        bytes(70_000),
        b"\x16\x03\x01\xff\xff" + bytes(70_000),
        b"\x16\x03\x01",
        b"",
    ],
)
async def test_what_is_no_tls_costs_its_own_connection_only(files: Files, said: bytes) -> None:
    async with serving(files.settings()) as (address, _):
        async with await trio.open_tcp_stream(address.host, address.port) as rude:
            with trio.move_on_after(15) as patience:
                try:
                    await rude.send_all(said)
                    await rude.send_eof()
                    while await rude.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass
            assert not patience.cancelled_caught
        assert await ask(address, files.credentials())


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00"])
async def test_silence_is_not_waited_for_longer_than_the_handshake_may_take(
    files: Files, said: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = map(trio.SocketStream, trio.socket.socketpair())
    async with ours, theirs:
        await theirs.send_all(said)
        with pytest.raises(HandshakeFailed, match="longer than 10 s"):
            await tls_stream(ours, Tls.load(files.settings()).context, "h2", 10)
    assert trio.current_time() == 10


async def test_silent_handshakes_keep_nobody_waiting(files: Files) -> None:
    async with serving(files.settings()) as (address, _), trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(_stay, address)
        assert await ask(address, files.credentials())
        nursery.cancel_scope.cancel()


async def _stay(address: Address) -> None:
    async with await trio.open_tcp_stream(address.host, address.port):
        await trio.sleep_forever()


async def test_a_new_certificate_leaves_running_calls_alone(engine: str, files: Files) -> None:
    begun, released = trio.Event(), trio.Event()

    async def slow(message: BytesValue, request: ServerCall) -> BytesValue:
        begun.set()
        await released.wait()
        return message

    async with serving(files.settings(), engine, slow) as (address, tls):
        old, new = files.context("h2"), trustme.CA()
        async with connected(address, engine, old) as client:
            waiting = await client.call("Unary", b"hi")
            await begun.wait()
            files.write(ca=new)
            tls.reload(tls.settings)
            with pytest.raises(trio.BrokenResourceError) as refused:
                async with connected(address, engine, old):
                    raise AssertionError
            assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)
            fresh = files.context("h2")
            new.configure_trust(fresh)
            async with connected(address, engine, fresh) as second:
                released.set()
                assert await waiting.code() is StatusCode.OK
                assert await (await second.call("Unary", b"hi")).code() is StatusCode.OK


async def test_a_server_that_leaves_says_so(files: Files, engine: str) -> None:
    async with serving(files.settings(), engine) as (address, _):
        # Nonsense inside TLS: the engine has last words, then comes the end, and it is an orderly one.
        agreed, heard = await in_thread(
            lambda: knock(address, files.context("h2"), b"nonsense" * 20_000)
        )
    assert agreed == "h2"
    assert heard


async def test_sockets_of_the_file_system_stay_plain(files: Files, tmp_path: Path) -> None:
    path = UnixAddress(str(tmp_path / "s"))
    async with serving(files.settings(), address=path):

        def play() -> bytes:
            with grpc.insecure_channel(str(path)) as channel:
                answer = Stubs.on(channel).unary(BytesValue(value=b"hi"), timeout=10)
                return bytes(answer.value)

        assert await in_thread(play) == b"hi"


@asynccontextmanager
async def connected(
    address: Address, engine: str, context: ssl.SSLContext
) -> AsyncIterator[Client]:
    plain = await trio.open_tcp_stream(address.host, address.port)
    stream = trio.SSLStream(plain, context, server_hostname="localhost", https_compatible=True)
    async with stream:
        await stream.do_handshake()
        # Only its streams' ends are used, and those are the same.
        client = Client(engine_factory(OTHER[engine])(True, EngineLimits()), stream)  # type: ignore[arg-type]
        client.engine.start()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.pump)
            await client.flush()
            yield client
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def pair(files: Files) -> AsyncIterator[tuple[TlsStream, trio.SSLStream[trio.SocketStream]]]:
    """Both ends of one TLS connection, the server's first."""
    ours, theirs = map(trio.SocketStream, trio.socket.socketpair())
    client = trio.SSLStream(theirs, files.context("h2"), server_hostname="localhost")
    async with ours, theirs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.do_handshake)
            server = await tls_stream(ours, Tls.load(files.settings()).context, "h2", 10)
        yield server, client


@pytest.mark.parametrize("checkpoints", range(12))
async def test_a_handshake_that_is_cancelled_anywhere_leaves_the_socket_to_its_owner(
    files: Files, checkpoints: int
) -> None:
    ours, theirs = map(trio.SocketStream, trio.socket.socketpair())
    context = Tls.load(files.settings()).context

    async def shake() -> None:
        async with ours:
            await tls_stream(ours, context, "h2", 10)

    client = trio.SSLStream(theirs, files.context("h2"), server_hostname="localhost")
    async with theirs, trio.open_nursery() as nursery:
        nursery.start_soon(shake)
        with trio.move_on_after(10):
            nursery.start_soon(_shaken, client)
            for _ in range(checkpoints):
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert ours.socket.fileno() == -1


async def _shaken(client: trio.SSLStream[trio.SocketStream]) -> None:
    with suppress(trio.BrokenResourceError):
        await client.do_handshake()


async def test_a_small_message_is_one_record_in_one_write(files: Files) -> None:
    async with pair(files) as (server, client):
        sent: list[bytes] = []
        send = server._socket.send_all

        async def kept(data: bytes) -> None:
            sent.append(data)
            await send(data)

        setattr(server._socket, "send_all", kept)  # noqa: B010
        await server.send_all(bytes(16_000))
        (record,) = sent
        # Its header names its length. Source: RFC 8446, 5.1.
        assert len(record) == 5 + int.from_bytes(record[3:5], "big")
        received = b""
        while len(received) < 16_000:
            received += await client.receive_some()


async def test_who_was_cut_off_while_sending_sends_no_more(files: Files) -> None:
    async with pair(files) as (server, _):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.send_all, bytes(10_000_000))
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        with pytest.raises(trio.BrokenResourceError, match="cut off"):
            await server.send_all(b"more")


async def test_what_was_tampered_with_is_not_received(files: Files) -> None:
    async with pair(files) as (server, client):
        assert isinstance(client.transport_stream, trio.SocketStream)
        await client.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(trio.BrokenResourceError):
            await server.receive_some()


async def test_a_farewell_is_heard_as_one(files: Files) -> None:
    async with pair(files) as (server, client), trio.open_nursery() as nursery:

        async def leave() -> None:
            await server.send_all(b"bye")
            await server.send_eof()
            assert await server.receive_some() == b""

        nursery.start_soon(leave)
        assert await client.receive_some() == b"bye"
        assert await client.receive_some() == b""
        await client.send_all(b"too late")
        await client.aclose()
