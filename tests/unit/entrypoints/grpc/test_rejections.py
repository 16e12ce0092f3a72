"""What the transport itself refuses is told with the same details as any other failure."""

from collections.abc import Sequence

import pytest
from google.protobuf.wrappers_pb2 import BytesValue
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from loguru import logger
from purerpc import StatusCode

from entrypoints.grpc.endings import endings
from entrypoints.grpc.identity import identified
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import EngineLimits
from entrypoints.grpc.transport.limits import Limits
from tests.support.grpc_play import Reply, framed, playing, request_headers
from tests.support.grpc_service import service

LIMITS = Limits(max_message=64, engine=EngineLimits(max_header_list=2048))
Fields = Sequence[tuple[bytes, bytes]]


@pytest.fixture(params=["nghttp2", "h2"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def instead(name: bytes, value: bytes) -> Fields:
    return [(each, value if each == name else old) for each, old in request_headers()]


def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    return message


async def refused(engine: str, headers: Fields, body: bytes = b"") -> tuple[Reply, ErrorInfo]:
    """Return how `headers` and `body` are answered, and the only detail of that."""
    dispatcher = Dispatcher.of([service({"Unary": echo})], endings(), [identified])
    async with playing(dispatcher, engine, limits=LIMITS) as play:
        reply = await play.client.open([*headers, (b"x-request-id", b"mine")], body)
        ended = await reply.end()
    assert ended is not None
    status = Status.FromString(ended.details)
    assert (status.code, status.message) == (ended.code.value, ended.message)
    (packed,) = status.details
    info = ErrorInfo()
    assert packed.Unpack(info)
    return reply, info


MALFORMED = StatusCode.INVALID_ARGUMENT
UNKNOWN = StatusCode.UNIMPLEMENTED
LARGE = StatusCode.RESOURCE_EXHAUSTED
BROKEN = StatusCode.INTERNAL


@pytest.mark.parametrize(
    ("headers", "body", "code", "said"),
    [
        (instead(b":method", b"PUT"), b"", BROKEN, "must be POST"),
        (instead(b"content-type", b"text/plain"), b"", BROKEN, "content-type"),
        (instead(b":path", b"/nothing"), b"", UNKNOWN, "malformed method name"),
        (instead(b":path", b"/no.Such/Unary"), b"", UNKNOWN, "unknown service 'no.Such'"),
        (instead(b":path", b"/test.Kinds/Nope"), b"", UNKNOWN, "has no method 'Nope'"),
        ([*request_headers(), (b"x-bin", b"!")], b"", MALFORMED, "'x-bin' is malformed"),
        (request_headers(timeout=b"soon"), b"", MALFORMED, "grpc-timeout is malformed"),
        ([*request_headers(), (b"grpc-encoding", b"br")], b"", UNKNOWN, "'br' is not known"),
        ([*request_headers(), (b"x", b"y" * 3000)], b"", LARGE, "longer than 2048"),
        (request_headers(), framed(b"x" * 100), LARGE, "is longer than 64"),
        (request_headers(), b"", UNKNOWN, "exactly one message"),
        (request_headers(), framed(b"x") * 2, UNKNOWN, "exactly one message"),
        (request_headers(), framed(b"x")[:-1], BROKEN, "not complete"),
        (request_headers(), b"\0\0\0\0\1\xff", BROKEN, "not a valid"),
        (request_headers(), b"\1\0\0\0\1x", BROKEN, "no grpc-encoding was announced"),
        (
            [*request_headers(), (b"grpc-encoding", b"gzip")],
            b"\1\0\0\0\4nope",
            BROKEN,
            "not valid gzip",
        ),
    ],
)
async def test_every_refusal_says_why_and_to_which_request(
    engine: str, headers: Fields, body: bytes, code: StatusCode, said: str
) -> None:
    reply, info = await refused(engine, headers, body)
    assert reply.ended is not None
    assert reply.ended.code is code
    assert said in reply.ended.message
    assert (info.reason, info.domain) == ("CALLER_INVALID_REQUEST", "llmservice")
    assert dict(info.metadata) == {"request_id": "mine"}
    assert dict(reply.headers)[b"x-request-id"] == b"mine"


async def test_who_compresses_in_a_way_unknown_here_is_told_the_known_ones(engine: str) -> None:
    reply, _ = await refused(engine, [*request_headers(), (b"grpc-encoding", b"br")])
    assert dict(reply.headers)[b"grpc-accept-encoding"] == b"deflate,gzip,identity"
    reply, _ = await refused(engine, instead(b":path", b"/nothing"))
    assert b"grpc-accept-encoding" not in dict(reply.headers)


async def test_a_refusal_stays_short_whatever_was_sent(engine: str) -> None:
    reply, _ = await refused(engine, instead(b":path", b"/" + b"%" * 1500))
    assert reply.trailers is not None
    assert sum(len(name) + len(value) for name, value in reply.trailers) < 8192


async def test_a_refusal_is_one_line_of_the_log_without_what_was_sent(engine: str) -> None:
    lines: list[str] = []
    number = logger.add(lines.append, format="{message} {extra}", diagnose=False)
    await refused(engine, [*request_headers(timeout=b"soon"), (b"authorization", b"Bearer sesame")])
    logger.remove(number)
    (line,) = lines
    assert line.startswith("no call: grpc-timeout is malformed")
    for each in ("'request_id': 'mine'", "'peer': 'client:1'", "CALLER_INVALID_REQUEST"):
        assert each in line
    assert "sesame" not in line
