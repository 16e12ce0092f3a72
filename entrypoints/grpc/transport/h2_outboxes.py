"""Bodies that wait for the peer's windows.

Laws: what is framed fits the windows; trailers go behind the body, and wait for no window themselves. Streams
take turns, one frame each. Small parts share a frame.
"""

import attrs

from entrypoints.grpc.transport.engine import Headers
from entrypoints.grpc.transport.h2_connection import LenientConnection


@attrs.define
class _Outbox:
    """What a stream has still to send."""

    body: bytearray = attrs.field(factory=bytearray)
    ended: bool = False
    trailers: Headers | None = None


@attrs.define
class Outboxes:
    """The streams of a connection whose own side is open.

    Attributes:
        total: Body bytes that wait, of all streams.
    """

    _connection: LenientConnection
    total: int = 0
    _boxes: dict[int, _Outbox] = attrs.field(factory=dict)
    # Streams that may have a frame to send, in turn; a dict, because a set has no order.
    _ready: dict[int, None] = attrs.field(factory=dict)

    def __contains__(self, stream_id: int) -> bool:
        """Whether the stream's end has not been framed."""
        return stream_id in self._boxes

    @property
    def waiting(self) -> bool:
        """Whether a stream may have a frame to send."""
        return bool(self._ready)

    def open(self, stream_id: int) -> None:
        """Let a stream have a body."""
        self._boxes[stream_id] = _Outbox()

    def drop(self, stream_id: int) -> None:
        """Forget what the stream had to send."""
        box = self._boxes.pop(stream_id, None)
        if box is not None:
            self.total -= len(box.body)
        self._ready.pop(stream_id, None)

    def add(self, stream_id: int, data: bytes, *, ended: bool) -> None:
        """Queue body bytes; nothing happens on a stream that is not open."""
        box = self._boxes.get(stream_id)
        if box is not None and not box.ended:
            box.body += data
            self.total += len(data)
            box.ended = ended
            self._ready[stream_id] = None

    def end(self, stream_id: int, trailers: Headers) -> None:
        """Queue trailers; nothing happens on a stream that is not open."""
        box = self._boxes.get(stream_id)
        if box is not None and not box.ended:
            box.ended = True
            box.trailers = trailers
            self._ready[stream_id] = None

    def size(self, stream_id: int) -> int:
        """Return how many body bytes of the stream wait."""
        box = self._boxes.get(stream_id)
        return 0 if box is None else len(box.body)

    def window_opened(self, stream_id: int) -> None:
        """Try the stream again; those that wait for the connection's window are always tried."""
        if stream_id in self._boxes:
            self._ready[stream_id] = None

    def windows_changed(self) -> None:
        """Try all streams again."""
        self._ready.update(dict.fromkeys(self._boxes))

    def frame(self) -> list[int]:
        """Frame what the windows allow; return the streams whose end was framed."""
        ended: list[int] = []
        moving = True
        while moving:
            moving = False
            for stream_id in tuple(self._ready):
                box = self._boxes[stream_id]
                moving |= self._frame_one(stream_id, box)
                if box.ended and not box.body:
                    self._finish(stream_id, box)
                    ended.append(stream_id)
        return ended

    def _frame_one(self, stream_id: int, box: _Outbox) -> bool:
        """Frame the stream's next part; return whether there was one that fits."""
        connection = self._connection
        window = connection.streams[stream_id].outbound_flow_control_window
        size = min(
            len(box.body),
            window,
            connection.outbound_flow_control_window,
            connection.max_outbound_frame_size,
        )
        if size > 0:
            connection.send_data(stream_id, bytes(memoryview(box.body)[:size]))
            del box.body[:size]
            self.total -= size
        if not box.body or size == window or window <= 0:
            # It comes back with more to send, or with more window.
            del self._ready[stream_id]
        return size > 0

    def _finish(self, stream_id: int, box: _Outbox) -> None:
        self.drop(stream_id)
        if box.trailers is None:
            self._connection.end_stream(stream_id)
        else:
            self._connection.send_headers(stream_id, box.trailers, end_stream=True)
