"""Media are fetched from the public internet and from nowhere else: real sockets, TLS, our own resolver."""

import socket
import ssl
from collections.abc import Sequence

import attrs
import pytest
import trio
import trustme

from adapters.http.media import UNREACHABLE, HttpMedia
from ports.media_source import Allowance, Fetched, MediaRefused
from tests.support.http_peer import CHUNKED, LAST, head, piece, sized
from tests.support.http_sockets import serving

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@attrs.define
class Names:
    """Knows the addresses of hosts, and who was asked for."""

    known: dict[str, Sequence[str]] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of `host`."""
        self.asked.append(host)
        await trio.lowlevel.checkpoint()
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.known[host]


@attrs.define
class Site:
    """Answers by path."""

    answers: dict[str, bytes]
    heads: list[str] = attrs.field(factory=list)

    async def handler(self, stream: trio.abc.Stream) -> None:
        """Answer one request."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = await stream.receive_some()
            if not more:
                return
            data += bytes(more)
        self.heads.append(data.decode())
        await stream.send_all(self.answers[data.split(b" ")[1].decode()])


async def had(source: HttpMedia, uri: str, allowance: int = 10**9) -> Fetched:
    return await source.fetch(uri, Allowance(allowance))


async def refused(source: HttpMedia, uri: str, allowance: int = 10**9) -> str:
    with pytest.raises(MediaRefused) as caught:
        await had(source, uri, allowance)
    return str(caught.value)


def near(names: Names | None = None, **fields: object) -> HttpMedia:
    """Return a source that also asks this machine."""
    names = names or Names({"127.0.0.1": ["127.0.0.1"], "site.test": ["127.0.0.1"]})
    return attrs.evolve(HttpMedia(allow_loopback=True, resolve=names.resolve), **fields)  # type: ignore[arg-type]


async def test_a_medium_is_fetched_with_tls_for_the_hosts_own_name() -> None:
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("site.test").configure_cert(server)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    site = Site({"/a.png?x=1": sized(PNG, content_type="image/png")})
    names = Names({"site.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    async with serving(site.handler, server) as port:
        source = near(names, tls=trusting)
        found = await had(source, f"https://site.test:{port}/a.png?x=1#part")
        # One look-up: nothing can change between the check and the connection.
        assert names.asked == ["site.test"]
        # The certificate is another host's.
        assert await refused(source, f"https://other.test:{port}/a.png?x=1") == UNREACHABLE
        assert await refused(near(names), f"https://site.test:{port}/a.png?x=1") == UNREACHABLE
    assert found == Fetched(PNG, "image/png")
    (asked,) = site.heads
    lines = asked.lower().split("\r\n")
    assert f"host: site.test:{port}" in lines
    assert not [line for line in lines if line.startswith(("cookie", "authorization", "referer"))]


INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "::1",
    "fe80::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside_is_not_followed(address: str) -> None:
    names = Names({"x.test": ["8.8.8.8", address]})
    assert await refused(HttpMedia(resolve=names.resolve), "https://x.test/") == UNREACHABLE


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "[fd00:ec2::254]", "169.254.169.254", "10.1.1.1"],
)
async def test_an_address_that_is_inside_is_not_asked(host: str) -> None:
    assert await refused(HttpMedia(), f"https://{host}/") == UNREACHABLE


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "127.1", "0x7f.1", "1.1.1.1.1", "0x7f.0.0.1."],
)
async def test_odd_ways_to_write_an_address_are_not_even_looked_up(host: str) -> None:
    names = Names()
    assert await refused(HttpMedia(resolve=names.resolve), f"https://{host}/") == UNREACHABLE
    assert names.asked == []


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://8.8.8.8/", "is not an https address"),
        ("ftp://8.8.8.8/", "is not an https address"),
        ("file:///etc/passwd", "is not a web address"),
        ("https://", "is not a web address"),
        ("https://[::1", "is not a web address"),
        ("https://[fe80::1%25eth0]/", "is not a web address"),
        ("https://8.8.8.8:22/", "names a port other than 443"),
        ("https://user:s3cret@8.8.8.8/", "holds a user or a password"),
        ("https://8.8.8.8\\@127.0.0.1/", "holds a user or a password"),
        ("https://x\n.test/", "is not a web address"),
        ("https://0177.0.0.1/", "is not a web address"),
        (f"https://x.test/{'a' * 9000}", "is not a web address"),
    ],
)
async def test_what_cannot_be_asked_for_is_said_without_asking(uri: str, words: str) -> None:
    names = Names()
    said = await refused(HttpMedia(resolve=names.resolve), uri)
    assert said.startswith(words)
    assert "s3cret" not in said
    assert names.asked == []


async def test_nobody_can_feel_the_network_out() -> None:
    async with serving(Site({}).handler) as port:
        pass
    names = Names({"inside.test": ["10.0.0.1"], "closed.test": ["127.0.0.1"]})
    said = {
        await refused(HttpMedia(resolve=names.resolve), "https://inside.test/"),
        await refused(HttpMedia(resolve=names.resolve), "https://nameless.test/"),
        await refused(near(names), f"http://closed.test:{port}/"),
        await refused(near(names), f"https://closed.test:{port}/"),
    }
    assert said == {UNREACHABLE}


async def test_redirects_are_followed_by_hand_and_each_is_checked() -> None:
    names = Names({"site.test": ["127.0.0.1"], "inside.test": ["10.0.0.1"]})
    site = Site(
        {
            "/1": head("302 Found", location="/2?x", content_length="0"),
            "/2?x": head("307 Again", location="3", content_length="0"),
            "/3": head("301 Moved", location="/end", content_length="0"),
            "/end": sized(PNG, content_type="image/png"),
            "/0": head("302 Found", location="/1", content_length="0"),
            "/inside": head("302 Found", location="https://inside.test/", content_length="0"),
            "/ftp": head("302 Found", location="ftp://site.test/", content_length="0"),
            "/user": head("302 Found", location="//a:b@site.test/", content_length="0"),
            "/none": head("302 Found", content_length="0"),
        }
    )
    async with serving(site.handler) as port:
        base = f"http://site.test:{port}"
        assert (await had(near(names), f"{base}/1")).data == PNG
        assert names.asked == ["site.test"] * 4
        assert "more than 3 times" in await refused(near(names), f"{base}/0")
        assert await refused(near(names), f"{base}/inside") == UNREACHABLE
        assert "https" in await refused(near(names), f"{base}/ftp")
        assert "password" in await refused(near(names), f"{base}/user")
        assert "answers 302" in await refused(near(names), f"{base}/none")


async def test_what_is_too_long_is_not_read_to_its_end() -> None:
    piece_ = piece(bytes(60))
    site = Site(
        {
            "/said": head(content_length="101") + bytes(101),
            "/unsaid": CHUNKED + piece_ + piece_ + LAST,
            "/fits": sized(bytes(100)),
        }
    )
    async with serving(site.handler) as port:
        source, base = near(item_bytes=100), f"http://site.test:{port}"
        assert await refused(source, f"{base}/said") == "is longer than 100 bytes"
        assert await refused(source, f"{base}/unsaid") == "is longer than 100 bytes"
        assert len((await had(source, f"{base}/fits")).data) == 100
        assert "together" in await refused(source, f"{base}/fits", allowance=99)


async def test_what_the_server_does_not_give_plainly_is_refused() -> None:
    site = Site(
        {
            "/gone": sized(b"", "404 Not Found"),
            "/packed": sized(b"\x1f\x8b", content_encoding="gzip"),
            "/cut": head(content_length="10") + b"x",
        }
    )
    async with serving(site.handler) as port:
        base = f"http://site.test:{port}"
        assert await refused(near(), f"{base}/gone") == "cannot be had: its server answers 404"
        assert "compressed" in await refused(near(), f"{base}/packed")
        assert await refused(near(), f"{base}/cut") == UNREACHABLE


async def test_a_medium_that_takes_too_long_is_given_up() -> None:
    async def silent(stream: trio.abc.Stream) -> None:
        await request_on_get(stream)
        await trio.sleep_forever()

    async with serving(silent) as port:
        said = await refused(near(timeout_s=0.2), f"http://site.test:{port}/")
    assert said == "was not there within 0.2 s"


async def request_on_get(stream: trio.abc.Stream) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += bytes(await stream.receive_some())


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    names = Names({"site.test": ["127.0.0.2", "127.0.0.1"]})
    async with serving(Site({"/": sized(PNG)}).handler) as port:
        assert (await had(near(names), f"http://site.test:{port}/")).data == PNG
