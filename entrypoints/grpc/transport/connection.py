"""One client's connection: a reader, a writer, and a task per call.

Laws: when the reader ends, by whatever way, every call of the connection is cancelled and waited for before
the socket is closed, whether or not the client still reads. What one call does wrong ends that call only. All
that is queued in one turn of the loop leaves in one write.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import attrs
import trio
from loguru import logger
from purerpc import StatusCode

from entrypoints.grpc.transport.call import Ending, ServerCall
from entrypoints.grpc.transport.dispatch import CallStatus, Dispatcher
from entrypoints.grpc.transport.engine import (
    INTERNAL_ERROR,
    REFUSED_STREAM,
    DataReceived,
    Engine,
    EngineError,
    EngineLimits,
    HeadersReceived,
    StreamClosed,
    TrailersReceived,
    header_list_size,
)
from entrypoints.grpc.transport.headers import CallHead, Rejection, read_head, status_trailers
from entrypoints.grpc.transport.messages import MessageReader

_READ_SIZE = 64 * 1024
_GOODBYE_S = 1.0
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


@attrs.frozen(kw_only=True)
class Limits:
    """What one connection may cost.

    Attributes:
        engine: Windows, frames, headers, streams.
        max_message: Longest message taken, before and after decompression, in bytes.
        high_water: Bytes queued on a stream above which its handler waits.
    """

    engine: EngineLimits = EngineLimits()
    max_message: int = 4 * 1024 * 1024
    high_water: int = 256 * 1024


@attrs.define(eq=False)
class Connection:
    """Serves one client until it leaves, errs, or the surrounding scope is cancelled.

    Resource handling:
        `run` owns the calls' tasks. The stream belongs to whoever called it.
    """

    _stream: trio.abc.Stream
    engine: Engine
    peer: str
    _dispatcher: Dispatcher
    _limits: Limits
    _calls: dict[int, ServerCall] = attrs.field(factory=dict)
    # A stream has a place from its headers until it is closed and its handler has ended: counting only what
    # HTTP/2 calls open, rapid resets would get past the limit; only handlers, clients that do not read.
    _places: set[int] = attrs.field(factory=set)
    _blocked: dict[int, trio.Event] = attrs.field(factory=dict)
    _sleep: trio.Event | None = None
    _peer_left: bool = False
    _written: trio.Event = attrs.field(factory=trio.Event)
    _reading: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    @property
    def high_water(self) -> int:
        """Bytes queued on a stream above which its handler waits."""
        return self._limits.high_water

    async def run(self) -> None:
        """Serve the connection."""
        self.engine.start()
        async with trio.open_nursery() as io:
            io.start_soon(self._write)
            async with trio.open_nursery() as tasks:
                with self._reading:
                    await self._read(tasks)
                for call in tuple(self._calls.values()):
                    call.cancel(Ending.LOST)
            if not self._peer_left:
                await self._leave()
            io.cancel_scope.cancel()

    def wake(self) -> None:
        """Have the engine's output written soon."""
        if self._sleep is not None:
            self._sleep.set()
            self._sleep = None

    async def drained(self, stream_id: int) -> None:
        """Wait until less than half the high-water mark is queued on the stream."""
        while self.engine.queued(stream_id) > self._limits.high_water // 2:
            event = self._blocked.setdefault(stream_id, trio.Event())
            await event.wait()

    async def _read(self, tasks: trio.Nursery) -> None:
        while True:
            try:
                data = await self._stream.receive_some(_READ_SIZE)
            except _GONE:
                data = b""
            if not data:
                self._peer_left = True
                return
            try:
                events = self.engine.receive(bytes(data))
            except EngineError:
                # What comes next cannot be understood; what the engine still has to say is written.
                self.wake()
                return
            for event in events:
                rule = _RULES.get(type(event))
                if rule is not None:
                    rule(self, event, tasks)
            self.wake()

    async def _write(self) -> None:
        engine = self.engine
        while True:
            data = engine.take()
            self._taken()
            if data:
                try:
                    await self._stream.send_all(data)
                except _GONE:
                    break
            elif engine.finished:
                break
            else:
                self._sleep = trio.Event()
                await self._sleep.wait()
        self._written.set()
        self._reading.cancel()

    def _taken(self) -> None:
        for event in self.engine.events():
            if isinstance(event, StreamClosed):
                self._closed(event, None)
        for stream_id in tuple(self._blocked):
            if self.engine.queued(stream_id) <= self._limits.high_water // 2:
                self._blocked.pop(stream_id).set()

    async def _leave(self) -> None:
        """Let the peer read our last words: closing before all of its own is read would cut them off."""
        with trio.move_on_after(_GOODBYE_S), suppress(*_GONE):
            await self._written.wait()
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
                while await self._stream.receive_some(_READ_SIZE):
                    pass

    # --- what the peer does -------------------------------------------------------------------------------

    def _headers(self, event: HeadersReceived, tasks: trio.Nursery) -> None:
        stream_id = event.stream_id
        if len(self._places) >= self._limits.engine.max_streams:
            self.engine.reset(stream_id, REFUSED_STREAM)
            return
        self._places.add(stream_id)
        head = self._head(event)
        if isinstance(head, Rejection):
            self.engine.respond(stream_id, head.headers(), ended=True)
            if not event.ended:
                self.engine.hang_up(stream_id)
            return
        deadline = math.inf if head.timeout_s is None else trio.current_time() + head.timeout_s
        call = ServerCall(
            stream_id,
            head,
            trio.CancelScope(deadline=deadline),
            self,
            MessageReader(self._limits.max_message, head.encoding),
        )
        if event.ended:
            call.input_over()
        self._calls[stream_id] = call
        tasks.start_soon(self._serve, call)

    def _head(self, event: HeadersReceived) -> CallHead | Rejection:
        limit = self._limits.engine.max_header_list
        if header_list_size(event.headers) > limit:
            return Rejection(
                200, StatusCode.RESOURCE_EXHAUSTED, f"the metadata is longer than {limit} bytes"
            )
        return read_head(event.headers)

    def _data(self, event: DataReceived, tasks: trio.Nursery) -> None:
        call = self._calls.get(event.stream_id)
        if call is None:
            self.engine.acknowledge(event.stream_id, len(event.data))
            return
        call.arrived(event.data)
        if event.ended:
            call.input_over()

    def _trailers(self, event: TrailersReceived, tasks: trio.Nursery) -> None:
        call = self._calls.get(event.stream_id)
        if call is not None:
            call.input_over()

    def _closed(self, event: StreamClosed, tasks: trio.Nursery | None) -> None:
        blocked = self._blocked.pop(event.stream_id, None)
        if blocked is not None:
            blocked.set()
        call = self._calls.get(event.stream_id)
        if call is None:
            self._places.discard(event.stream_id)
        else:
            call.cancel(Ending.RESET)

    # --- a call -------------------------------------------------------------------------------------------

    async def _serve(self, call: ServerCall) -> None:
        try:
            status = await self._dispatcher.run(call)
            if status is not None:
                self._finish(call, status)
        except Exception:  # noqa: BLE001 - whoever tells how a call ended may fail, but not harm the other calls
            logger.exception("a call could not be ended: this is a bug")
            self.engine.reset(call.stream_id, INTERNAL_ERROR)
        finally:
            del self._calls[call.stream_id]
            if call.ending is not None:
                self._places.discard(call.stream_id)
            call.release()
            self.wake()

    def _finish(self, call: ServerCall, status: CallStatus) -> None:
        trailers = status_trailers(status.code, status.message, status.details) + call.trailing
        if call.headers_sent:
            self.engine.trailers(call.stream_id, trailers)
        else:
            self.engine.respond(call.stream_id, call.initial_headers() + trailers, ended=True)
        if not call.input_ended:
            self.engine.hang_up(call.stream_id)


# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type, Callable[[Connection, Any, trio.Nursery], None]] = {
    HeadersReceived: Connection._headers,
    DataReceived: Connection._data,
    TrailersReceived: Connection._trailers,
    StreamClosed: Connection._closed,
}
