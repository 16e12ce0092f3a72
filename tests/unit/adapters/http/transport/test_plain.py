"""A TCP stream without the layers between it and its socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import pytest
import trio
import trio.testing

from adapters.http.transport.plain import PlainStream, plain

LONG = bytes(range(256)) * 65_536


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[anyio.abc.ByteStream, trio.SocketStream]]:
    """Give both ends of a connection: ours, and the other side's."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        near = plain(await anyio.connect_tcp("127.0.0.1", port))
        async with await listener.accept() as far:
            try:
                yield near, far
            finally:
                await anyio.aclose_forcefully(near)


async def test_what_is_longer_than_the_socket_takes_arrives_whole_and_in_order() -> None:
    async with joined() as (near, far), trio.open_nursery() as nursery:
        assert isinstance(near, PlainStream)
        nursery.start_soon(near.send, LONG)
        got = bytearray()
        while len(got) < len(LONG):
            got += await far.receive_some(65_536)
        assert got == LONG


async def test_a_send_that_waits_can_be_cancelled() -> None:
    async with joined() as (near, _):
        with anyio.move_on_after(0.01) as scope:
            await near.send(LONG)
        assert scope.cancelled_caught


async def test_a_receive_lets_others_have_their_turn_though_bytes_are_there() -> None:
    async with joined() as (near, far):
        await far.send_all(b"ab")
        for each in (b"a", b"b"):
            with trio.testing.assert_checkpoints():
                assert await near.receive(1) == each


async def test_a_receive_that_is_cancelled_takes_nothing() -> None:
    async with joined() as (near, far):
        await far.send_all(b"a")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await near.receive()
        assert scope.cancelled_caught
        assert await near.receive() == b"a"


async def test_the_end_of_the_stream_is_told_as_such() -> None:
    async with joined() as (near, far):
        await far.send_eof()
        with pytest.raises(anyio.EndOfStream):
            await near.receive()
        await near.send(b"bye")
        await near.send_eof()
        assert await far.receive_some() == b"bye"
        assert await far.receive_some() == b""


async def test_who_waits_while_it_is_closed_is_told_and_so_is_who_comes_later() -> None:
    async with joined() as (near, _):

        async def wait() -> None:
            with pytest.raises(anyio.ClosedResourceError):
                await near.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            await near.aclose()
        with pytest.raises(anyio.ClosedResourceError):
            await near.receive()
        with pytest.raises(OSError, match=r"[Bb]ad file descriptor"):
            await near.send(b"x")
