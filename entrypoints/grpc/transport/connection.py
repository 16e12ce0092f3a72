"""One client's connection: a reader, a writer, a watch, and a task per call.

Laws: when the reader ends, by whatever way, every call of the connection is cancelled and waited for before
the socket is closed, whether or not the client still reads. What one call does wrong ends that call only. A
client that is sent away is first told to open no more streams, then which of them are served.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import attrs
import trio
from loguru import logger

from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.call import Ending, ServerCall
from entrypoints.grpc.transport.client_certificate import ClientCertificate
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import (
    INTERNAL_ERROR,
    REFUSED_STREAM,
    DataReceived,
    Engine,
    EngineError,
    HeadersReceived,
    PingAcknowledged,
    StreamClosed,
    TrailersReceived,
)
from entrypoints.grpc.transport.farewell import Farewell
from entrypoints.grpc.transport.headers import Rejection
from entrypoints.grpc.transport.limits import Limits, head_within
from entrypoints.grpc.transport.messages import MessageReader, MessageWriter
from entrypoints.grpc.transport.pressure import Pressure
from entrypoints.grpc.transport.vigil import Due, Vigil
from entrypoints.grpc.transport.watch import Watch
from entrypoints.grpc.transport.writer import GONE, Writer

_READ_SIZE = 64 * 1024
_GOODBYE_S = 1.0
_STILL_THERE = b"alive?  "


@attrs.define(eq=False)
class Connection:
    """Serves one client until it leaves, errs, is drained, or the surrounding scope is cancelled.

    Attributes:
        ended: How many calls have, in whatever way.

    Resource handling:
        `run` owns the calls' tasks. The stream belongs to whoever called it.
    """

    _stream: trio.abc.Stream
    engine: Engine
    peer: str
    _dispatcher: Dispatcher
    limits: Limits
    budget: Budget = attrs.field(factory=Budget)
    client: ClientCertificate | None = None
    ended: int = 0
    _calls: dict[int, ServerCall] = attrs.field(factory=dict)
    # A stream has a place from its headers until it is closed and its handler has ended: counting only what
    # HTTP/2 calls open, rapid resets would get past the limit; only handlers, clients that do not read.
    _places: set[int] = attrs.field(factory=set)
    _peer_left: bool = False
    _reading: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _vigil: Vigil = attrs.field(init=False)
    writer: Writer = attrs.field(init=False)
    pressure: Pressure = attrs.field(init=False)
    _farewell: Farewell = attrs.field(init=False)
    _watching: Watch = attrs.field(init=False)
    _framings: tuple[MessageWriter, MessageWriter] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Say who we are, and begin the watch."""
        self.engine.start()
        self._vigil = Vigil(self.limits.times, trio.current_time())
        self.writer = Writer(self._stream, self.engine, self._vigil, self.budget)
        self._framings = self.limits.framings
        self.pressure = Pressure(self.engine, self.writer, self.budget, self.limits)
        self._farewell = Farewell(self.engine, self._vigil)
        self._watching = Watch(
            self._vigil,
            {
                Due.ABANDON: self._abandon,
                Due.PING: self._ask,
                Due.DRAIN: self._send_away,
                Due.SAY_LAST: self._say_last,
                Due.CUT: self.cut,
            },
        )

    async def run(self) -> None:
        """Serve the connection."""
        async with trio.open_nursery() as io:
            io.start_soon(self._write)
            io.start_soon(self._watching.run)
            async with trio.open_nursery() as tasks:
                with self._reading:
                    await self._read(tasks)
                for call in tuple(self._calls.values()):
                    call.cancel(Ending.LOST)
            if not self._peer_left:
                await self._leave()
            io.cancel_scope.cancel()

    def drain(self) -> None:
        """Send the client away; what it has opened by then is served, and the connection then ends."""
        self._farewell.begin()
        self._watching.look_again()
        self.writer.wake()

    def cut(self) -> int:
        """End what still runs; the callers are told that the server goes away. Return how many there were."""
        self.drain()
        self._vigil.cut = True
        running = tuple(self._calls.values())
        for call in running:
            self._dispatcher.cut(call)
        self._say_last()
        return len(running)

    async def _read(self, tasks: trio.Nursery) -> None:
        vigil = self._vigil
        while True:
            try:
                data = await self._stream.receive_some(_READ_SIZE)
            except GONE:
                data = b""
            if not data:
                self._peer_left = True
                return
            vigil.read_s = now_s = trio.current_time()
            try:
                events = self.engine.receive(bytes(data), now_s)
            except EngineError as error:
                # What comes next cannot be understood; what the engine still has to say is written.
                logger.bind(peer=self.peer).info("a client was sent away: {}", error)
                self.writer.wake()
                return
            vigil.greeted = self.engine.meter.greeted
            for event in events:
                rule = _RULES.get(type(event))
                if rule is not None:
                    rule(self, event, tasks)
            # What was queued may be gone with its stream, and is to be counted.
            if self.writer.held or not self.engine.silent:
                self.writer.wake()
            if self.writer.unwritten > self.limits.max_queued // 4:
                # Or the answers to what comes would pile up.
                await self.writer.below(self.limits.max_queued // 4)

    async def _write(self) -> None:
        await self.writer.run(self._taken)
        self._reading.cancel()

    def _taken(self) -> None:
        for event in self.engine.events():
            if isinstance(event, StreamClosed):
                self._closed(event, None)
        self.pressure.look()

    # --- what the clock does ------------------------------------------------------------------------------

    def _abandon(self) -> None:
        # Nothing that we say would be heard.
        self._peer_left = True
        self._reading.cancel()

    def _ask(self) -> None:
        self._vigil.pinged_s = trio.current_time()
        self.engine.ping(_STILL_THERE)
        self.writer.wake()

    def _send_away(self) -> None:
        self._vigil.aged = True
        self.drain()

    def _say_last(self) -> None:
        self._farewell.end()
        self.writer.wake()

    async def _leave(self) -> None:
        """Let the peer read our last words: closing before all of its own is read would cut them off."""
        with trio.move_on_after(_GOODBYE_S), suppress(*GONE):
            await self.writer.done.wait()
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
                while await self._stream.receive_some(_READ_SIZE):
                    pass

    # --- what the peer does -------------------------------------------------------------------------------

    def _headers(self, event: HeadersReceived, tasks: trio.Nursery) -> None:
        stream_id = event.stream_id
        if len(self._places) >= self.limits.engine.max_streams:
            self.engine.meter.refused(self._vigil.read_s)
            self.engine.reset(stream_id, REFUSED_STREAM)
            return
        self._places.add(stream_id)
        head = head_within(self.limits, event.headers)
        if isinstance(head, Rejection):
            answer = self._dispatcher.rejected(head, event.headers, self.peer)
            self.engine.respond(stream_id, answer, ended=True)
            if not event.ended:
                self.engine.hang_up(stream_id)
            return
        deadline = math.inf if head.timeout_s is None else trio.current_time() + head.timeout_s
        call = ServerCall(
            stream_id,
            head,
            trio.CancelScope(deadline=deadline),
            self,
            MessageReader(self.limits.max_message, head.encoding),
            self._framings[head.takes_gzip],
            due_s=deadline,
        )
        if event.ended:
            call.input_over()
        self._calls[stream_id] = call
        self._vigil.idle_s = None
        tasks.start_soon(self._dispatcher.run, call, self._over)

    def _data(self, event: DataReceived, tasks: trio.Nursery) -> None:
        call = self._calls.get(event.stream_id)
        if call is None:
            self.engine.acknowledge(event.stream_id, len(event.data))
            return
        call.arrived(event.data, ended=event.ended)

    def _trailers(self, event: TrailersReceived, tasks: trio.Nursery) -> None:
        call = self._calls.get(event.stream_id)
        if call is not None:
            call.input_over()

    def _pong(self, event: PingAcknowledged, tasks: trio.Nursery) -> None:
        self._farewell.heard(event.payload)

    def _closed(self, event: StreamClosed, tasks: trio.Nursery | None) -> None:
        if self.pressure.blocked:
            self.pressure.gone(event.stream_id)
        call = self._calls.get(event.stream_id)
        if call is None:
            self._places.discard(event.stream_id)
        else:
            call.cancel(Ending.RESET)

    # --- a call -------------------------------------------------------------------------------------------

    def _over(self, call: ServerCall, served: bool, failure: Exception | None) -> None:
        try:
            status = self._dispatcher.status(call, served, failure)
            if status is not None:
                trailers = [*status.trailers, *call.trailing]
                if call.headers_sent:
                    self.engine.trailers(call.stream_id, trailers)
                else:
                    self.engine.respond(
                        call.stream_id, call.initial_headers() + trailers, ended=True
                    )
                if not call.input_ended:
                    self.engine.hang_up(call.stream_id)
        except Exception:  # noqa: BLE001 - whoever tells how a call ended may fail, but not harm the other calls
            logger.exception("a call could not be ended: this is a bug")
            self.engine.reset(call.stream_id, INTERNAL_ERROR)
        finally:
            del self._calls[call.stream_id]
            self.ended += 1
            if call.unheard:
                self._places.discard(call.stream_id)
            if call.headers_sent:
                self.engine.meter.answered += 1
            if not self._calls:
                self._vigil.idle_s = trio.current_time()
            call.close()
            if self.writer.idle:
                self.writer.wake()


# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type, Callable[[Connection, Any, trio.Nursery], None]] = {
    HeadersReceived: Connection._headers,
    DataReceived: Connection._data,
    TrailersReceived: Connection._trailers,
    StreamClosed: Connection._closed,
    PingAcknowledged: Connection._pong,
}
