"""Several answers at once, interleaved.

Laws: one failed answer cancels the others; leaving the block cancels them all and waits until every upstream
connection is closed; a single failure comes out as itself, not inside a group.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import attrs
from anyio.streams.memory import MemoryObjectSendStream

from domain.groups import single_error_unwrapped
from domain.model.call import ChatCall
from domain.model.events import ChatEvent
from ports.chat_model import ChatModel


@attrs.frozen
class Part:
    """An event of one of the answers.

    Attributes:
        index: Which call, counted from 0 in the order given.
    """

    index: int
    event: ChatEvent


@asynccontextmanager
async def fan_out(
    model: ChatModel, calls: Sequence[ChatCall]
) -> AsyncIterator[AsyncIterator[Part]]:
    """Stream the answers to all `calls`, interleaved as they arrive.

    Yields:
        An iterator that ends when every answer has finished.

    Raises:
        ChatError: Of the answer that failed.
        ExceptionGroup: Several answers failed at the same time.

    Resource handling:
        The block owns one task per call; none outlives it.
    """
    send, receive = anyio.create_memory_object_stream[Part](0)
    with single_error_unwrapped():
        async with anyio.create_task_group() as tasks:
            with receive:
                with send:
                    for index, call in enumerate(calls):
                        tasks.start_soon(_pump, model, call, index, send.clone())
                try:
                    yield receive
                finally:
                    # Before the channel is closed: a sender that waits is to be cancelled, not told
                    # of a broken channel, which would come out beside what ended the block.
                    tasks.cancel_scope.cancel()


async def _pump(
    model: ChatModel, call: ChatCall, index: int, send: MemoryObjectSendStream[Part]
) -> None:
    with send:
        async with model.stream(call) as events:
            async for event in events:
                await send.send(Part(index, event))
