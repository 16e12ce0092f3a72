"""One answer on its way from its thread to its reader.

Laws: `stop` returns at once, and the thread ends within one token or one batch of the prompt. The callback
only appends and posts, so it cannot fail: llama.cpp's binding swallows what a callback raises. Chunks are
understood by the reader, in the event loop, where an error has somebody to go to.

No queue with a bound stands between the two, because it would bound nothing: llama.cpp makes its answer to
the end while a callback blocks (seen: 78 tokens ahead within a second) and keeps it in a queue of its own;
a slow reader would only hold the thread, and so the slot. So it is let come: an answer is no longer than its
slot (2,048 tokens), and a reader takes all that has come in one piece.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import attrs

from adapters.local.threads import Post
from domain.model.errors import ChatError, ErrorReason, ProviderFailure


@attrs.define(eq=False)
class Generation:
    """The chunks of one answer.

    `run` belongs to the thread; everything else to the event loop.

    Attributes:
        ask: Makes the answer, giving each chunk to its argument until that returns True.
        refused: Makes an error of the words with which the whole question was refused.
    """

    ask: Callable[[Callable[[Any], bool]], object]
    refused: Callable[[str], ChatError]
    _post: Post
    _chunks: deque[Any] = attrs.field(factory=deque)
    _news: anyio.Event = attrs.field(factory=anyio.Event)
    _stopped: bool = False
    _ended: bool = False
    _failure: ChatError | None = None

    def run(self) -> None:
        """Make the answer; returns when it is complete or stopped."""
        try:
            answer = self.ask(self._take)
        except (ValueError, TypeError) as error:
            self._failure = self.refused(str(error))
        except RuntimeError as error:
            self._failure = ProviderFailure(str(error), ErrorReason.PROVIDER_SERVER_ERROR)
        else:
            if answer is not None:
                self._chunks.append(answer)

    def stop(self) -> None:
        """Have the thread end soon; what it still makes is not wanted."""
        self._stopped = True
        self._chunks.clear()

    def end(self) -> None:
        """Take note that the thread has ended."""
        self._ended = True
        self._news.set()

    async def chunks(self) -> Sequence[Any]:
        """Return all chunks that have come, at least one, oldest first; passes a checkpoint.

        Raises:
            ChatError: There will be no more. An answer that is complete is not read that far.
        """
        if self._chunks:
            await anyio.lowlevel.checkpoint()
        while not self._chunks:
            if self._ended:
                raise self._failure or self._broken_off()
            # Made before the next look and set by a post, so that no chunk comes unheard.
            self._news = anyio.Event()
            await self._news.wait()
        # One by one: the thread may append meanwhile.
        return [self._chunks.popleft() for _ in range(len(self._chunks))]

    def _take(self, chunk: Any) -> bool:
        if self._stopped:
            return True
        self._chunks.append(chunk)
        return not self._post(self._wake)

    def _wake(self) -> None:
        self._news.set()

    def _broken_off(self) -> ChatError:
        why = "was closed" if self._stopped else "stopped in the middle"
        return ProviderFailure(
            f"the embedded model {why}: the answer is not complete",
            ErrorReason.PROVIDER_STREAM_TRUNCATED,
        )
