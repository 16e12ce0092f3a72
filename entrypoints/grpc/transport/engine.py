"""The seam between our connections and an HTTP/2 implementation: a dozen methods, a handful of events.

Engines are sans-I/O. They own framing, header compression and flow control, and nothing else: bytes go in,
events come out; calls go in, bytes come out. A stream that the peer has reset or that was never opened is not
an error for any method here, because the peer may end a stream at any moment: such calls do nothing.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import attrs

from entrypoints.grpc.transport.allowance import Rate
from entrypoints.grpc.transport.frames import FrameMeter

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR = 0x0, 0x1, 0x2
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0x7, 0x8, 0xB


SLACK = 4


@attrs.define
class HeadersReceived:
    """A request's headers at a server, a response's headers at a client; they may hold secrets."""

    stream_id: int
    headers: Headers = attrs.field(repr=False)
    ended: bool


@attrs.define
class TrailersReceived:
    """The header block that ends a stream."""

    stream_id: int
    headers: Headers = attrs.field(repr=False)


@attrs.define
class DataReceived:
    """Body bytes; they fill the window until they are acknowledged."""

    stream_id: int
    data: bytes = attrs.field(repr=False)
    ended: bool


@attrs.define
class StreamClosed:
    """A stream is over in both directions, or was reset by either side.

    Attributes:
        code: HTTP/2 error code; 0 for an orderly end.
    """

    stream_id: int
    code: int


@attrs.define
class GoAwayReceived:
    """The peer opens no more streams, and answers none above `last_stream_id`."""

    last_stream_id: int
    code: int


@attrs.define
class PingAcknowledged:
    """The peer answered a PING of ours."""

    payload: bytes


Event: TypeAlias = (
    HeadersReceived
    | TrailersReceived
    | DataReceived
    | StreamClosed
    | GoAwayReceived
    | PingAcknowledged
)


class EngineError(Exception):
    """The peer broke the protocol for the whole connection; what is left to `take` says goodbye."""


@attrs.frozen(kw_only=True)
class EngineLimits:
    """What a peer may ask of an engine.

    Attributes:
        max_streams: Streams a peer is told it may have open at once. An engine
            takes `SLACK` times as many, so that its user can refuse the excess
            one by one; beyond that the connection ends.
        stream_window: Bytes a peer may send on one stream before we took them.
        connection_window: The same over all streams of a connection.
        max_frame: Largest frame payload taken, in bytes.
        max_header_list: Largest header list a peer is told to send, in bytes
            (RFC 9113, 6.5.2). The same slack holds.
        resets: Streams a client may reset that were not answered; the burst is never
            below twice `max_streams`.
        control: Control frames from a client beyond what its reading explains.
    """

    max_streams: int = 100
    stream_window: int = 256 * 1024
    connection_window: int = 4 * 1024 * 1024
    max_frame: int = 16 * 1024
    max_header_list: int = 16 * 1024
    resets: Rate = Rate(200, 50)
    control: Rate = Rate(500, 50)


def frame_meter(client: bool, limits: EngineLimits) -> FrameMeter:
    """Return what an engine counts its peer's frames with."""
    if client:
        return FrameMeter.of_server(limits.max_frame)
    # Who may have so many calls may give them all up at once, and do it again with the next ones.
    resets = attrs.evolve(limits.resets, burst=max(limits.resets.burst, 2 * limits.max_streams))
    return FrameMeter.of_client(limits.max_frame, resets, limits.control)


class Engine(Protocol):
    """One end of one HTTP/2 connection.

    Attributes:
        meter: Counts the peer's frames; its user tells it what was written and answered.
    """

    meter: FrameMeter

    def start(self) -> None:
        """Queue the preface, our settings and the connection's window."""
        ...

    def receive(self, data: bytes, now_s: float = 0.0, /) -> list[Event]:
        """Return what `data`, cut anywhere, means.

        Args:
            data: As it came.
            now_s: A time that never runs back, for the rates.

        Raises:
            EngineError: The connection cannot go on.
        """
        ...

    @property
    def silent(self) -> bool:
        """Whether `take` has nothing to give, `events` nothing to tell, and the connection is not over."""
        ...

    def take(self) -> bytes:
        """Return all bytes that may be written now; empty if there are none."""
        ...

    def events(self) -> list[Event]:
        """Return events that writing has produced since they were last asked for."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the connection is over once the bytes taken are written."""
        ...

    def request(self, headers: Headers, /) -> int:
        """Open a stream with a request's headers; return its id.

        Raises:
            EngineError: The connection takes no new streams.
        """
        ...

    def respond(self, stream_id: int, headers: Headers, *, ended: bool = False) -> None:
        """Queue a response's headers."""
        ...

    def send(self, stream_id: int, data: bytes, *, ended: bool = False) -> int:
        """Queue body bytes, which leave as the peer's windows allow; return what `queued` would."""
        ...

    def trailers(self, stream_id: int, headers: Headers, /) -> None:
        """End the stream with trailers, behind the queued body."""
        ...

    def reset(self, stream_id: int, code: int, /) -> None:
        """End the stream at once; its queued bytes are dropped."""
        ...

    def hang_up(self, stream_id: int, /) -> None:
        """Listen no longer, once the end that was queued for the stream is out.

        The peer is told with NO_ERROR, unless it has ended its side by then. What it sends in between
        still arrives as events.
        """
        ...

    def acknowledge(self, stream_id: int, size: int, /) -> None:
        """Give `size` received body bytes back to the peer's windows."""
        ...

    def queued(self, stream_id: int, /) -> int:
        """Return how many body bytes of the stream wait for the peer's windows or for `take`."""
        ...

    def queued_in_all(self) -> int:
        """Return how many body bytes of all streams wait."""
        ...

    def ping(self, payload: bytes, /) -> None:
        """Queue a PING with 8 bytes."""
        ...

    def announce_goaway(self) -> None:
        """Queue a GOAWAY that names no last stream: what the peer has opened by now is still taken."""
        ...

    def goaway(self, code: int, /) -> None:
        """Queue a GOAWAY: streams opened so far go on, no others are taken."""
        ...


EngineFactory: TypeAlias = Callable[[bool, EngineLimits], Engine]
"""Makes an engine; the first argument says whether it is the client's end."""


def engine_factory(name: str) -> EngineFactory:
    """Return the engine called `name`: ``nghttp2``, ``h2``, or ``auto`` for the best that can be imported.

    Raises:
        ValueError: There is no such engine.
        ImportError: The engine asked for by name is not installed.
    """
    if name == "auto":
        try:
            return engine_factory("nghttp2")
        except ImportError:
            return engine_factory("h2")
    if name == "nghttp2":
        # Late: it may be missing, and the other shall not be paid for.
        from entrypoints.grpc.transport.nghttp2_engine import Nghttp2Engine  # noqa: PLC0415

        return Nghttp2Engine
    if name == "h2":
        from entrypoints.grpc.transport.h2_engine import H2Engine  # noqa: PLC0415

        return H2Engine
    raise ValueError(f"no HTTP/2 engine is called {name!r}: use auto, nghttp2 or h2")
