"""A crowd of streams on one channel of Google's asyncio client, in a process of its own.

usage: python -m tests.support.system_crowd HOST:PORT MODEL TASKS STREAMS_EACH -> JSON on stdout
"""

import asyncio
import json
import sys
from time import perf_counter

import grpc
import grpc.aio

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.system_gateway import ask
from tests.support.system_stream import checked


async def crowd(address: str, model: str, tasks: int, each: int) -> dict[str, object]:
    """Run `tasks` at once, each with `each` streams one after the other; count what failed."""
    failures: list[str] = []
    chunks = 0
    first_s: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.unary_stream(
            "/llmservice.v1.LLMService/InvokeStream",
            pb.LLMRequest.SerializeToString,
            pb.LLMStreamResponse.FromString,
        )

        async def one() -> None:
            nonlocal chunks
            for _ in range(each):
                began = perf_counter()
                events: list[pb.LLMStreamResponse] = []
                try:
                    async for event in stream(ask("play", model), timeout=120):
                        if not events:
                            first_s.append(perf_counter() - began)
                        events.append(event)
                    chunks += len(checked(events).split())
                except grpc.aio.AioRpcError as error:
                    failures.append(f"{error.code()}: {error.details()}")

        await asyncio.gather(*(one() for _ in range(tasks)))
    return {"failures": failures, "chunks": chunks, "slowest_first_s": max(first_s)}


if __name__ == "__main__":
    target, model, tasks, each = sys.argv[1:]
    print(json.dumps(asyncio.run(crowd(target, model, int(tasks), int(each)))))
