"""TLS towards a server, both ways, with certificates made for the test."""

import ssl
from pathlib import Path

import attrs
import pytest
import trio
import trustme

from entrypoints.client.client import connect
from entrypoints.client.errors import CallFailed, StatusCode
from entrypoints.client.limits import Limits
from entrypoints.client.tls import Tls
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.transport.messages import frame_message
from tests.support.client_peer import OK, RESPONSE, Peer, peer

REQUEST = pb.LLMRequest(model="m")
WHOLE = frame_message(pb.LLMResponse(content="c").SerializeToString())


async def answer(end: Peer) -> None:
    """Answer every call, and say with which scheme it was asked."""
    while True:
        call = await end.call()
        scheme = dict(call.headers)[b":scheme"]
        end.engine.respond(call.stream_id, (*RESPONSE, (b"x-scheme", scheme)))
        end.engine.send(call.stream_id, WHOLE)
        end.engine.trailers(call.stream_id, OK)
        await end.flush()


@attrs.frozen
class World:
    """A certificate authority, a server's context, and a client's files."""

    server: ssl.SSLContext
    ca: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.set_alpn_protocols(["h2"])
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    client = authority.issue_cert("client.example")
    found = World(server, folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(found.ca))
    client.cert_chain_pems[0].write_to_path(str(found.certificate))
    client.private_key_pem.write_to_path(str(found.key))
    return found


@pytest.fixture
def demanding(world: World) -> World:
    """A server that wants to see a certificate."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.set_alpn_protocols(["h2"])
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    server.load_verify_locations(world.ca)
    server.verify_mode = ssl.CERT_REQUIRED
    ca = world.ca.with_name("demanding.pem")
    authority.cert_pem.write_to_path(str(ca))
    return attrs.evolve(world, server=server, ca=ca)


async def failure(target: str, tls: Tls | None) -> str:
    with trio.fail_after(15), pytest.raises(CallFailed) as caught:
        async with connect(target, tls=tls) as client:
            await client.invoke(REQUEST)
    assert caught.value.code is StatusCode.UNAVAILABLE
    return caught.value.message


async def test_a_server_whose_authority_is_named_is_trusted(world: World) -> None:
    async with (
        peer(answer, tls=world.server) as target,
        connect(target, tls=Tls(ca=world.ca)) as client,
    ):
        reply = await client.unary("/s/m", REQUEST, pb.LLMResponse)
    assert reply.message.content == "c"
    assert ("x-scheme", "https") in reply.initial_metadata


async def test_strangers_are_not_trusted_and_that_is_said(world: World) -> None:
    async with peer(answer, tls=world.server) as target:
        told = await failure(f"https://{target}", None)
    assert "certificate is not trusted" in told


async def test_the_name_is_checked_and_may_be_another(world: World) -> None:
    other = Tls(ca=world.ca, server_name="other.example")
    named = Tls(ca=world.ca, server_name="localhost")
    async with peer(answer, tls=world.server) as target:
        assert "not trusted" in await failure(target, other)
        async with connect(target, tls=named) as client:
            assert (await client.invoke(REQUEST)).content == "c"


async def test_a_server_that_does_not_agree_on_http2_is_left(world: World) -> None:
    world.server.set_alpn_protocols(["http/1.1"])
    try:
        async with peer(answer, tls=world.server) as target:
            told = await failure(target, Tls(ca=world.ca))
    finally:
        world.server.set_alpn_protocols(["h2"])
    # OpenSSL's server ends the handshake; others go on without having agreed.
    assert "alpn" in told.lower() or "application protocol" in told


async def test_a_server_that_wants_a_certificate_gets_ours(demanding: World) -> None:
    ours = Tls(ca=demanding.ca, certificate=demanding.certificate, key=demanding.key)
    async with peer(answer, tls=demanding.server) as target, connect(target, tls=ours) as client:
        assert (await client.invoke(REQUEST)).content == "c"


async def test_the_lack_of_a_certificate_is_said(demanding: World) -> None:
    async with peer(answer, tls=demanding.server) as target:
        told = await failure(target, Tls(ca=demanding.ca))
    assert "certificate required" in told


async def test_a_plain_server_is_told_from_one_with_tls(world: World) -> None:
    async def say(end: Peer) -> None:
        await end.stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with peer(say) as target:
        assert "does not speak TLS" in await failure(target, Tls(ca=world.ca))


async def test_a_silent_server_is_not_waited_for_long() -> None:
    async def say(end: Peer) -> None:
        await trio.sleep_forever()

    async with peer(say) as target:
        with trio.fail_after(15), pytest.raises(CallFailed, match=r"no answer in 0\.05 s"):
            async with connect(target, tls=Tls(), limits=Limits(connect_s=0.05)):
                raise AssertionError


def test_files_that_are_no_good_are_named(world: World, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    with pytest.raises(ValueError, match=r"nothing\.pem holds no certificates"):
        Tls(ca=nothing).opened()
    with pytest.raises(ValueError, match=r"absent\.pem.*No such file"):
        Tls(ca=tmp_path / "absent.pem").opened()
    with pytest.raises(ValueError, match=r"nothing\.pem.* are no certificate and its key"):
        Tls(certificate=world.certificate, key=nothing).opened()
    with pytest.raises(ValueError, match="needs its key"):
        Tls(certificate=world.certificate).opened()


async def test_tls_that_is_asked_for_and_ruled_out_is_refused() -> None:
    with pytest.raises(ValueError, match="says no TLS"):
        async with connect("http://localhost:1", tls=Tls()):
            raise AssertionError
