"""libnghttp2 (through `ngh2`) behind the seam.

Flow control is acknowledged by us, on consumption. Source: https://nghttp2.org/documentation/
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

import ngh2

from entrypoints.grpc.transport.engine import (
    ENHANCE_YOUR_CALM,
    NO_ERROR,
    PROTOCOL_ERROR,
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
    frame_meter,
)
from entrypoints.grpc.transport.frames import (
    END_STREAM,
    FRAME_HEAD,
    FRAME_HEAD_SIZE,
    HEADERS,
    MAX_CONTINUATIONS,
)

# Gone streams are no error at this seam; these are how the library says that one is gone.
_STREAM_GONE = (ngh2.StreamProtocolError, ngh2.ConnectionClosingError, ngh2.ConnectionStateError)

_IN_TURN = ngh2.Priority(incremental=True)
# What floods are is decided by the meter; the library's own limits would be others than h2's.
_NEVER = (2**62, 2**62)
_SETTING = struct.Struct(">HI")
_GOAWAY = struct.Struct(">IBIII")
_ANY_STREAM = 2**31 - 1


class Nghttp2Engine:
    """See `entrypoints.grpc.transport.engine.Engine`."""

    def __init__(self, client: bool, limits: EngineLimits, /) -> None:
        """Make one end of a connection; nothing is queued yet."""
        self._limits = limits
        self._connection = ngh2.Connection(
            ngh2.Role.CLIENT if client else ngh2.Role.SERVER,
            ngh2.Configuration(
                auto_window_update=False,
                max_inbound_header_list_size=limits.max_header_list * SLACK,
                max_continuations=MAX_CONTINUATIONS * SLACK,
                stream_reset_rate_limit=_NEVER,
                glitch_rate_limit=_NEVER,
            ),
        )
        self._settings = {
            **(
                {ngh2.Setting.ENABLE_PUSH: 0}
                if client
                else {ngh2.Setting.MAX_CONCURRENT_STREAMS: limits.max_streams * SLACK}
            ),
            ngh2.Setting.INITIAL_WINDOW_SIZE: limits.stream_window,
            ngh2.Setting.MAX_FRAME_SIZE: limits.max_frame,
            ngh2.Setting.MAX_HEADER_LIST_SIZE: limits.max_header_list,
            ngh2.Setting.NO_RFC7540_PRIORITIES: 1,
        }
        self._client = client
        self.meter = frame_meter(client, limits)
        self._ready_made = b""
        self._hanging_up: set[int] = set()
        self._finished = False

    def start(self) -> None:
        """Queue the preface, our settings and the connection's window."""
        self._connection.initiate_connection(self._settings)
        self._connection.set_local_window_size(self._limits.connection_window)
        if not self._client:
            # The library ends the connection of a peer that opens more than it was told it may. It shall
            # know the limit with slack, the peer the real one: the first setting of the first frame is
            # written over.
            known, told = (
                _SETTING.pack(ngh2.Setting.MAX_CONCURRENT_STREAMS, each)
                for each in (self._limits.max_streams * SLACK, self._limits.max_streams)
            )
            self._ready_made = self._connection.data_to_send().replace(known, told, 1)

    def receive(self, data: bytes, now_s: float = 0.0, /) -> list[Event]:
        """Return what `data` means."""
        # Whole frames: ngh2 0.3.0 forgets, when a stream is closed inside a DATA frame, what had come of that
        # frame; the peer's window on the connection would shrink a little every time.
        frames = self.meter.whole(data, now_s)
        if self.meter.flood:
            self._fail(ENHANCE_YOUR_CALM)
            raise EngineError(self.meter.flood)
        try:
            self._connection.receive_data(frames)
        except ngh2.NGH2Error as error:
            calm = isinstance(error, ngh2.DenialOfServiceError)
            self._fail(ENHANCE_YOUR_CALM if calm else PROTOCOL_ERROR)
            raise EngineError(str(error)) from error
        return self.events()

    @property
    def silent(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._connection.want_write or self._ready_made or self._finished)

    def take(self) -> bytes:
        """Return all bytes that may be written now."""
        data, self._ready_made = self._ready_made, b""
        try:
            data += self._connection.data_to_send()
            if self._hanging_up and self._hung_up(data):
                data += self._connection.data_to_send()
        except ngh2.NGH2Error:
            self._finished = True
        return data

    def events(self) -> list[Event]:
        """Return events that writing has produced."""
        found: list[Event] = []
        for event in self._connection.events():
            rule = _RULES.get(type(event))
            if rule is not None:
                made, said = rule
                found.append(made(*said(event)))
            if type(event) is ngh2.StreamClosed:
                self._hanging_up.discard(event.stream_id)
            elif type(event) is ngh2.ConnectionClosed:
                self._finished = True
        return found

    @property
    def finished(self) -> bool:
        """Whether the connection is over."""
        return self._finished

    def request(self, headers: Headers, /) -> int:
        """Open a stream."""
        try:
            return self._connection.send_request(headers)
        except ngh2.NGH2Error as error:
            raise EngineError(str(error)) from error

    def respond(self, stream_id: int, headers: Headers, *, ended: bool = False) -> None:
        """Queue a response's headers."""
        try:
            self._connection.send_response(stream_id, headers, end_stream=ended)
            if not ended:
                # Unless told so, the library sends all that one stream has before it turns to the next.
                self._connection.set_stream_priority(stream_id, _IN_TURN, ignore_client_signal=True)
        except _STREAM_GONE:
            return

    def send(self, stream_id: int, data: bytes, *, ended: bool = False) -> int:
        """Queue body bytes; return how many of the stream wait."""
        try:
            self._connection.send_data(stream_id, data, end_stream=ended)
        except _STREAM_GONE:
            return 0
        return self._connection.queued_body_size(stream_id)

    def trailers(self, stream_id: int, headers: Headers, /) -> None:
        """End the stream with trailers."""
        try:
            self._connection.send_trailers(stream_id, headers)
        except _STREAM_GONE:
            return

    def reset(self, stream_id: int, code: int, /) -> None:
        """End the stream at once."""
        self._hanging_up.discard(stream_id)
        try:
            self._connection.reset_stream(stream_id, code)
        except _STREAM_GONE:
            return

    def hang_up(self, stream_id: int, /) -> None:
        """Listen no longer, once the stream's end is out."""
        self._hanging_up.add(stream_id)

    def acknowledge(self, stream_id: int, size: int, /) -> None:
        """Give received body bytes back to the peer's windows."""
        try:
            self._connection.acknowledge_received_data(size, stream_id)
        except _STREAM_GONE:
            return

    def queued(self, stream_id: int, /) -> int:
        """Return how many body bytes of the stream wait."""
        return self._connection.queued_body_size(stream_id)

    def queued_in_all(self) -> int:
        """Return how many body bytes of all streams wait."""
        return self._connection.queued_body_size()

    def ping(self, payload: bytes, /) -> None:
        """Queue a PING."""
        try:
            self._connection.ping(payload)
        except _STREAM_GONE:
            return

    def announce_goaway(self) -> None:
        """Queue a GOAWAY that names no last stream."""
        try:
            self._connection.send_shutdown_notice()
        except _STREAM_GONE:
            return

    def goaway(self, code: int, /) -> None:
        """Queue a GOAWAY."""
        try:
            self._connection.send_goaway(code)
        except _STREAM_GONE:
            return

    def _hung_up(self, data: bytes) -> bool:
        """Reset the streams whose end is in `data`, if they are to be hung up; return whether there were any.

        The library does not say when it wrote trailers, and a reset must not overtake them.
        """
        ended = self._hanging_up.intersection(_streams_ended_in(data))
        for stream_id in ended:
            self.reset(stream_id, NO_ERROR)
        return bool(ended)

    def _fail(self, code: int) -> None:
        """Say goodbye ourselves: after a fatal error the library has lost its output."""
        self._finished = True
        self._ready_made += _GOAWAY.pack((8 << 8) | 0x7, 0, 0, _ANY_STREAM, code)


def _streams_ended_in(data: bytes) -> Iterator[int]:
    """Yield the streams that are ended in `data`, which is whole frames."""
    at = 0
    while at < len(data):
        length_and_type, flags, stream_id = FRAME_HEAD.unpack_from(data, at)
        if length_and_type & 0xFF <= HEADERS and flags & END_STREAM:
            yield stream_id
        at += FRAME_HEAD_SIZE + (length_and_type >> 8)


# What each event of the library is here, and its fields in order: read without a call of ours for each.
_RULES: Mapping[type[ngh2.Event], tuple[Callable[..., Event], Callable[[Any], tuple[Any, ...]]]] = {
    ngh2.RequestReceived: (HeadersReceived, attrgetter("stream_id", "headers", "end_stream")),
    ngh2.ResponseReceived: (HeadersReceived, attrgetter("stream_id", "headers", "end_stream")),
    ngh2.TrailersReceived: (TrailersReceived, attrgetter("stream_id", "headers")),
    ngh2.DataReceived: (DataReceived, attrgetter("stream_id", "data", "end_stream")),
    ngh2.StreamClosed: (StreamClosed, attrgetter("stream_id", "error_code")),
    ngh2.GoAwayReceived: (GoAwayReceived, attrgetter("last_stream_id", "error_code")),
    ngh2.PingAcknowledged: (PingAcknowledged, lambda event: (event.opaque_data,)),
}
