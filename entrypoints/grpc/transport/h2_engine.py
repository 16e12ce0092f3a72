"""The pure-Python `h2` (4.4.1 or later) behind the seam, for where libnghttp2 cannot be imported.

h2 frames what it is told to and counts the windows; what waits for a window waits in the outboxes.
Source: https://python-hyper.org/projects/h2/
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import h2.events as said
from h2.exceptions import ProtocolError
from hyperframe.frame import GoAwayFrame

from entrypoints.grpc.transport.engine import (
    ENHANCE_YOUR_CALM,
    NO_ERROR,
    REFUSED_STREAM,
    DataReceived,
    EngineError,
    EngineLimits,
    Event,
    GoAwayReceived,
    Headers,
    HeadersReceived,
    PingAcknowledged,
    StreamClosed,
    TrailersReceived,
    frame_meter,
)
from entrypoints.grpc.transport.h2_connection import DEFAULT_WINDOW, LenientConnection
from entrypoints.grpc.transport.h2_outboxes import Outboxes

# It would log every header, callers' tokens among them, and asks for each whether it should.
logging.getLogger("hpack").setLevel(logging.INFO)

# Answers (to PINGs, SETTINGS, refused streams) left unread by a peer that goes on asking, in bytes.
_MAX_UNREAD_ANSWERS = 1024 * 1024
_ANY_STREAM = 2**31 - 1


class H2Engine:
    """See `entrypoints.grpc.transport.engine.Engine`."""

    def __init__(self, client: bool, limits: EngineLimits) -> None:
        """Make one end of a connection; nothing is queued yet."""
        self._limits = limits
        self._connection = LenientConnection(client, limits)
        self._client = client
        self.meter = frame_meter(client, limits)
        self._outboxes = Outboxes(self._connection)
        self._hanging_up: set[int] = set()
        self._events: list[Event] = []
        self._farewell = b""
        self._leaving = False
        self._left = False
        self._failed = False

    def start(self) -> None:
        """Queue the preface, our settings and the connection's window."""
        self._connection.initiate_connection()
        if self._limits.connection_window > DEFAULT_WINDOW:
            self._connection.increment_flow_control_window(
                self._limits.connection_window - DEFAULT_WINDOW
            )

    def receive(self, data: bytes, now_s: float = 0.0, /) -> list[Event]:
        """Return what `data` means."""
        if self._failed:
            raise EngineError("the connection has failed")
        frames = self.meter.whole(data, now_s)
        if self.meter.flood:
            self._fail(ENHANCE_YOUR_CALM)
            raise EngineError(self.meter.flood)
        try:
            for event in self._connection.receive_data(frames):
                rule = _RULES.get(type(event))
                if rule is not None:
                    rule(self, event)
        except ProtocolError as error:
            self._fail(error.error_code)
            raise EngineError(str(error)) from error
        if self._connection.unsent > _MAX_UNREAD_ANSWERS:
            self._fail(ENHANCE_YOUR_CALM)
            raise EngineError("the peer goes on asking and does not read the answers")
        return self.events()

    @property
    def silent(self) -> bool:
        """Whether there is nothing to write."""
        return not (
            self._connection.unsent
            or self._outboxes.waiting
            or self._farewell
            or self._events
            or self.finished
        )

    def take(self) -> bytes:
        """Return all bytes that may be written now."""
        if not self._failed:
            for stream_id in self._outboxes.frame():
                if not self._settled(stream_id) and stream_id in self._hanging_up:
                    self.reset(stream_id, NO_ERROR)
        data = self._connection.data_to_send() + self._farewell
        self._farewell = b""
        return data

    def events(self) -> list[Event]:
        """Return events that writing has produced."""
        found, self._events = self._events, []
        return found

    @property
    def finished(self) -> bool:
        """Whether the connection is over."""
        return self._failed or (
            (self._leaving or self._left) and not self._connection.streams and not self._farewell
        )

    def request(self, headers: Headers, /) -> int:
        """Open a stream."""
        if self._failed or self._leaving or self._left:
            raise EngineError("the connection takes no new streams")
        try:
            stream_id = self._connection.get_next_available_stream_id()
            self._connection.send_headers(stream_id, headers)
        except ProtocolError as error:
            raise EngineError(str(error)) from error
        self._outboxes.open(stream_id)
        return stream_id

    def respond(self, stream_id: int, headers: Headers, *, ended: bool = False) -> None:
        """Queue a response's headers."""
        if self._failed or stream_id not in self._connection.streams:
            return
        try:
            self._connection.send_headers(stream_id, headers, end_stream=ended)
        except ProtocolError:
            return
        if ended:
            self._settled(stream_id)
        else:
            self._outboxes.open(stream_id)

    def send(self, stream_id: int, data: bytes, *, ended: bool = False) -> int:
        """Queue body bytes; return how many of the stream wait."""
        self._outboxes.add(stream_id, data, ended=ended)
        return self._outboxes.size(stream_id)

    def trailers(self, stream_id: int, headers: Headers, /) -> None:
        """End the stream with trailers."""
        self._outboxes.end(stream_id, headers)

    def reset(self, stream_id: int, code: int, /) -> None:
        """End the stream at once."""
        if self._failed or stream_id not in self._connection.streams:
            return
        try:
            self._connection.reset_stream(stream_id, code)
        except ProtocolError:
            return
        self._forget(stream_id, code)

    def hang_up(self, stream_id: int, /) -> None:
        """Listen no longer, once the stream's end is out."""
        if stream_id in self._outboxes:
            self._hanging_up.add(stream_id)
        else:
            self.reset(stream_id, NO_ERROR)

    def acknowledge(self, stream_id: int, size: int, /) -> None:
        """Give received body bytes back to the peer's windows."""
        if size and not self._failed:
            self._connection.acknowledge_received_data(size, stream_id)

    def queued(self, stream_id: int, /) -> int:
        """Return how many body bytes of the stream wait."""
        return self._outboxes.size(stream_id)

    def queued_in_all(self) -> int:
        """Return how many body bytes of all streams wait."""
        return self._outboxes.total

    def ping(self, payload: bytes, /) -> None:
        """Queue a PING."""
        if not self._failed:
            self._connection.ping(payload)

    def announce_goaway(self) -> None:
        """Queue a GOAWAY that names no last stream."""
        if not self._failed:
            # Ahead of the PING that follows it.
            self._connection.queue(GoAwayFrame(0, _ANY_STREAM, NO_ERROR))

    def goaway(self, code: int, /) -> None:
        """Queue a GOAWAY."""
        if not self._failed:
            self._say_goodbye(code, self._connection.highest_inbound_stream_id)
            self._leaving = True

    def _fail(self, code: int) -> None:
        self._failed = True
        self._say_goodbye(code, self._connection.highest_inbound_stream_id)

    def _say_goodbye(self, code: int, last_stream_id: int) -> None:
        # By hand: h2's own would end every stream that is still open.
        self._farewell += GoAwayFrame(0, last_stream_id, code).serialize()

    def _settled(self, stream_id: int) -> bool:
        """Forget the stream if both sides have ended it; return whether they have."""
        stream = self._connection.streams.get(stream_id)
        if stream is not None and not stream.closed:
            return False
        self._forget(stream_id, NO_ERROR)
        return True

    def _forget(self, stream_id: int, code: int) -> None:
        self._outboxes.drop(stream_id)
        self._hanging_up.discard(stream_id)
        if self._connection.forget(stream_id):
            self._events.append(StreamClosed(stream_id, code))

    # --- what the peer does -------------------------------------------------------------------------------

    def _headers(self, event: said.RequestReceived | said.ResponseReceived) -> None:
        if self._leaving and not self._client:
            self.reset(event.stream_id, REFUSED_STREAM)
            return
        ended = event.stream_ended is not None
        self._events.append(HeadersReceived(event.stream_id, event.headers, ended))

    def _trailers(self, event: said.TrailersReceived) -> None:
        self._events.append(TrailersReceived(event.stream_id, event.headers))

    def _data(self, event: said.DataReceived) -> None:
        self.acknowledge(event.stream_id, event.flow_controlled_length - len(event.data))
        ended = event.stream_ended is not None
        self._events.append(DataReceived(event.stream_id, bytes(event.data), ended))

    def _ended_by_peer(self, event: said.StreamEnded) -> None:
        self._settled(event.stream_id)

    def _reset(self, event: said.StreamReset) -> None:
        self._forget(event.stream_id, int(event.error_code or NO_ERROR))

    def _window(self, event: said.WindowUpdated) -> None:
        if event.stream_id:
            self._outboxes.window_opened(event.stream_id)

    def _settings(self, event: said.RemoteSettingsChanged) -> None:
        self._outboxes.windows_changed()

    def _goaway(self, event: said.ConnectionTerminated) -> None:
        last = event.last_stream_id or 0
        self._left = True
        self._events.append(GoAwayReceived(last, int(event.error_code or NO_ERROR)))
        if self._client:
            for stream_id in [each for each in self._connection.streams if each > last]:
                self._forget(stream_id, REFUSED_STREAM)

    def _pong(self, event: said.PingAckReceived) -> None:
        self._events.append(PingAcknowledged(event.ping_data))


# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type[said.Event], Callable[[H2Engine, Any], None]] = {
    said.RequestReceived: H2Engine._headers,
    said.ResponseReceived: H2Engine._headers,
    said.TrailersReceived: H2Engine._trailers,
    said.DataReceived: H2Engine._data,
    said.StreamEnded: H2Engine._ended_by_peer,
    said.StreamReset: H2Engine._reset,
    said.WindowUpdated: H2Engine._window,
    said.RemoteSettingsChanged: H2Engine._settings,
    said.ConnectionTerminated: H2Engine._goaway,
    said.PingAckReceived: H2Engine._pong,
}
