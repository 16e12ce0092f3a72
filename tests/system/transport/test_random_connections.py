"""Valid connections, cut and spoiled at random, over real sockets: nobody else notices."""

from collections.abc import AsyncIterator

import trio
from google.protobuf.wrappers_pb2 import BytesValue
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger

from entrypoints.grpc.transport.call import ServerCall
from tests.support.grpc_play import framed, request_headers
from tests.support.grpc_real import serving
from tests.support.grpc_service import dispatcher
from tests.support.raw_http2 import (
    DATA,
    END_HEADERS,
    HEADERS,
    PREFACE,
    SETTINGS,
    Raw,
    block,
    call,
    frame,
)

VALID = (
    PREFACE
    + frame(SETTINGS, 0, 0)
    + call(1)
    + frame(HEADERS, END_HEADERS, 3, block(request_headers("In")))
    + frame(DATA, 0, 3, framed(b"x" * 50) + framed(b"half")[:4])
    + call(5)
)
SPOILED = st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=4)
CUTS = st.lists(st.integers(0, len(VALID)), max_size=4).map(sorted)


async def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    await trio.lowlevel.checkpoint()
    return message


async def joined(messages: AsyncIterator[BytesValue], request: ServerCall) -> BytesValue:
    return BytesValue(value=b"".join([each.value async for each in messages]))


async def _played(engine: str, spoiled: list[tuple[int, int]], cuts: list[int]) -> None:
    data = bytearray(VALID)
    for where, value in spoiled:
        data[where] = value
    async with serving(dispatcher({"Unary": echo, "In": joined}), engine) as address:
        good, bad = [await Raw.to(address.host, address.port) for _ in range(2)]
        async with good.stream, bad.stream:
            await good.greet()
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                await bad.send(bytes(data[start:end]))
                await trio.lowlevel.checkpoint()
            await good.send(call(1))
            await good.until_ended(1)
            assert good.statuses.get(1) == b"0"


@settings(max_examples=40)
@given(st.sampled_from(["nghttp2", "h2"]), SPOILED, CUTS)
def test_spoiled_bytes_trouble_nobody_else(
    engine: str, spoiled: list[tuple[int, int]], cuts: list[int]
) -> None:
    complaints: list[str] = []
    sink = logger.add(lambda message: complaints.append(str(message)), level="ERROR")
    try:
        trio.run(_played, engine, spoiled, cuts)
    finally:
        logger.remove(sink)
    assert complaints == []
