"""Whom a serving process tells how it is: the log, or, as one of several workers, who started it.

A worker and its supervisor have a socket between them. The worker writes lines of JSON; that the supervisor
is gone is what it reads.
"""

import json
import socket
from typing import Any, Protocol

import attrs
import trio
from loguru import logger

from entrypoints.addresses import AnyAddress
from entrypoints.crew.answers import Answers
from entrypoints.crew.outbox import Outbox
from entrypoints.grpc.transport.draining import Draining

_LAST_WORDS_S = 1.0
_READ_BYTES = 4096


class Voice(Protocol):
    """Tells how a serving process is."""

    def serving(self, address: AnyAddress) -> None:
        """Tell that calls are accepted."""
        ...

    def shows(self, answers: Answers) -> None:
        """Have what others ask answered."""
        ...

    async def tell_last(self) -> None:
        """Tell what was counted, when nothing more will be."""
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

    def shows(self, answers: Answers) -> None:
        """Do nothing: it is asked over HTTP."""

    async def tell_last(self) -> None:  # noqa: ASYNC124 - others do
        """Do nothing: it has been told over HTTP."""

    def stopped(self, draining: Draining) -> None:
        """Log it."""
        logger.bind(finished=draining.served, cut=draining.cut).info("stopped")

    async def follow(self, draining: Draining) -> None:  # noqa: ASYNC124 - others do
        """Return: nobody has started it that could be gone."""


@attrs.define(eq=False)
class Worker:
    """One of several: tells its supervisor, over the socket between them, and answers it."""

    _link: socket.socket
    _outbox: Outbox
    _answers: Answers | None = None

    @classmethod
    def at(cls, descriptor: int) -> "Worker":
        """Return the voice of a worker that was given the socket `descriptor`."""
        link = socket.socket(fileno=descriptor)
        link.setblocking(False)
        return cls(link, Outbox(link))

    def serving(self, address: AnyAddress) -> None:
        """Tell the supervisor; which address it is it knows."""
        self._outbox.put({"serving": True})

    def shows(self, answers: Answers) -> None:
        """Answer the supervisor so from now on."""
        self._answers = answers

    async def tell_last(self) -> None:
        """Tell the supervisor, which keeps it."""
        if self._answers is not None:
            readings = await self._answers.to("readings", {})
            seconds = await self._answers.to("seconds", {"since": -1})
            self._outbox.put_text(f'{{"last":{{"readings":{readings},"seconds":{seconds}}}}}')

    def stopped(self, draining: Draining) -> None:
        """Tell the supervisor, which adds up."""
        self._outbox.put({"finished": draining.served, "cut": draining.cut})
        self._outbox.empty_within(_LAST_WORDS_S)

    def close(self) -> None:
        """Close its end; a process that ends need not."""
        self._link.close()

    async def follow(self, draining: Draining) -> None:
        """Answer the supervisor; begin `draining` when it is gone, by whatever way it went."""
        rest = b""
        while said := await self._received():
            *whole, rest = (rest + said).split(b"\n")
            for each in whole:
                await self._answer(json.loads(each))
        logger.warning("the supervisor is gone; stopping")
        draining.begin()

    async def _answer(self, asked: dict[str, Any]) -> None:
        answers = self._answers
        found = "null" if answers is None else await answers.to(asked["what"], asked)
        self._outbox.put_text(f'{{"answer":{asked["ask"]},"is":{found}}}')
        await self._outbox.emptied()

    async def _received(self) -> bytes:
        """Return what has come; empty: nothing comes any more."""
        while True:
            await trio.lowlevel.wait_readable(self._link)
            try:
                return self._link.recv(_READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return b""
