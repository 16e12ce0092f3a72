"""Where a server listens: several places at once, each had whole or not at all."""

import errno
import os
import socket
import stat
from pathlib import Path

import pytest
import trio
from loguru import logger

from entrypoints.addresses import Address, AnyAddress, UnixAddress
from entrypoints.grpc.transport.listeners import (
    Binding,
    CannotListen,
    Listener,
    accept_forever,
    open_listeners,
)

V4, V6 = Address("127.0.0.1", 0), Address("::1", 0)


def unix(path: Path) -> UnixAddress:
    """A socket of the file system; relative, because the folders of tests have long names."""
    return UnixAddress(os.path.relpath(path))


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def reach(address: AnyAddress) -> None:
    if isinstance(address, UnixAddress):
        stream = await trio.open_unix_socket(address.path)
    else:
        stream = await trio.open_tcp_stream(address.host, address.port)
    await stream.aclose()


async def test_every_address_is_listened_at_at_once(tmp_path: Path) -> None:
    wanted: list[AnyAddress] = [V4, V6, unix(tmp_path / "s"), Address("localhost", 0)]
    async with open_listeners(wanted) as listeners:
        assert len(listeners) == 4
        for each in listeners:
            await reach(each.address)
    assert names(tmp_path) == []
    for each in listeners:
        with pytest.raises(OSError, match=r".*"):
            await reach(each.address)


async def test_an_empty_host_is_both_families_on_one_port() -> None:
    async with open_listeners([V4]) as (free,):
        assert isinstance(free.address, Address)
        port = free.address.port
    async with open_listeners([Address("", port)]) as listeners:
        assert {str(each.address) for each in listeners} == {f"0.0.0.0:{port}", f"[::]:{port}"}


async def test_all_of_ipv6_leaves_ipv4_alone() -> None:
    async with open_listeners([Address("::", 0)]) as (six,):
        assert isinstance(six.address, Address)
        async with open_listeners([Address("0.0.0.0", six.address.port)]) as (four,):
            await reach(Address("127.0.0.1", six.address.port))
            await reach(Address("::1", six.address.port))
            assert four.address != six.address


async def test_one_address_that_cannot_be_had_leaves_nothing_behind(tmp_path: Path) -> None:
    async with open_listeners([V4]) as (taken,):
        with pytest.raises(CannotListen, match=r"127.0.0.1:\d+: .* in use; .* --port"):
            async with open_listeners([unix(tmp_path / "s"), taken.address]):
                raise AssertionError
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (Address("192.0.2.1", 0), "192.0.2.1:0: .* another --host"),
        (Address("no-such-name.invalid", 0), "no-such-name.invalid:0: .* check the name"),
        (UnixAddress("/no/such/folder/s"), "unix:/no/such/folder/s: .*; make the folder first"),
        (UnixAddress("/dev/null/s"), "unix:/dev/null/s: .*; choose a path in a folder"),
        (UnixAddress("/dev/null"), "unix:/dev/null: something else than a socket"),
    ],
)
async def test_what_is_wrong_with_an_address_is_said(address: AnyAddress, words: str) -> None:
    with pytest.raises(CannotListen, match=words):
        async with open_listeners([address]):
            raise AssertionError


@pytest.mark.parametrize("mode", [0o600, 0o660])
async def test_a_unix_socket_lets_in_whom_its_mode_says(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "s"
    async with open_listeners([unix(path)], Binding(unix_mode=mode)):
        assert stat.S_IMODE(path.stat().st_mode) == mode


async def test_the_socket_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    path = unix(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path.path)
        dead.listen()
    async with open_listeners([path]):
        await reach(path)


async def test_the_socket_of_a_living_server_is_left_to_it(tmp_path: Path) -> None:
    path = unix(tmp_path / "s")
    async with open_listeners([path]):
        with pytest.raises(CannotListen, match="a living server listens there; stop"):
            async with open_listeners([path]):
                raise AssertionError
        await reach(path)


async def test_a_socket_that_another_has_taken_over_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with open_listeners([unix(path)]):
        path.rename(tmp_path / "old")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(unix(path).path)
    assert path.exists()


async def test_servers_that_start_at_once_at_one_path_are_one_server(tmp_path: Path) -> None:
    path, refusals, both = unix(tmp_path / "s"), 0, trio.Event()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path.path)

    async def start() -> None:
        nonlocal refusals
        try:
            async with open_listeners([path]):
                await both.wait()
                await reach(path)
        except CannotListen:
            refusals += 1
            both.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(start)
        nursery.start_soon(start)
    assert refusals == 1


async def test_servers_share_a_port_only_if_both_say_so() -> None:
    shared = Binding(reuse_port=True)
    async with open_listeners([V4], shared) as (first,):
        async with open_listeners([first.address], shared) as (second,):
            assert first.address == second.address
        with pytest.raises(CannotListen):
            async with open_listeners([first.address]):
                raise AssertionError


async def test_too_many_open_files_are_waited_out_and_told_once(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"]), format="")
    refusals = 50
    handled = trio.Event()

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            handled.set()

    async def accept(self: trio.SocketListener) -> trio.SocketStream:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return await accepting(self)

    accepting = trio.SocketListener.accept
    monkeypatch.setattr(trio.SocketListener, "accept", accept)
    try:
        async with open_listeners([V4]) as (listener,), trio.open_nursery() as nursery:
            nursery.start_soon(accept_forever, listener, nursery, handle)
            await reach(listener.address)
            await handled.wait()
            nursery.cancel_scope.cancel()
    finally:
        logger.remove(sink)
    assert isinstance(listener, Listener)
    assert told == [
        "connections wait: accepting failed: Too many open files",
        "connections are accepted again",
    ]
