"""One answer on its way in: its head, and its body piece by piece.

Law: closing closes the connection, unless the body was read to its end.
"""

import math
from contextlib import suppress

import anyio
import attrs
import httpx

from adapters.http.transport.asking import Answered
from adapters.wire.codec import ResponseHead

CLOSE_S = 2.0
"""Longest that closing may take, in seconds; ours takes no time, another transport's may."""
DRAIN_S = 0.05
"""How long the end of a body is waited for when all of the answer is there, in seconds."""
DRAIN_BYTES = 16 * 1024


@attrs.define(eq=False)
class Upstream:
    """One answer.

    Attributes:
        ended: Whether the body was read to its end; what is read then is empty.
    """

    _answer: Answered
    ended: bool = False

    @property
    def status(self) -> int:
        """Its status."""
        return self._answer.status

    @property
    def good(self) -> bool:
        """Whether it is an answer, and not an error or a redirect."""
        return 200 <= self._answer.status < 300

    @property
    def head(self) -> ResponseHead:
        """Status and headers."""
        answer = self._answer
        return ResponseHead(
            answer.status,
            {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in answer.headers
            },
        )

    async def read(self, due_s: float = math.inf) -> bytes:
        """Return the next piece of the body; empty: it has ended.

        Args:
            due_s: When it has to be there, on the event loop's clock.

        Raises:
            httpx.ReadTimeout: It was not.
            httpx.TransportError: It broke off.
        """
        answer = self._answer
        data = await answer.read(due_s)
        self.ended = not data or answer.whole
        return data

    async def drain(self) -> None:
        """Read a short rest, so that the connection can be used again; how it ends is of no interest."""
        if self.ended:
            # It came with the last of the answer, as a rule.
            return
        left = DRAIN_BYTES
        with anyio.move_on_after(DRAIN_S), suppress(httpx.TransportError):
            while left > 0 and not self.ended:
                left -= len(await self.read())

    async def aclose(self) -> None:
        """Close the answer; the connection is closed when this returns or raises."""
        if self.ended:
            await self._answer.aclose()
            return
        with anyio.move_on_after(CLOSE_S, shield=True):
            await self._answer.aclose()
