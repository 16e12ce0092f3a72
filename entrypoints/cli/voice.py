"""Whom a serving process tells how it is: the log, or, as one of several workers, who started it.

A worker and its supervisor have a socket between them. The worker writes lines of JSON; that the supervisor
is gone is what it reads.
"""

import json
import socket
from typing import Protocol

import attrs
import trio
from loguru import logger

from entrypoints.addresses import AnyAddress
from entrypoints.grpc.transport.draining import Draining


class Voice(Protocol):
    """Tells how a serving process is."""

    def serving(self, address: AnyAddress) -> None:
        """Tell that calls are accepted."""
        ...

    def stopped(self, draining: Draining) -> None:
        """Tell what became of the last calls."""
        ...

    async def follow(self, draining: Draining) -> None:
        """Begin `draining` when there is nobody any more to serve for."""
        ...


class Alone:
    """The only process of its server: tells the log."""

    def serving(self, address: AnyAddress) -> None:
        """Log it."""
        logger.bind(address=str(address)).info("serving")

    def stopped(self, draining: Draining) -> None:
        """Log it."""
        logger.bind(finished=draining.served, cut=draining.cut).info("stopped")

    async def follow(self, draining: Draining) -> None:  # noqa: ASYNC124 - others do
        """Return: nobody has started it that could be gone."""


@attrs.frozen
class Worker:
    """One of several: tells its supervisor, over the socket between them."""

    _link: socket.socket

    @classmethod
    def at(cls, descriptor: int) -> "Worker":
        """Return the voice of a worker that was given the socket `descriptor`."""
        link = socket.socket(fileno=descriptor)
        link.setblocking(False)
        return cls(link)

    def serving(self, address: AnyAddress) -> None:
        """Tell the supervisor; which address it is it knows."""
        self._tell({"serving": True})

    def stopped(self, draining: Draining) -> None:
        """Tell the supervisor, which adds up."""
        self._tell({"finished": draining.served, "cut": draining.cut})

    async def follow(self, draining: Draining) -> None:
        """Begin `draining` when the supervisor is gone, by whatever way it went."""
        await trio.lowlevel.wait_readable(self._link)
        logger.warning("the supervisor is gone; stopping")
        draining.begin()

    def _tell(self, what: dict[str, int]) -> None:
        try:
            self._link.send(json.dumps(what).encode() + b"\n")
        except OSError:
            # It is gone, which `follow` hears too.
            logger.debug("nobody hears this worker")
