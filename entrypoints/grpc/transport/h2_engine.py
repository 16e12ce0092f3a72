"""The pure-Python `h2` (4.4.1 or later) behind the seam, for where libnghttp2 cannot be imported.

h2 frames what it is told to and counts the windows. What waits for a window waits here, and leaves one frame
a stream in turn. Source: https://python-hyper.org/projects/h2/
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import h2.events as said
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import (
    DenialOfServiceError,
    InvalidBodyLengthError,
    ProtocolError,
    StreamClosedError,
    StreamIDTooLowError,
)
from h2.settings import SettingCodes, Settings
from h2.stream import StreamClosedBy, StreamState
from hpack.exceptions import HPACKError
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame

from entrypoints.grpc.transport.engine import (
    ENHANCE_YOUR_CALM,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    SLACK,
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
)

# It would log every header, callers' tokens among them, and asks for each whether it should.
logging.getLogger("hpack").setLevel(logging.INFO)

_DEFAULT_WINDOW = 65_535
# Answers (to PINGs, SETTINGS, refused streams) left unread by a peer that goes on asking, in bytes.
_MAX_UNREAD_ANSWERS = 1024 * 1024


@attrs.define
class _Outbox:
    """What a stream has still to send."""

    body: bytearray = attrs.field(factory=bytearray)
    ended: bool = False
    trailers: Headers | None = None


class H2Engine:
    """See `entrypoints.grpc.transport.engine.Engine`."""

    def __init__(self, client: bool, limits: EngineLimits) -> None:
        """Make one end of a connection; nothing is queued yet."""
        self._limits = limits
        self._connection = _Connection(client, limits)
        self._client = client
        self._outboxes: dict[int, _Outbox] = {}
        # Streams that may have a frame to send, in turn; a dict, because a set has no order.
        self._ready: dict[int, None] = {}
        self._hanging_up: set[int] = set()
        self._events: list[Event] = []
        self._farewell = b""
        self._leaving = False
        self._left = False
        self._failed = False

    def start(self) -> None:
        """Queue the preface, our settings and the connection's window."""
        self._connection.initiate_connection()
        if self._limits.connection_window > _DEFAULT_WINDOW:
            self._connection.increment_flow_control_window(
                self._limits.connection_window - _DEFAULT_WINDOW
            )

    def receive(self, data: bytes, /) -> list[Event]:
        """Return what `data` means."""
        if self._failed:
            raise EngineError("the connection has failed")
        try:
            for event in self._connection.receive_data(data):
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

    def take(self) -> bytes:
        """Return all bytes that may be written now."""
        if not self._failed:
            self._fill()
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
        self._outboxes[stream_id] = _Outbox()
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
            self._outboxes[stream_id] = _Outbox()

    def send(self, stream_id: int, data: bytes, *, ended: bool = False) -> None:
        """Queue body bytes."""
        outbox = self._outboxes.get(stream_id)
        if outbox is not None and not outbox.ended:
            outbox.body += data
            outbox.ended = ended
            self._ready[stream_id] = None

    def trailers(self, stream_id: int, headers: Headers, /) -> None:
        """End the stream with trailers."""
        outbox = self._outboxes.get(stream_id)
        if outbox is not None and not outbox.ended:
            outbox.ended = True
            outbox.trailers = headers
            self._ready[stream_id] = None

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
        outbox = self._outboxes.get(stream_id)
        return 0 if outbox is None else len(outbox.body)

    def ping(self, payload: bytes, /) -> None:
        """Queue a PING."""
        if not self._failed:
            self._connection.ping(payload)

    def goaway(self, code: int, /) -> None:
        """Queue a GOAWAY."""
        if not self._failed:
            self._say_goodbye(code)
            self._leaving = True

    def _fail(self, code: int) -> None:
        self._failed = True
        self._say_goodbye(code)

    def _say_goodbye(self, code: int) -> None:
        # By hand: h2's own would end every stream that is still open.
        frame = GoAwayFrame(0, self._connection.highest_inbound_stream_id, code)
        self._farewell += frame.serialize()

    # --- what waits for a window --------------------------------------------------------------------------

    def _fill(self) -> None:
        """Frame what the windows allow, one frame a stream in turn."""
        moving = True
        while moving:
            moving = False
            for stream_id in tuple(self._ready):
                moving |= self._frame(stream_id, self._outboxes[stream_id])

    def _frame(self, stream_id: int, outbox: _Outbox) -> bool:
        """Frame the stream's next part; return whether body bytes moved."""
        connection, body = self._connection, outbox.body
        window = connection.streams[stream_id].outbound_flow_control_window
        size = min(
            len(body),
            window,
            connection.outbound_flow_control_window,
            connection.max_outbound_frame_size,
        )
        if size > 0:
            last = outbox.ended and outbox.trailers is None and size == len(body)
            connection.send_data(stream_id, bytes(memoryview(body)[:size]), end_stream=last)
            del body[:size]
            if last:
                self._ended(stream_id)
                return True
        if not body and outbox.ended:
            if outbox.trailers is None:
                connection.end_stream(stream_id)
            else:
                connection.send_headers(stream_id, outbox.trailers, end_stream=True)
            self._ended(stream_id)
        elif not body or size == window or window <= 0:
            # It comes back with more to send, or with more window.
            del self._ready[stream_id]
        return size > 0

    def _ended(self, stream_id: int) -> None:
        """Our side of the stream is over."""
        del self._outboxes[stream_id], self._ready[stream_id]
        if not self._settled(stream_id) and stream_id in self._hanging_up:
            self.reset(stream_id, NO_ERROR)

    def _settled(self, stream_id: int) -> bool:
        """Forget the stream if both sides have ended it; return whether they have."""
        stream = self._connection.streams.get(stream_id)
        if stream is not None and not stream.closed:
            return False
        self._forget(stream_id, NO_ERROR)
        return True

    def _forget(self, stream_id: int, code: int) -> None:
        self._outboxes.pop(stream_id, None)
        self._ready.pop(stream_id, None)
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
        # Streams that wait for the connection's window are still in turn.
        if event.stream_id in self._outboxes:
            self._ready[event.stream_id] = None

    def _settings(self, event: said.RemoteSettingsChanged) -> None:
        self._ready.update(dict.fromkeys(self._outboxes))

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


class _Connection(H2Connection):
    """h2 with its rules for errors loosened to what RFC 9113 asks for.

    A malformed request ends its stream, a GOAWAY ends nothing that is open, and closed streams are forgotten
    when they close instead of being looked for at every request.
    """

    def __init__(self, client: bool, limits: EngineLimits) -> None:
        super().__init__(
            H2Configuration(
                client_side=client,
                # Bytes: what is no UTF-8 must not end the connection.
                header_encoding=None,
                # We write them ourselves, and well.
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        settings = {
            SettingCodes.INITIAL_WINDOW_SIZE: limits.stream_window,
            SettingCodes.MAX_FRAME_SIZE: limits.max_frame,
            SettingCodes.MAX_HEADER_LIST_SIZE: limits.max_header_list,
            SettingCodes.ENABLE_PUSH: 0,
        }
        if not client:
            settings[SettingCodes.MAX_CONCURRENT_STREAMS] = limits.max_streams
        self._told = settings
        self.max_inbound_frame_size = limits.max_frame
        self.decoder.max_header_list_size = limits.max_header_list * SLACK

    def initiate_connection(self) -> None:
        """Queue the preface and our settings; until the peer knows them, it may use the default window."""
        client, window = self.config.client_side, SettingCodes.INITIAL_WINDOW_SIZE
        self.local_settings = Settings(client, self._told)
        super().initiate_connection()
        self.local_settings = Settings(client, self._told | {window: _DEFAULT_WINDOW})
        self.local_settings[window] = self._told[window]

    @property
    def unsent(self) -> int:
        """Bytes framed and not yet taken."""
        return len(self._data_to_send)

    @property
    def open_inbound_streams(self) -> int:
        """What h2 holds against the limit: the slack is subtracted."""
        return len(self.streams) // SLACK

    @property
    def open_outbound_streams(self) -> int:
        """The number of open streams."""
        return len(self.streams)

    def forget(self, stream_id: int) -> bool:
        """Remember of a closed stream only how it was closed; return whether it was known."""
        stream = self.streams.pop(stream_id, None)
        if stream is None:
            return False
        self._closed_streams[stream_id] = stream.closed_by
        return True

    def _terminate_connection(self, error_code: int) -> None:
        # The engine says it, whatever went wrong.
        return

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[said.Event]]:
        event = said.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]

    def _receive_headers_frame(self, frame: HeadersFrame) -> tuple[list[Frame], list[said.Event]]:
        try:
            return super()._receive_headers_frame(frame)
        except (StreamClosedError, StreamIDTooLowError, DenialOfServiceError):
            raise
        except ProtocolError as error:
            # Once the block is decoded, both ends agree on its compression: only the stream is ill.
            if frame.stream_id not in self.streams or isinstance(error.__cause__, HPACKError):
                raise
            return self._malformed(frame.stream_id)

    def _receive_data_frame(self, frame: DataFrame) -> tuple[list[Frame], list[said.Event]]:
        try:
            return super()._receive_data_frame(frame)
        except InvalidBodyLengthError:
            self.acknowledge_received_data(frame.flow_controlled_length, frame.stream_id)
            return self._malformed(frame.stream_id)

    def _malformed(self, stream_id: int) -> tuple[list[Frame], list[said.Event]]:
        machine = self.streams[stream_id].state_machine
        machine.state = StreamState.CLOSED
        machine.stream_closed_by = StreamClosedBy.SEND_RST_STREAM
        reset = said.StreamReset(stream_id=stream_id, error_code=PROTOCOL_ERROR, remote_reset=False)
        return [RstStreamFrame(stream_id, PROTOCOL_ERROR)], [reset]
