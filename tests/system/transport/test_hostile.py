"""Anything a peer can send, frame by frame, over a real socket, to both engines.

The law: what concerns one call ends that call, and the connection goes on; what concerns the connection ends
it with a GOAWAY that says so. Either way every other connection goes on, and no answer holds anything of the
inside. How often something may be sent is another matter (the limits' own tests).
"""

import ssl
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress

import attrs
import pytest
from google.protobuf.wrappers_pb2 import BytesValue
from loguru import logger

from entrypoints.addresses import Address
from entrypoints.grpc.transport.call import ServerCall
from tests.support.grpc_play import framed, request_headers
from tests.support.grpc_real import serving
from tests.support.grpc_service import dispatcher
from tests.support.raw_http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Raw,
    block,
    call,
    frame,
    literal,
)

INSIDE = (b"Traceback", b"entrypoints", b".py", b"Error(", b"trio", b"nghttp2", b"hyperframe")


def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    return message


async def joined(messages: AsyncIterator[BytesValue], request: ServerCall) -> BytesValue:
    return BytesValue(value=b"".join([each.value async for each in messages]))


@attrs.define
class House:
    """A server, a neighbour's connection to it, and what its log complained of."""

    address: Address
    neighbour: Raw
    complaints: list[str]

    async def connect(self) -> Raw:
        return await Raw.to(self.address.host, self.address.port)

    async def neighbour_goes_on(self, stream_id: int = 1) -> None:
        await self.neighbour.send(call(stream_id))
        await self.neighbour.until_ended(stream_id)
        assert self.neighbour.statuses.get(stream_id) == b"0"


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What was logged as an error: a bug in the server, whatever the client did."""
    found: list[str] = []
    sink = logger.add(lambda message: found.append(str(message)), level="ERROR")
    yield found
    logger.remove(sink)


@asynccontextmanager
async def house(engine: str, complaints: list[str]) -> AsyncIterator[House]:
    async with serving(dispatcher({"Unary": echo, "In": joined}), engine) as address:
        neighbour = await Raw.to(address.host, address.port)
        async with neighbour.stream:
            await neighbour.greet()
            yield House(address, neighbour, complaints)
        assert complaints == []


def nothing_leaks(raw: Raw) -> None:
    for each in INSIDE:
        assert each not in raw.said


def headers(stream_id: int, fields: Sequence[tuple[bytes, bytes]], flags: int = 0) -> bytes:
    return frame(HEADERS, END_HEADERS | flags, stream_id, block(fields))


def upload(stream_id: int) -> bytes:
    """The beginning of a call that streams its requests."""
    return headers(stream_id, request_headers("In"))


def window(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, struct.pack(">I", increment))


def setting(number: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, struct.pack(">HI", number, value))


def hello() -> bytes:
    """What a client that wants TLS says first."""
    context = ssl.create_default_context()
    out = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="host.example").do_handshake()
    return out.read()


FATAL = {
    "settings on a stream": frame(SETTINGS, 0, 1),
    "settings of five bytes": frame(SETTINGS, 0, 0, b"12345"),
    "settings acknowledged with content": frame(SETTINGS, ACK, 0, struct.pack(">HI", 3, 1)),
    "push neither on nor off": setting(2, 2),
    "frames of one byte": setting(5, 1),
    "frames of a gigabyte": setting(5, 2**30),
    "data on stream 0": frame(DATA, 0, 0, b"x"),
    "headers on stream 0": headers(0, request_headers()),
    "padding longer than the frame": upload(1) + frame(DATA, PADDED, 1, b"\xffx"),
    "padding of a frame without room": upload(1) + frame(DATA, PADDED, 1, b""),
    "reset of an idle stream": frame(RST_STREAM, 0, 1, bytes(4)),
    "reset of three bytes": upload(1) + frame(RST_STREAM, 0, 1, bytes(3)),
    "reset of stream 0": frame(RST_STREAM, 0, 0, bytes(4)),
    "push promise by a client": upload(1) + frame(PUSH_PROMISE, END_HEADERS, 1, bytes(4)),
    "continuation of nothing": frame(CONTINUATION, END_HEADERS, 1, b""),
    "continuation of another stream": frame(HEADERS, 0, 1, b"")
    + frame(CONTINUATION, END_HEADERS, 3, b""),
    "a ping inside a header block": frame(HEADERS, 0, 1, b"") + frame(PING, 0, 0, bytes(8)),
    "an unknown frame inside a header block": frame(HEADERS, 0, 1, b"") + frame(0xEE, 0, 0, b""),
    "no window for the connection": window(0, 0),
    "too much window for the connection": window(0, 2**31 - 1) * 2,
    "window of three bytes": frame(WINDOW_UPDATE, 0, 0, bytes(3)),
    "window of an idle stream": window(7, 1),
    "ping on a stream": frame(PING, 0, 1, bytes(8)),
    "ping of seven bytes": frame(PING, 0, 0, bytes(7)),
    "goaway on a stream": frame(GOAWAY, 0, 1, bytes(8)),
    "goaway of three bytes": frame(GOAWAY, 0, 0, bytes(3)),
    "header index 0": frame(HEADERS, END_HEADERS, 1, b"\x80"),
    "a header that is in no table": frame(HEADERS, END_HEADERS, 1, b"\xff\x80\x01"),
    "a header index without an end": frame(HEADERS, END_HEADERS, 1, b"\xff" * 40),
    "a header table of a gigabyte": frame(HEADERS, END_HEADERS, 1, b"\x3f\xe1\xff\xff\xff\x03"),
    "a header longer than its block": frame(HEADERS, END_HEADERS, 1, b"\x00\x7f\x80\x80\x01x"),
    "huffman code with a bad end": frame(HEADERS, END_HEADERS, 1, b"\x00\x81\x00\x01x"),
    "a bomb of references": frame(
        HEADERS,
        END_HEADERS,
        1,
        b"\x40" + literal(b"x", b"y" * 3_000)[1:] + b"\xbe" * 12_000,
    ),
}

ONE_CALL = {
    "upper case": [*request_headers(), (b"X-Upper", b"x")],
    "an empty name": [*request_headers(), (b"", b"x")],
    "a space in a name": [*request_headers(), (b"a b", b"x")],
    "a null in a value": [*request_headers(), (b"x", b"a\0b")],
    "a line break in a value": [*request_headers(), (b"x", b"a\r\nb")],
    "a field of HTTP/1.1": [*request_headers(), (b"transfer-encoding", b"chunked")],
    "te that is not trailers": [*request_headers(), (b"te", b"gzip")],
    "no method": [each for each in request_headers() if each[0] != b":method"],
    "no scheme": [each for each in request_headers() if each[0] != b":scheme"],
    "no path": [each for each in request_headers() if each[0] != b":path"],
    "an empty path": [(n, b"" if n == b":path" else v) for n, v in request_headers()],
    "two methods": [(b":method", b"POST"), *request_headers()],
    "two paths": [(b":path", b"/test.Kinds/In"), *request_headers()],
    "an unknown pseudo header": [(b":what", b"x"), *request_headers()],
    "a status in a request": [(b":status", b"200"), *request_headers()],
    "a pseudo header after others": [*request_headers(), (b":authority", b"again")],
    "nothing but pseudo headers": [each for each in request_headers() if each[0][:1] == b":"],
    "no headers at all": [],
    "a method nobody knows": [(n, b"BREW" if n == b":method" else v) for n, v in request_headers()],
    "a web page": [(n, b"text/html" if n == b"content-type" else v) for n, v in request_headers()],
    "no UTF-8 in the path": [
        (n, b"/\xff\xfe/x" if n == b":path" else v) for n, v in request_headers()
    ],
    "a timeout that is none": request_headers(timeout=b"1e9S"),
    "a negative timeout": request_headers(timeout=b"-1S"),
    "no base64": request_headers(metadata=[(b"x-bin", b"\x7f*")]),
    "a thousand fields": request_headers(metadata=[(b"x%d" % n, b"") for n in range(1_000)]),
    "a status of its own": request_headers(metadata=[(b"grpc-status", b"0")]),
}

LATER = {
    "data after the end": call(1) + frame(DATA, 0, 1, b"x"),
    "headers after the end": call(1) + headers(1, [(b"x", b"y")], END_STREAM),
    "trailers that end nothing": upload(1) + headers(1, [(b"x", b"y")]),
    "trailers with a pseudo header": upload(1) + headers(1, [(b":path", b"/x")], END_STREAM),
    "no window for the stream": upload(1) + window(1, 0),
    "too much window for the stream": upload(1) + window(1, 2**31 - 1) * 2,
    "a priority of four bytes": upload(1) + frame(PRIORITY, 0, 1, bytes(4)),
    "a message longer than any": upload(1) + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff"),
    "a flag nobody knows on a message": upload(1) + frame(DATA, END_STREAM, 1, b"\x7f\0\0\0\0"),
    "half a message and the end": upload(1) + frame(DATA, END_STREAM, 1, framed(b"half")[:-1]),
    "half a prefix and the end": upload(1) + frame(DATA, END_STREAM, 1, b"\0\0"),
    "a message that is no protobuf": upload(1) + frame(DATA, END_STREAM, 1, b"\0\0\0\0\1\xff"),
}

HARMLESS = {
    "an unknown frame": frame(0xEE, 0xFF, 0, b"x" * 100),
    "an unknown frame on a stream": frame(0xEE, 0xFF, 9, b"x"),
    "an unknown setting": setting(0xFACE, 1),
    "a ping that nobody sent acknowledged": frame(PING, ACK, 0, b"whatever"),
    "flags nobody knows": frame(PING, 0xFE, 0, bytes(8)),
    "the reserved bit": frame(PING, 0, 2**31, bytes(8)),
    "a priority of an idle stream": frame(PRIORITY, 0, 99, bytes(5)),
    "a call without te": headers(1, [x for x in request_headers() if x[0] != b"te"], END_STREAM),
    "empty data": upload(1) + frame(DATA, 0, 1, b"") * 3,
    "a message in pieces of a byte": upload(1)
    + b"".join(frame(DATA, 0, 1, bytes([each])) for each in framed(b"slowly")),
    "padding": upload(1) + frame(DATA, PADDED, 1, b"\3" + framed(b"x") + bytes(3)),
}

DISPUTED = {
    "priority of stream 0": frame(PRIORITY, 0, 0, bytes(5)),
    "a stream that waits for itself": upload(1) + frame(PRIORITY, 0, 1, b"\0\0\0\1\0"),
    "a stream older than the last": call(5) + call(3),
    "settings nobody sent acknowledged": frame(SETTINGS, ACK, 0),
    "no settings after the preface": PREFACE + frame(PING, 0, 0, bytes(8)),
}
"""What the standard forbids and one of the engines overlooks, because nothing can come of it."""

NO_HTTP2 = {
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "an upgrade": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "TLS": hello(),
    "a preface gone wrong": PREFACE[:-1] + b"!" + bytes(50),
    "noise": bytes(range(256)) * 4,
    "nulls": bytes(4096),
}


@pytest.mark.parametrize("name", FATAL)
async def test_what_breaks_the_connection_ends_it_with_a_reason(
    engine: str, complaints: list[str], name: str
) -> None:
    async with house(engine, complaints) as at:
        raw = await at.connect()
        async with raw.stream:
            await raw.greet()
            await raw.send(FATAL[name])
            await raw.until_left()
        assert raw.goaway not in (None, 0)
        nothing_leaks(raw)
        await at.neighbour_goes_on()


@pytest.mark.parametrize("name", ONE_CALL)
async def test_what_is_wrong_with_one_call_ends_that_call(
    engine: str, complaints: list[str], name: str
) -> None:
    async with house(engine, complaints) as at:
        raw = await at.connect()
        async with raw.stream:
            await raw.greet()
            await raw.send(call(1, ONE_CALL[name]))
            await raw.until_ended(1)
            assert raw.statuses.get(1) != b"0" or "of its own" in name
            await raw.send(call(3))
            await raw.until_ended(3)
        assert raw.goaway is None
        assert raw.statuses.get(3) == b"0"
        nothing_leaks(raw)
        await at.neighbour_goes_on()


@pytest.mark.parametrize("name", LATER)
async def test_what_is_wrong_later_ends_the_call_or_says_why_the_connection_ends(
    engine: str, complaints: list[str], name: str
) -> None:
    async with house(engine, complaints) as at:
        raw = await at.connect()
        async with raw.stream:
            await raw.greet()
            await raw.send(LATER[name])
            await raw.until_ended(1)
            await raw.until_read()
            if not raw.left and raw.goaway is None:
                await raw.send(call(101))
                await raw.until_ended(101)
            if raw.goaway is None:
                assert raw.statuses.get(101) == b"0"
        assert raw.goaway != 0
        nothing_leaks(raw)
        await at.neighbour_goes_on()


@pytest.mark.parametrize("name", HARMLESS)
async def test_what_must_be_ignored_is_ignored(
    engine: str, complaints: list[str], name: str
) -> None:
    async with house(engine, complaints) as at:
        raw = await at.connect()
        async with raw.stream:
            await raw.greet()
            await raw.send(HARMLESS[name])
            await raw.send(call(101))
            await raw.until_ended(101)
        assert raw.goaway is None
        assert raw.statuses.get(101) == b"0"
        await at.neighbour_goes_on()


@pytest.mark.parametrize("name", DISPUTED)
async def test_what_is_forbidden_and_does_no_harm_is_ignored_or_ends_the_connection(
    engine: str, complaints: list[str], name: str
) -> None:
    async with house(engine, complaints) as at:
        raw = await at.connect()
        async with raw.stream:
            if not DISPUTED[name].startswith(PREFACE):
                await raw.greet()
            await raw.send(DISPUTED[name] + call(101))
            await raw.until_ended(101)
        assert raw.goaway or raw.statuses.get(101) == b"0"
        nothing_leaks(raw)
        await at.neighbour_goes_on()


@pytest.mark.parametrize("name", NO_HTTP2)
async def test_what_is_no_http2_is_left(engine: str, complaints: list[str], name: str) -> None:
    async with house(engine, complaints) as at:
        raw = await at.connect()
        async with raw.stream:
            await raw.send(NO_HTTP2[name])
            await raw.until_left()
        nothing_leaks(raw)
        await at.neighbour_goes_on()


@pytest.mark.parametrize("size", [0, 1, len(PREFACE) - 1, len(PREFACE), len(PREFACE) + 5])
async def test_a_client_that_leaves_in_mid_word_is_let_go(
    engine: str, complaints: list[str], size: int
) -> None:
    async with house(engine, complaints) as at:
        raw = await at.connect()
        async with raw.stream:
            await raw.send((PREFACE + frame(SETTINGS, 0, 0) + call(1))[:size])
            await raw.stream.send_eof()
            await raw.until_left()
        await at.neighbour_goes_on()


async def test_a_client_that_leaves_in_a_call_is_let_go(engine: str, complaints: list[str]) -> None:
    async with house(engine, complaints) as at:
        for number in range(20):
            raw = await at.connect()
            async with raw.stream:
                await raw.greet()
                await raw.send(upload(1) + frame(DATA, 0, 1, framed(b"half")[: number % 7]))
        await at.neighbour_goes_on()
