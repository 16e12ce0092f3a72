"""The least that a gateway on these parts can cost: a measure for ours, and nothing to be used.

    python -m tests.benchmarks.floor PORT ADDRESS-FILE

PORT is the provider's, on the loopback. It knows no limits, errors, authentication, records, timeouts or
back-pressure, and one protocol. What ours costs more than this is what our features and our care cost.
"""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httptools
import ngh2
import orjson
import trio

from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.transport.messages import frame_message

READ_BYTES = 65_536
_HEAD = ((b":status", b"200"), (b"content-type", b"application/grpc+proto"))
_TRAILERS = ((b"grpc-status", b"0"),)
_DONE = b"data: [DONE]"


class Body:
    """What comes of an answer's body."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.complete = False
        self.parser: Any = httptools.HttpResponseParser(self)

    def on_body(self, data: bytes) -> None:
        """Keep a piece."""
        self.parts.append(data)

    def on_message_complete(self) -> None:
        """Note the end."""
        self.complete = True

    async def read(self, stream: trio.SocketStream) -> bytes:
        """Return what one read brings of it."""
        self.parser.feed_data(await stream.receive_some(READ_BYTES))
        data = b"".join(self.parts)
        self.parts.clear()
        return data


class Client:
    """One client's connection, and its calls."""

    def __init__(
        self, stream: trio.SocketStream, provider: int, idle: list[trio.SocketStream]
    ) -> None:
        self._stream, self._provider, self._idle = stream, provider, idle
        settings = ngh2.Configuration(auto_window_update=False)
        self._engine: Any = ngh2.Connection(ngh2.Role.SERVER, settings)
        self._calls: dict[int, tuple[bytes, bytearray]] = {}
        self._wake = trio.Event()

    async def run(self) -> None:
        """Serve it until it leaves."""
        self._engine.initiate_connection({ngh2.Setting.MAX_CONCURRENT_STREAMS: 200})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            while data := await self._stream.receive_some(READ_BYTES):
                self._engine.receive_data(data)
                for event in self._engine.events():
                    self._take(event, nursery)
                self._wake.set()
            nursery.cancel_scope.cancel()

    def _take(self, event: Any, nursery: trio.Nursery) -> None:
        if isinstance(event, ngh2.RequestReceived):
            path = dict(event.headers)[b":path"]
            self._calls[event.stream_id] = path, bytearray()
        elif isinstance(event, ngh2.DataReceived):
            asked = self._calls[event.stream_id][1]
            asked += event.data
            self._engine.acknowledge_received_data(len(event.data), event.stream_id)
            if event.end_stream:
                path, asked = self._calls.pop(event.stream_id)
                nursery.start_soon(self._call, event.stream_id, path, bytes(asked[5:]))

    async def _write(self) -> None:
        while True:
            data = self._engine.data_to_send()
            if data:
                await self._stream.send_all(data)
            else:
                self._wake = trio.Event()
                await self._wake.wait()

    async def _call(self, call: int, path: bytes, message: bytes) -> None:
        request = pb.LLMRequest.FromString(message)
        streamed = path.endswith(b"InvokeStream")
        there = self._idle.pop() if self._idle else await _connected(self._provider)
        with trio.fail_after(60):
            await there.send_all(_asked(request, streamed))
            self._engine.send_response(call, _HEAD)
            await (self._streamed if streamed else self._whole)(call, there)
        self._engine.send_trailers(call, _TRAILERS)
        self._wake.set()
        self._idle.append(there)

    async def _whole(self, call: int, there: trio.SocketStream) -> None:
        body, parts = Body(), []
        while not body.complete:
            parts.append(await body.read(there))
        read = orjson.loads(b"".join(parts))
        choice, usage = read["choices"][0], read["usage"]
        answer = pb.LLMResponse(
            id=read["id"],
            model=read["model"],
            content=choice["message"]["content"],
            finish_reason=pb.FINISH_REASON_STOP,
            usage=_usage(usage),
        )
        self._send(call, answer)

    async def _streamed(self, call: int, there: trio.SocketStream) -> None:
        body, rest, sequence = Body(), b"", 0
        usage: dict[str, int] = {}
        self._send(call, pb.LLMStreamResponse(type=pb.STREAM_EVENT_TYPE_START))
        while not body.complete:
            *events, rest = (rest + await body.read(there)).split(b"\n\n")
            for event in events:
                if event == _DONE:
                    continue
                read = orjson.loads(event[6:])
                usage = read.get("usage") or usage
                for choice in read["choices"]:
                    text = choice["delta"].get("content")
                    if text:
                        sequence += 1
                        self._send(
                            call,
                            pb.LLMStreamResponse(
                                type=pb.STREAM_EVENT_TYPE_CONTENT_DELTA,
                                sequence=sequence,
                                content=text,
                            ),
                        )
            self._wake.set()
        finish = pb.LLMStreamResponse(
            type=pb.STREAM_EVENT_TYPE_FINISH,
            sequence=sequence + 1,
            finish_reason=pb.FINISH_REASON_STOP,
            usage=_usage(usage),
        )
        self._send(call, finish)

    def _send(self, call: int, message: Any) -> None:
        self._engine.send_data(call, frame_message(message.SerializeToString()))


def _usage(usage: dict[str, int]) -> pb.Usage:
    return pb.Usage(input_tokens=usage["prompt_tokens"], output_tokens=usage["completion_tokens"])


def _asked(request: pb.LLMRequest, streamed: bool) -> bytes:
    asked: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": each.role, "content": each.content} for each in request.messages],
        "max_tokens": request.max_tokens,
    }
    if streamed:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    body = orjson.dumps(asked)
    return (
        b"POST /%b/v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer k\r\ncontent-length: %d\r\n\r\n%b"
    ) % (request.provider.encode(), len(body), body)


async def _connected(port: int) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", port)


async def serve(provider: int, tell: Callable[[str], object]) -> None:
    """Serve whoever comes, until killed."""
    idle: list[trio.SocketStream] = []

    async def handle(stream: trio.SocketStream) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await Client(stream, provider, idle).run()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    tell(f"127.0.0.1:{listener.socket.getsockname()[1]}\n")
    await trio.serve_listeners(handle, [listener])


if __name__ == "__main__":
    trio.run(serve, int(sys.argv[1]), Path(sys.argv[2]).write_text)
