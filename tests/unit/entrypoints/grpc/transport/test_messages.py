"""Messages: cut anywhere, they are the same, and none is longer than the limit."""

import gzip
import time
import zlib
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from purerpc import RpcFailedError, StatusCode

from entrypoints.grpc.transport.messages import MessageReader, Packed, frame_message

LIMIT = 1000
PARTS = st.lists(
    st.one_of(
        st.binary(max_size=60).map(frame_message),
        st.binary(max_size=60).map(lambda value: compressed(gzip.compress(value))),
        st.just(b"\0" + (LIMIT + 1).to_bytes(4, "big")),
        st.just(b"\7" + bytes(4)),
    ),
    max_size=6,
)


def compressed(body: bytes) -> bytes:
    return b"\1" + len(body).to_bytes(4, "big") + body


def read(chunks: list[bytes]) -> tuple[list[Packed], object, bool]:
    reader = MessageReader(LIMIT, "gzip")
    found = [each for chunk in chunks for each in reader.split(chunk)]
    failure = reader.failure and cast(RpcFailedError, reader.failure).status.status_message
    return found, failure, bool(reader.rest)


@given(PARTS, st.integers(0, 20), st.data())
def test_messages_cut_anywhere_are_the_same(
    parts: list[bytes], missing: int, draws: st.DataObject
) -> None:
    body = b"".join(parts)
    body = body[: max(0, len(body) - missing)]
    cuts = sorted(draws.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert read(chunks) == read([body])
    assert read([body[at : at + 1] for at in range(len(body))]) == read([body])


@given(st.lists(st.binary(max_size=100)))
def test_what_was_framed_is_read(payloads: list[bytes]) -> None:
    body = b"".join(frame_message(each) for each in payloads)
    assert MessageReader(LIMIT).feed(body) == payloads


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_the_limit_is_exact(size: int) -> None:
    for body in (frame_message(bytes(size)), compressed(gzip.compress(bytes(size)))):
        reader = MessageReader(LIMIT, "gzip")
        if size == LIMIT:
            assert reader.feed(body) == [bytes(size)]
        else:
            with pytest.raises(RpcFailedError) as raised:
                reader.feed(body)
            assert raised.value.status.status_code is StatusCode.RESOURCE_EXHAUSTED


def test_a_message_is_refused_by_its_prefix() -> None:
    reader = MessageReader(LIMIT)
    assert reader.split(frame_message(b"good") + b"\0" + (2**31).to_bytes(4, "big")) == [b"good"]
    assert reader.failure is not None
    assert not reader.rest
    assert reader.split(frame_message(b"late")) == []


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    reader = MessageReader(1_000_000, "gzip")
    (packed,) = reader.split(compressed(bomb))
    assert len(packed) == len(bomb)
    started = time.perf_counter()
    with pytest.raises(RpcFailedError):
        reader.unpacked(packed)
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_the_encodings(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    reader = MessageReader(LIMIT, encoding)
    assert reader.feed(compressed(pack(b"hi")) + frame_message(b"plain")) == [b"hi", b"plain"]


def test_the_cost_is_linear() -> None:
    """Joining anew for every frame would copy 32 GB here."""
    body = frame_message(bytes(8_000_000))
    reader = MessageReader(2**24)
    started = time.perf_counter()
    for at in range(0, len(body), 1000):
        reader.split(body[at : at + 1000])
    assert time.perf_counter() - started < 1.0
