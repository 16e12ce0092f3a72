"""What each layer of the service costs a call and a chunk: one on top of the other, in process, no sockets.

    just bench layers [--rounds N] [--calls N] [--chunks N] [--json FILE]

At the bottom is a model whose answer is ready. The layers stand in the order of `entrypoints.stacking`; each
row is a stack that ends there, and says what it costs and what its topmost layer adds to the row above
(`Timed`, which only models without patience of their own get, and what calls ask for that are given again,
shared or made once are beside the others: all are on the model alone). Chunks are the difference
between a long stream and a short one. It is the time of one task on one core; rounds are short and
many, so that a neighbour's bad moment is one round's.
"""

import argparse
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time
from typing import TypeAlias

import attrs
import trio

from adapters.http.events import Given
from adapters.storage.memory_limiter import MemoryLimiter, NothingSpent
from adapters.storage.memory_response_cache import MemoryResponseCache
from adapters.storage.memory_usage_log import MemoryUsageLog
from domain.model.call import ChatCall, Delivery
from domain.model.caller import ANONYMOUS, Caller, CallerLimits
from domain.model.chat import ChatRequest
from domain.model.events import ChatEvent, TextDelta
from domain.model.model_info import Feature, ModelInfo
from domain.model.response_cache import CacheMode, ResponseCachePolicy
from domain.policy.admission import LimitTable
from domain.policy.route_book import RouteBook
from domain.services.admission import Admission, Admitted
from domain.services.attempts import UNPRICED
from domain.services.chosen import Chosen
from domain.services.coalesced import Coalesced
from domain.services.deadline import Timed
from domain.services.hedged import Hedged
from domain.services.idempotent import Idempotent
from domain.services.inlined import Inlined
from domain.services.keybook import Keybook, KeyBounds
from domain.services.lanes import Laned
from domain.services.recalled import Keeping, Kept, Recalled
from domain.services.retried import Retried
from domain.services.route import Routed
from domain.services.routes import Routes
from domain.services.service import Service
from domain.services.settle import Settled
from domain.services.signed import Signer
from domain.services.stacked import Stacked
from domain.services.stage import Stage, open_stage
from entrypoints.compose import media_source
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.answers import response_pb
from entrypoints.grpc.translate.requests import request_of
from entrypoints.grpc.translate.stream import StreamWriter
from entrypoints.settings.media import MediaSettings
from ports.chat_model import ChatModel
from tests.benchmarks.machine import cores, subject_core
from tests.benchmarks.table import Figures
from tests.support.core_model import FINISHED, STARTED

LIMITED = Caller(
    "bench",
    limits=CallerLimits(requests_per_minute=10**9, tokens_per_minute=10**12, parallel_calls=10**4),
)
MESSAGE = pb.LLMRequest(
    provider="upstream",
    model="model",
    messages=[pb.ChatMessage(role="user", content="Tell me something about the weather.")],
    max_tokens=256,
)
REQUEST = request_of(MESSAGE)
SHORT = 16
"""Chunks of the stream that a long one is compared with."""
ALONE = "the model alone"
UNASKED, LOOKED_UP, SHARED, KEYED = (
    "given again, shared, made once: not asked for",
    "looked for, and not there",
    "shared by those in flight",
    "looked for, shared and under a key",
)
BESIDE = frozenset({"Timed", UNASKED, LOOKED_UP, SHARED, KEYED})
"""Layers that the next one does not stand on."""
Asked: TypeAlias = Callable[[Delivery], Awaitable[None]]
_INFO = ModelInfo(provider="upstream", model="model", features=frozenset(Feature))


@attrs.define
class Ready:
    """A provider whose answer is there.

    Attributes:
        chunks: How many pieces it has.
    """

    chunks: int = 1
    name: str = "upstream"

    @asynccontextmanager
    async def stream(self, call: ChatCall, /) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        """Give the answer."""
        yield Given(deque([STARTED, *[_PIECE] * self.chunks, FINISHED]))

    def models(self) -> Sequence[ModelInfo]:
        """Return the one there is."""
        return [_INFO]

    def info(self, model: str, /) -> ModelInfo | None:
        """Return what it takes: everything."""
        return _INFO


_PIECE = TextDelta("some words ")


def stacks(bottom: Ready, stage: Stage) -> Mapping[str, Asked]:
    """Return the stacks, from the model alone to the whole way."""
    admission = Admission(
        table=LimitTable(), limiter=MemoryLimiter(NothingSpent()), prices=UNPRICED
    )
    source = media_source(MediaSettings())
    assert source is not None
    settled = Settled(bottom, "upstream", MemoryUsageLog())
    book = RouteBook()
    laned = Laned("upstream", {"": settled}, book)
    inlined = Inlined(inner=laned, source=source, fetches={}, call_bytes=2**20, parallel=4)
    admitted = Admitted(inlined, bottom, admission)
    provider = Stacked(bottom, admitted)
    providers = {"upstream": provider}
    retried = Retried(Hedged(Routes(providers)))
    top = Routed(providers, Chosen(retried, {}, book))
    service = Service(top)
    return {
        ALONE: _drained(bottom),
        "Timed": _drained(Timed(bottom)),
        **_once(bottom, stage),
        "Settled, record in memory": _drained(settled),
        "Laned, with its breaker": _drained(laned),
        "Inlined, nothing to fetch": _drained(inlined),
        "Admitted, no limits": _drained(admitted),
        "Admitted, 3 limits": _drained(admitted, LIMITED),
        "Routed": _drained(Routed(providers), LIMITED),
        "Retried and Hedged, at once served": _drained(Routed(providers, retried), LIMITED),
        "Chosen, of one route": _drained(top, LIMITED),
        "Service, which validates": _drained(service, LIMITED),
        "translated in": _translated_in(service),
        "translated out": _translated(service),
    }


def _once(bottom: Ready, stage: Stage) -> Mapping[str, Asked]:
    sign, keeping = Signer({}), Keeping(cache=MemoryResponseCache(2**20))
    shared = Coalesced(Kept(bottom, keeping, sign), sign, stage, 2**20)
    # Nothing is kept under the key, so that it is free for the next call.
    book = Keybook(KeyBounds(max_keys=0), stage)
    model = Idempotent(Recalled(shared, keeping, sign), sign, book)
    looks = ResponseCachePolicy(mode=CacheMode.READ_ONLY)
    both = attrs.evolve(looks, coalesce=True)
    asked = {
        UNASKED: REQUEST,
        LOOKED_UP: attrs.evolve(REQUEST, response_cache=looks),
        SHARED: attrs.evolve(REQUEST, response_cache=ResponseCachePolicy(coalesce=True)),
        KEYED: attrs.evolve(REQUEST, response_cache=both, idempotency_key="key"),
    }
    return {name: _drained(model, request=request) for name, request in asked.items()}


def _call(delivery: Delivery, caller: Caller, request: ChatRequest = REQUEST) -> ChatCall:
    return ChatCall(request=request, caller=caller, request_id="call-1", delivery=delivery)


def _drained(model: ChatModel, caller: Caller = ANONYMOUS, request: ChatRequest = REQUEST) -> Asked:
    async def ask(delivery: Delivery) -> None:
        async with model.stream(_call(delivery, caller, request)) as events:
            async for _ in events:
                pass

    return ask


def _translated_in(service: Service) -> Asked:
    async def ask(delivery: Delivery) -> None:
        message = pb.LLMRequest.FromString(_SENT)
        call = attrs.evolve(_call(delivery, LIMITED), request=request_of(message))
        async with service.stream(call) as events:
            async for _ in events:
                pass

    return ask


def _translated(service: Service) -> Asked:
    async def ask(delivery: Delivery) -> None:
        message = pb.LLMRequest.FromString(_SENT)
        call = attrs.evolve(_call(delivery, LIMITED), request=request_of(message))
        if delivery is Delivery.WHOLE:
            response_pb(await service.answer(call), 0.0).SerializeToString()
            return
        writer = StreamWriter()
        async with service.stream(call) as events:
            async for event in events:
                writer.message(event).SerializeToString()

    return ask


_SENT = MESSAGE.SerializeToString()


async def measure(rounds: int, calls: int, chunks: int) -> Figures:
    """Ask every stack in turn; the first round, which warms up, does not count."""
    async with open_stage(_never) as stage:
        return await _measured(stage, rounds, calls, chunks)


def _never(error: Exception) -> None:
    raise error


async def _measured(stage: Stage, rounds: int, calls: int, chunks: int) -> Figures:
    figures = Figures()
    bottom = Ready()
    for turn in range(rounds + 1):
        below = Cost(0.0, 0.0)
        for name, ask in stacks(bottom, stage).items():
            cost = await _cost(bottom, ask, calls, chunks)
            if turn:
                found = {
                    "us a call": cost.call_us,
                    "adds": cost.call_us - below.call_us,
                    "us a chunk": cost.chunk_us,
                    "adds to a chunk": cost.chunk_us - below.chunk_us,
                }
                figures.add("layers, each on top of the one above it", name, found)
            below = below if name in BESIDE else cost
    return figures


@attrs.frozen
class Cost:
    """Of a whole answer, and of one more chunk of a stream."""

    call_us: float
    chunk_us: float


async def _cost(bottom: Ready, ask: Asked, calls: int, chunks: int) -> Cost:
    streams = max(calls // 10, 1)
    bottom.chunks = 1
    call_us = await _spent_us(ask, Delivery.WHOLE, calls)
    bottom.chunks = SHORT
    short_us = await _spent_us(ask, Delivery.STREAMED, streams)
    bottom.chunks = SHORT + chunks
    long_us = await _spent_us(ask, Delivery.STREAMED, streams)
    return Cost(call_us, (long_us - short_us) / chunks)


async def _spent_us(ask: Asked, delivery: Delivery, times: int) -> float:
    began = process_time()
    for _ in range(times):
        await ask(delivery)
    return (process_time() - began) / times * 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--calls", type=int, default=50, help="whole ones, of each stack")
    parser.add_argument(
        "--chunks", type=int, default=200, help="of each of a tenth as many streams"
    )
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if len(cores()) > 1:
        os.sched_setaffinity(0, {subject_core()})
    found = trio.run(measure, asked.rounds, asked.calls, asked.chunks)
    found.report("layers", ALONE, asked.json)
