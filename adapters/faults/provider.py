"""The scripted provider: plays on a connection what the address of each request asks for.

Laws: every request that came whole is written down before it is answered; what is played ends with the
connection at the latest.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

import anyio
import anyio.abc
import attrs
from anyio.streams.buffered import BufferedByteReceiveStream

from adapters.faults.steps import Close, Endless, Play, Send, Step, Wait

_HEAD_BYTES = 64 * 1024
_GONE = (
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
)


@attrs.define(eq=False)
class FaultyProvider:
    """A provider for many callers, told apart by the first step of the path.

    Attributes:
        _plays: By that step; the first request gets the first play, and the last one is played again and
            again.
        _patience_s: What pauses are shares of, in seconds.
        asked: When each request came, on the event loop's clock, by the same.
    """

    _plays: Mapping[str, Sequence[Play]]
    _patience_s: float
    asked: defaultdict[str, list[float]] = attrs.field(factory=lambda: defaultdict(list))

    def asked_for(self, *keys: str) -> Sequence[Sequence[float]]:
        """Return when each of these was asked."""
        return [tuple(self.asked[key]) for key in keys]

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        """Answer the requests on `stream` until one side closes it."""
        async with stream:
            received = BufferedByteReceiveStream(stream)
            # The other side may go away at any moment: that is what it is tried for.
            with suppress(*_GONE):
                while await self._exchange(stream, received):
                    pass

    async def _exchange(
        self, stream: anyio.abc.ByteStream, received: BufferedByteReceiveStream
    ) -> bool:
        """Answer one request; return whether another may come."""
        head = await received.receive_until(b"\r\n\r\n", _HEAD_BYTES)
        await received.receive_exactly(_length(head))
        key = _key(head)
        plays = self._plays[key]
        play = plays[min(len(self.asked[key]), len(plays) - 1)]
        self.asked[key].append(anyio.current_time())
        for step in play:
            if not await self._step(step, stream, received):
                return False
        return True

    async def _step(
        self, step: Step, stream: anyio.abc.ByteStream, received: BufferedByteReceiveStream
    ) -> bool:
        match step:
            case Send(data):
                await stream.send(data)
            case Wait(math.inf):
                # Nobody sends another request now: what comes is the end.
                await received.receive()
            case Wait(share):
                await anyio.sleep(share * self._patience_s)
            case Endless(data, share):
                while True:
                    await stream.send(data)
                    await anyio.sleep(share * self._patience_s)
            case Close():
                return False
        return True


def _key(head: bytes) -> str:
    return head.split(b" ", 2)[1].decode("ascii").split("/")[1]


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
