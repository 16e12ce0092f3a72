"""A connection's bytes come and go as they would through trio's own stream."""

import socket
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from entrypoints.grpc.transport.plain_stream import PlainStream

MIB = 1024 * 1024


@pytest.fixture
def ends() -> Iterator[tuple[PlainStream, trio.SocketStream]]:
    """Our end of a connection, and the other's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield (
            PlainStream(trio.SocketStream(trio.socket.from_stdlib_socket(ours))),
            trio.SocketStream(trio.socket.from_stdlib_socket(theirs)),
        )


Ends = tuple[PlainStream, trio.SocketStream]


async def test_what_is_said_is_heard(ends: Ends) -> None:
    ours, theirs = ends
    await ours.send_all(b"there")
    assert await theirs.receive_some() == b"there"
    await theirs.send_all(b"and back")
    assert await ours.receive_some(3) == b"and"
    assert await ours.receive_some() == b" back"


async def test_more_than_the_socket_takes_is_sent_as_it_is_read(ends: Ends) -> None:
    ours, theirs = ends
    sent = bytes(range(256)) * (16 * MIB // 256)
    heard = bytearray()

    async def hear() -> None:
        while len(heard) < len(sent):
            heard.extend(await theirs.receive_some())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        await ours.send_all(sent)
    assert heard == sent


async def test_a_send_that_waits_can_be_cancelled(ends: Ends) -> None:
    ours, _ = ends
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.send_all, bytes(64 * MIB))
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught


async def test_the_end_of_each_side_is_heard(ends: Ends) -> None:
    ours, theirs = ends
    await ours.send_eof()
    assert await theirs.receive_some() == b""
    await theirs.send_all(b"last words")
    await theirs.aclose()
    assert await ours.receive_some() == b"last words"
    assert await ours.receive_some() == b""


async def test_a_lost_connection_is_told_as_trio_tells_it(ends: Ends) -> None:
    ours, theirs = ends
    await theirs.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_all(b"x")


async def test_who_waits_is_told_that_it_was_closed(ends: Ends) -> None:
    ours, _ = ends

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await ours.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_all(b"x")


async def test_a_receive_lets_others_have_their_turn(ends: Ends) -> None:
    ours, theirs = ends
    await theirs.send_all(bytes(10))
    turns: list[str] = []

    async def other() -> None:
        turns.append("other")
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for _ in range(2):
            await ours.receive_some(1)
        turns.append("ours")
    assert turns == ["other", "ours"]
