"""How long a cancel takes to reach the provider's socket, over real sockets on both sides.

    just bench cancel [CALLS]

Three ways to leave (the client cancels, the client's deadline passes, the client's connection is reset) times
three upstreams (one that streams, one that is silent, one that is asked for a whole answer). The clock starts
when the client acts, or when its deadline passes, and stops when the upstream reads the end of its socket.
Every call must leave its usage record, and nothing else.
"""

import argparse
import asyncio
import json
import socket
import statistics
import struct
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import TypeVar

import grpc
import grpc.aio
import trio
from loguru import logger

from adapters.storage.memory_usage_log import MemoryUsageLog
from entrypoints.account import memory_account
from entrypoints.compose import open_service
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.serve import serve_grpc
from entrypoints.grpc.transport.engine import EngineLimits, engine_factory
from entrypoints.grpc.transport.messages import frame_message
from entrypoints.settings.loading import structure

R = TypeVar("R")
DEADLINE_S = 0.15
GOAL_P99_MS = 10.0

_CHUNK = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Upstream:
    """Answers as its request's model says, and notes when the service hangs up."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.closed = trio.Event()
        self.closed_at = 0.0
        self.open = 0

    def expect(self) -> None:
        self.asked, self.closed = trio.Event(), trio.Event()

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.open += 1
        try:
            async with trio.open_nursery() as nursery:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += await stream.receive_some(65536)
                if b'"streaming"' in request or b'"streaming"' in await _body(stream, request):
                    nursery.start_soon(_talk, stream)
                self.asked.set()
                try:
                    while await stream.receive_some(65536):
                        pass
                except trio.BrokenResourceError:
                    pass
                self.closed_at = perf_counter()
                self.closed.set()
                nursery.cancel_scope.cancel()
        finally:
            self.open -= 1
            await trio.aclose_forcefully(stream)


async def _body(stream: trio.SocketStream, request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += await stream.receive_some(65536)
    return body


async def _talk(stream: trio.SocketStream) -> None:
    try:
        await stream.send_all(_HEAD)
        while True:
            await stream.send_all(b"%x\r\n%s\r\n" % (len(_CHUNK), _CHUNK))
            await trio.sleep(0.005)
    except trio.BrokenResourceError:
        pass


def _request(model: str) -> pb.LLMRequest:
    return pb.LLMRequest(
        provider="up", model=model, messages=[pb.ChatMessage(role="user", content="hello")]
    )


class GrpcioClient:
    """Google's own client (its asyncio one), on a loop in a thread of its own."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._channel = self._wait(self._connect())

    def close(self) -> None:
        self._wait(self._channel.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cancel_when_asked(self, model: str, asked: threading.Event) -> "Future[float]":
        """Start a call and cancel it once `asked` is set; the result is when."""
        return asyncio.run_coroutine_threadsafe(self._cancelled(model, asked), self._loop)

    def with_deadline(self, model: str, timeout_s: float) -> "Future[float]":
        """Start a call that its deadline will end; the result is when that is."""
        return asyncio.run_coroutine_threadsafe(self._late(model, timeout_s), self._loop)

    def _wait(self, coroutine: Coroutine[object, object, R]) -> R:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _connect(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._target)

    async def _run(self, model: str, timeout_s: float | None) -> None:
        base, out = "/llmservice.v1.LLMService/", pb.LLMRequest.SerializeToString
        if model == "whole":
            unary = self._channel.unary_unary(base + "Invoke", out, pb.LLMResponse.FromString)
            await unary(_request(model), timeout=timeout_s)
        else:
            stream = self._channel.unary_stream(
                base + "InvokeStream", out, pb.LLMStreamResponse.FromString
            )
            async for _ in stream(_request(model), timeout=timeout_s):
                pass

    async def _cancelled(self, model: str, asked: threading.Event) -> float:
        call = asyncio.ensure_future(self._run(model, None))
        await asyncio.to_thread(asked.wait)
        began = perf_counter()
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        return began

    async def _late(self, model: str, timeout_s: float) -> float:
        # The server's copy of the deadline starts a little later than the client's: the price of a hop.
        ends = perf_counter() + timeout_s
        with suppress(grpc.aio.AioRpcError):
            await self._run(model, timeout_s)
        return ends


class RawClient:
    """A client whose machine goes away: its socket is reset in the middle of a call."""

    def __init__(self, target: str, model: str) -> None:
        host, port = target.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        engine = engine_factory("auto")(True, EngineLimits())
        engine.start()
        method = b"Invoke" if model == "whole" else b"InvokeStream"
        stream_id = engine.request(
            (
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":path", b"/llmservice.v1.LLMService/" + method),
                (b":authority", b"x"),
                (b"te", b"trailers"),
                (b"content-type", b"application/grpc"),
            )
        )
        engine.send(stream_id, frame_message(_request(model).SerializeToString()), ended=True)
        self.socket.sendall(engine.take())

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


async def _client_cancels(target: str, client: GrpcioClient, up: Upstream, model: str) -> float:
    asked = threading.Event()
    began = client.cancel_when_asked(model, asked)
    await up.asked.wait()
    asked.set()
    await up.closed.wait()
    return up.closed_at - await trio.to_thread.run_sync(began.result)


async def _deadline_passes(target: str, client: GrpcioClient, up: Upstream, model: str) -> float:
    ends = client.with_deadline(model, DEADLINE_S)
    await up.closed.wait()
    return up.closed_at - await trio.to_thread.run_sync(ends.result)


async def _connection_dies(target: str, client: GrpcioClient, up: Upstream, model: str) -> float:
    dying = RawClient(target, model)
    await up.asked.wait()
    began = perf_counter()
    dying.reset()
    await up.closed.wait()
    return up.closed_at - began


WAYS: dict[str, Callable[[str, GrpcioClient, Upstream, str], Awaitable[float]]] = {
    "cancel": _client_cancels,
    "deadline": _deadline_passes,
    "connection reset": _connection_dies,
}


@asynccontextmanager
async def _gateway(log: MemoryUsageLog) -> AsyncIterator[tuple[str, Upstream]]:
    async with trio.open_nursery() as nursery:
        up = Upstream()
        listeners = await nursery.start(trio.serve_tcp, up, 0)
        port = listeners[0].socket.getsockname()[1]
        settings = structure(
            {
                "grpc": {"port": 0},
                "local": {"enabled": False},
                "providers": {
                    "up": {"kind": "compatible", "base_url": f"http://127.0.0.1:{port}/v1"}
                },
            }
        )
        async with (
            open_service(settings, account=memory_account(log)) as service,
            trio.open_nursery() as calls,
        ):
            address = await calls.start(serve_grpc, service, settings.grpc)
            yield str(address), up
            calls.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


async def main(calls: int) -> bool:
    logger.remove()
    rows: list[dict[str, object]] = []
    log = MemoryUsageLog()
    ok = True
    async with _gateway(log) as (target, up):
        client = GrpcioClient(target)
        for way, act in WAYS.items():
            for model in ("streaming", "silent", "whole"):
                before = len(log.records)
                took = []
                for _ in range(calls):
                    up.expect()
                    with trio.fail_after(10):
                        took.append(1000 * await act(target, client, up, model))
                await trio.sleep(0.1)
                records = log.records[before:]
                ordered = sorted(took)
                p99 = ordered[int(0.99 * (len(ordered) - 1))]
                rows.append(
                    {
                        "way": way,
                        "upstream": model,
                        "calls": calls,
                        "p50_ms": round(statistics.median(ordered), 2),
                        "p99_ms": round(p99, 2),
                        "max_ms": round(ordered[-1], 2),
                        "records": len(records),
                        "outcomes": sorted({r.attempt.outcome.value for r in records}),
                        "left_open": up.open,
                        "tasks_left": trio.lowlevel.current_statistics().tasks_living,
                    }
                )
                ok = ok and p99 <= GOAL_P99_MS and len(records) == calls and not up.open
        await trio.to_thread.run_sync(client.close)
    for row in rows:
        print(json.dumps(row))
    print("threads left:", threading.active_count())
    return ok


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="?", type=int, default=200)
    sys.exit(not trio.run(main, parser.parse_args().calls))
