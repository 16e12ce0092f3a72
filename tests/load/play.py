"""Makes the calls of a plan with Google's asyncio client, each at its time whatever became of the others.

Times are from when a call was due, not from when this program got round to it: a server that is slow does not
slow down its own measurement.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import grpc
import grpc.aio

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.load.plan import IDEAL_S, Call

_SERVICE = "/llmservice.v1.LLMService/"
_DEADLINE_S = 30.0


@attrs.frozen
class Made:
    """One call that was made.

    Attributes:
        call: As it was planned.
        code: Its status.
        late_s: How late it was begun.
        first_s: From due to the first word, in seconds; ``None``: there was none.
        total_s: From due to its end.
        text: How many letters came.
    """

    call: Call
    code: str
    late_s: float
    first_s: float | None
    total_s: float
    text: int

    @property
    def added_s(self) -> float:
        """What it took beyond what the provider's script takes."""
        return self.total_s - IDEAL_S[self.call.model]

    @property
    def surprising(self) -> bool:
        """Whether it ended as nobody planned."""
        return self.code not in self.call.expected


async def play(
    address: str,
    token: str,
    calls: Sequence[Call],
    connections: int,
    tell: Callable[[int, float], None],
) -> list[Made]:
    """Make `calls`; return what became of them.

    Args:
        address: Of the server.
        token: To call with.
        calls: Oldest first.
        connections: To spread them over.
        tell: Told about once a second how many have ended, and the seconds since the start.
    """
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(connections)]
    players = [_Player(channel, token) for channel in channels]
    made: list[Made] = []
    for channel in channels:
        await channel.channel_ready()
    start = time.perf_counter()

    async def one(number: int, call: Call) -> None:
        made.append(await players[number % connections].make(call, start))

    async with asyncio.TaskGroup() as tasks:
        told = tasks.create_task(_telling(start, made, tell))
        playing: set[asyncio.Task[None]] = set()
        for number, call in enumerate(calls):
            await asyncio.sleep(start + call.due_s - time.perf_counter())
            task = tasks.create_task(one(number, call))
            playing.add(task)
            task.add_done_callback(playing.discard)
        while playing:
            await asyncio.wait(playing)
        told.cancel()
    for channel in channels:
        await channel.close()
    return made


async def _telling(start: float, made: list[Made], tell: Callable[[int, float], None]) -> None:
    while True:
        await asyncio.sleep(1)
        tell(len(made), time.perf_counter() - start)


class _Player:
    """Calls over one connection."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        out = pb.LLMRequest.SerializeToString
        self._unary = channel.unary_unary(
            f"{_SERVICE}Invoke",
            request_serializer=out,
            response_deserializer=pb.LLMResponse.FromString,
        )
        self._stream = channel.unary_stream(
            f"{_SERVICE}InvokeStream",
            request_serializer=out,
            response_deserializer=pb.LLMStreamResponse.FromString,
        )
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def make(self, call: Call, start: float) -> Made:
        """Make `call`, which is due so long after `start`."""
        due = start + call.due_s
        late_s = time.perf_counter() - due
        request = pb.LLMRequest(
            provider="play",
            model=call.model,
            messages=[pb.ChatMessage(role="user", content="Hello")],
            max_tokens=100,
            labels={"kind": call.kind},
        )
        method: Any = self._stream if call.streamed else self._unary
        asked: Any = method(request, timeout=_DEADLINE_S, metadata=self._metadata)
        leaving = None
        if call.cancel_s is not None:
            leaving = asyncio.get_running_loop().call_later(call.cancel_s, asked.cancel)
        first_s, text = None, 0
        try:
            if call.streamed:
                async for event in asked:
                    if event.content:
                        first_s = first_s or time.perf_counter() - due
                        text += len(event.content)
            else:
                text = len((await asked).content)
                first_s = time.perf_counter() - due
        except grpc.aio.AioRpcError:
            pass
        except asyncio.CancelledError:  # noqa: ASYNC103 - the call was cancelled, not the task
            if call.cancel_s is None:
                raise
        finally:
            if leaving is not None:
                leaving.cancel()
        status: grpc.StatusCode = await asked.code()
        return Made(call, status.name, late_s, first_s, time.perf_counter() - due, text)
