"""Sockets that listen: opened all or none, and gone without a trace when the block ends.

Laws: an address that cannot be had is one error with the address and the remedy. What makes accepting fail
for a while, such as too many open files, never ends the server.
"""

import errno
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress

import attrs
import trio
from loguru import logger

from entrypoints.addresses import Address, AnyAddress, UnixAddress
from entrypoints.grpc.transport.unix_socket import bound_unix_socket

_BACKLOG = 1024
_RETRY_S = 0.1


class CannotListen(OSError):
    """An address cannot be listened at; the message says which, why, and what helps."""


@attrs.frozen(kw_only=True)
class Binding:
    """How addresses are taken.

    Attributes:
        reuse_port: Whether other processes may listen at the same port.
        unix_mode: Permissions of a socket in the file system.
    """

    reuse_port: bool = False
    unix_mode: int = 0o600


@attrs.frozen
class Listener:
    """A listening socket, and where it can be reached."""

    address: AnyAddress
    accepting: trio.SocketListener


@asynccontextmanager
async def open_listeners(
    addresses: Sequence[AnyAddress], binding: Binding = Binding()
) -> AsyncIterator[tuple[Listener, ...]]:
    """Listen at all `addresses`; a name may stand for several.

    Raises:
        CannotListen: One of them cannot be had; nothing stays behind.

    Resource handling:
        The block owns the sockets, and those of the file system: a socket file is removed at the end if it
        is still ours.
    """
    with ExitStack() as stack:
        listeners: list[Listener] = []
        for address in addresses:
            try:
                if isinstance(address, UnixAddress):
                    bound = await bound_unix_socket(stack, address.path, binding.unix_mode)
                    listeners.append(_listening(stack, bound, address))
                else:
                    for bound in await _bound(stack, address, binding):
                        host, port = bound.getsockname()[:2]
                        listeners.append(_listening(stack, bound, Address(host, port)))
            except OSError as error:
                raise _cannot_listen(address, error) from error
        yield tuple(listeners)


@asynccontextmanager
async def reserved(
    addresses: Sequence[AnyAddress], *, shared: bool
) -> AsyncIterator[tuple[Address, ...]]:
    """Hold `addresses`, which other processes shall share, without listening; port 0 becomes a free one.

    Args:
        addresses: Of sockets in the network.
        shared: Whether somebody may listen there already.

    Raises:
        CannotListen: One of them cannot be had.
    """
    with ExitStack() as stack:
        held: list[Address] = []
        for address in addresses:
            assert isinstance(address, Address)
            try:
                if not (shared or address.port == 0):
                    # Who listens there would not be noticed if both are ready to share.
                    with ExitStack() as probing:
                        await _bound(probing, address, Binding())
                for bound in await _bound(stack, address, Binding(reuse_port=True)):
                    host, port = bound.getsockname()[:2]
                    held.append(Address(host, port))
            except OSError as error:
                raise _cannot_listen(address, error) from error
        yield tuple(held)


async def accept_forever(
    listener: Listener,
    handlers: trio.Nursery,
    handle: Callable[[trio.SocketStream], Awaitable[None]],
) -> None:
    """Have each connection handled in `handlers`, until cancelled."""
    failing = False
    while True:
        try:
            stream = await listener.accepting.accept()
        except OSError as error:
            if not failing:
                # Once, not ten times a second for as long as it lasts.
                logger.bind(address=str(listener.address)).error(
                    "connections wait: accepting failed: {}", error.strerror or error
                )
            failing = True
            await trio.sleep(_RETRY_S)
        else:
            if failing:
                logger.bind(address=str(listener.address)).info("connections are accepted again")
            failing = False
            handlers.start_soon(handle, stream)


def close_listening(
    listener: Listener,
    handlers: trio.Nursery,
    handle: Callable[[trio.SocketStream], Awaitable[None]],
) -> None:
    """Close the socket; connections that the kernel has made by then are handled in `handlers`.

    Between the last look and the closing lie no waiting and no turn of the loop: a client that comes in
    between is refused by the kernel before it has called anything.
    """
    raw = socket.socket(fileno=os.dup(listener.accepting.socket.fileno()))
    with raw, suppress(OSError):
        # The kernel shall make no more while those that wait are taken.
        raw.listen(0)
        raw.setblocking(False)
        while True:
            made = trio.socket.from_stdlib_socket(raw.accept()[0])
            handlers.start_soon(handle, trio.SocketStream(made))
    listener.accepting.socket.close()


async def _bound(stack: ExitStack, address: Address, binding: Binding) -> list[socket.socket]:
    found = await trio.socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound: list[socket.socket] = []
    refused: OSError | None = None
    for family, place in dict.fromkeys((each[0], each[4]) for each in found):
        try:
            bound.append(_bound_at(stack, family, place, binding))
        except OSError as error:
            if error.errno not in _FAMILY_IS_OFF:
                raise
            # A name may stand for both families where only one is switched on.
            refused = error
        else:
            if address.port == 0:
                # Each would have a free port of its own, and one can be told.
                break
    if refused is not None and not bound:
        raise refused
    return bound


def _bound_at(stack: ExitStack, family: int, place: object, binding: Binding) -> socket.socket:
    listening = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if binding.reuse_port:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        # [::] does not take IPv4 too, on any system: who wants both listens at both, or at an empty host.
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listening.bind(place)  # type: ignore[arg-type]
    return listening


def _listening(stack: ExitStack, bound: socket.socket, address: AnyAddress) -> Listener:
    bound.listen(_BACKLOG)
    bound.setblocking(False)
    wrapped = trio.socket.from_stdlib_socket(bound)
    stack.callback(wrapped.close)
    return Listener(address, trio.SocketListener(wrapped))


def _cannot_listen(address: AnyAddress, error: OSError) -> CannotListen:
    why = error.strerror or str(error)
    if isinstance(error, socket.gaierror):
        remedy: str | None = "check the name"
    else:
        remedies = _UNIX_REMEDIES if isinstance(address, UnixAddress) else _TCP_REMEDIES
        remedy = remedies.get(error.errno or 0)
    return CannotListen(f"cannot listen at {address}: {why}" + (f"; {remedy}" if remedy else ""))


_FAMILY_IS_OFF = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
_TCP_REMEDIES: Mapping[int, str] = {
    errno.EADDRINUSE: "stop what listens there, or choose another --port",
    errno.EACCES: "choose a --port of 1024 or above",
    errno.EADDRNOTAVAIL: "this machine has no such address: choose another --host",
    errno.EAFNOSUPPORT: "this machine has no such kind of address: choose another --host",
}
_UNIX_REMEDIES: Mapping[int, str] = {
    errno.EADDRINUSE: "stop the server that listens there, or choose another path",
    errno.EACCES: "let this user write to the folder, or choose another path",
    errno.EROFS: "choose a path that can be written",
    errno.ENOENT: "make the folder first",
    errno.ENOTDIR: "choose a path in a folder",
}
