"""The seam: both engines say the same of the same bytes, and no stream that is gone is an error."""

import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import attrs
import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoints.grpc.transport.engine import (
    CANCEL,
    NO_ERROR,
    REFUSED_STREAM,
    DataReceived,
    Engine,
    EngineError,
    EngineLimits,
    Event,
    GoAwayReceived,
    HeadersReceived,
    PingAcknowledged,
    StreamClosed,
    TrailersReceived,
    engine_factory,
)
from entrypoints.grpc.transport.h2_engine import H2Engine
from entrypoints.grpc.transport.nghttp2_engine import Nghttp2Engine
from tests.support.grpc_play import OTHER, request_headers
from tests.support.raw_http2 import (
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS,
    block,
    frame,
)

RESPONSE = ((b":status", b"200"),)
TRAILERS = ((b"grpc-status", b"0"),)
NAMES = tuple(OTHER)


@attrs.define
class Ends:
    """A server and a client, joined by hand."""

    server: Engine
    client: Engine

    @classmethod
    def of(cls, engine: str, *, limits: EngineLimits | None = None, speaks: str = "") -> "Ends":
        ends = cls(
            engine_factory(engine)(False, limits or EngineLimits()),
            engine_factory(speaks or OTHER[engine])(True, limits or EngineLimits()),
        )
        ends.server.start()
        ends.client.start()
        ends.talk()
        return ends

    def talk(self) -> tuple[list[Event], list[Event]]:
        """Carry bytes until both are silent; return what the server and the client were told."""
        told: tuple[list[Event], list[Event]] = ([], [])
        while True:
            moved = False
            for from_, to, heard in (
                (self.client, self.server, told[0]),
                (self.server, self.client, told[1]),
            ):
                silent = from_.silent
                if data := from_.take():
                    # Or nobody would ask it for what it has to say.
                    assert not silent
                    moved = True
                    heard.extend(to.receive(data))
                assert not (silent and from_.finished)
            if not moved:
                break
        told[0].extend(self.server.events())
        told[1].extend(self.client.events())
        return told

    def open(self) -> int:
        stream_id = self.client.request(request_headers())
        self.talk()
        return stream_id


def kinds(events: Iterable[Event]) -> list[type[Event]]:
    return [type(each) for each in events]


def bodies(events: Iterable[Event]) -> bytes:
    return b"".join(each.data for each in events if isinstance(each, DataReceived))


def test_the_names_of_the_engines() -> None:
    assert engine_factory("nghttp2") is Nghttp2Engine
    assert engine_factory("h2") is H2Engine
    assert engine_factory("auto") is Nghttp2Engine
    with pytest.raises(ValueError, match="no HTTP/2 engine"):
        engine_factory("h3")


def test_auto_takes_h2_where_nghttp2_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "entrypoints.grpc.transport.nghttp2_engine", None)
    assert engine_factory("auto") is H2Engine
    with pytest.raises(ImportError):
        engine_factory("nghttp2")


def test_a_call_is_headers_body_and_trailers(engine: str) -> None:
    ends = Ends.of(engine)
    stream_id = ends.client.request(request_headers())
    ends.client.send(stream_id, b"question", ended=True)
    asked, _ = ends.talk()
    assert isinstance(asked[0], HeadersReceived)
    assert list(asked[0].headers) == request_headers()
    assert bodies(asked) == b"question"
    ends.server.respond(stream_id, RESPONSE)
    ends.server.send(stream_id, b"answer")
    ends.server.trailers(stream_id, TRAILERS)
    closed, answered = ends.talk()
    assert kinds(answered) == [HeadersReceived, DataReceived, TrailersReceived, StreamClosed]
    assert bodies(answered) == b"answer"
    assert closed == [StreamClosed(stream_id, NO_ERROR)]


def test_what_is_queued_counts_until_it_is_taken(engine: str) -> None:
    ends = Ends.of(engine)
    stream_id = ends.open()
    ends.server.respond(stream_id, RESPONSE)
    assert ends.server.queued(stream_id) == 0
    ends.server.send(stream_id, bytes(1000))
    ends.server.send(stream_id, bytes(500))
    assert ends.server.queued(stream_id) == 1500
    ends.server.take()
    assert ends.server.queued(stream_id) == 0


@pytest.mark.parametrize("scope", ["stream", "connection"])
def test_the_peers_windows_are_obeyed_and_the_rest_waits(engine: str, scope: str) -> None:
    narrow = EngineLimits(
        stream_window=70_000 if scope == "stream" else 500_000,
        connection_window=70_000 if scope == "connection" else 500_000,
    )
    ends = Ends.of(engine, limits=narrow)
    stream_id = ends.open()
    body = bytes(range(256)) * 1000
    ends.server.respond(stream_id, RESPONSE)
    ends.server.send(stream_id, body)
    ends.server.trailers(stream_id, TRAILERS)
    received, told = b"", list[Event]()
    for _ in range(20):
        _, told = ends.talk()
        part = bodies(told)
        assert len(part) <= 70_000
        received += part
        assert ends.server.queued(stream_id) == len(body) - len(received)
        ends.client.acknowledge(stream_id, len(part))
        if not ends.server.queued(stream_id):
            break
    assert received == body
    assert TrailersReceived in kinds(told)


def test_streams_take_turns(engine: str) -> None:
    ends = Ends.of(engine)
    first, second = ends.open(), ends.open()
    for stream_id in (first, second):
        ends.server.respond(stream_id, RESPONSE)
        ends.server.send(stream_id, bytes(60_000))
    _, told = ends.talk()
    order = [each.stream_id for each in told if isinstance(each, DataReceived)]
    assert set(order[:2]) == {first, second}
    assert set(order[2:4]) == {first, second}


def test_small_messages_share_a_frame(engine: str) -> None:
    ends = Ends.of(engine)
    stream_id = ends.open()
    ends.server.respond(stream_id, RESPONSE)
    for _ in range(100):
        ends.server.send(stream_id, b"word ")
    _, told = ends.talk()
    assert kinds(told) == [HeadersReceived, DataReceived]


def test_the_connections_window_does_not_leak_when_uploads_are_cut_inside_a_frame(
    engine: str,
) -> None:
    """Each round loses most of a frame's bytes, if anything does: 64 would use the window up."""
    limits = EngineLimits(stream_window=65_536, connection_window=1024 * 1024)
    ends = Ends.of(engine, limits=limits)
    for _ in range(200):
        stream_id = ends.client.request(request_headers())
        ends.client.send(stream_id, bytes(16_000))
        data = ends.client.take()
        ends.server.receive(data[:-100])
        ends.server.reset(stream_id, CANCEL)
        cut = ends.server.take()
        events = ends.server.receive(data[-100:]) + ends.server.events()
        for each in events:
            if isinstance(each, DataReceived):
                ends.server.acknowledge(each.stream_id, len(each.data))
        ends.client.receive(cut)
        ends.talk()
    stream_id = ends.client.request(request_headers())
    ends.client.send(stream_id, bytes(65_000))
    told, _ = ends.talk()
    assert len(bodies(told)) == 65_000


@pytest.mark.parametrize("taken", [True, False])
def test_the_connections_window_does_not_leak_through_unread_streams(
    engine: str, taken: bool
) -> None:
    ends, unread = Ends.of(engine), 0
    for _ in range(200):
        stream_id = ends.client.request(request_headers())
        ends.client.send(stream_id, bytes(60_000))
        told, _ = ends.talk()
        unread = len(bodies(told))
        if taken:
            ends.client.reset(stream_id, CANCEL)
            ends.talk()
        else:
            ends.server.reset(stream_id, CANCEL)
        ends.server.acknowledge(stream_id, unread)
        ends.talk()
    assert unread == 60_000


def test_a_stream_that_both_have_ended_is_not_reset(engine: str) -> None:
    ends = Ends.of(engine)
    stream_id = ends.open()
    ends.server.respond(stream_id, RESPONSE)
    ends.server.trailers(stream_id, TRAILERS)
    ends.server.hang_up(stream_id)
    ends.client.send(stream_id, b"", ended=True)
    ends.server.receive(ends.client.take())
    written = ends.server.take() + ends.server.take()
    assert b"\0\0\4\3\0" + stream_id.to_bytes(4, "big") not in written
    assert ends.server.events() == [StreamClosed(stream_id, NO_ERROR)]


def test_padding_is_given_back_at_once(engine: str) -> None:
    ends = Ends.of(engine, limits=EngineLimits(stream_window=65_535), speaks="h2")
    stream_id = ends.open()
    padded = b"\0\1\0\0\x08" + stream_id.to_bytes(4, "big") + b"\xfe" + b"x" + bytes(254)
    for _ in range(1000):
        events = ends.server.receive(padded)
        assert bodies(events) == b"x"
        ends.server.acknowledge(stream_id, 1)
        ends.server.take()


def test_streams_that_are_gone_or_never_were_are_no_error(engine: str) -> None:
    ends = Ends.of(engine)
    done, reset = ends.open(), ends.open()
    ends.client.send(done, b"", ended=True)
    ends.server.respond(done, RESPONSE, ended=True)
    ends.client.reset(reset, CANCEL)
    ends.talk()
    for stream_id in (done, reset, 99):
        for act in _acts(ends.server, stream_id):
            act()
        assert ends.server.queued(stream_id) == 0
    ends.talk()
    assert ends.open() > reset


def _acts(engine: Engine, stream_id: int) -> Iterator[Callable[[], object]]:
    yield lambda: engine.respond(stream_id, RESPONSE)
    yield lambda: engine.send(stream_id, b"x")
    yield lambda: engine.send(stream_id, b"x", ended=True)
    yield lambda: engine.trailers(stream_id, TRAILERS)
    yield lambda: engine.hang_up(stream_id)
    yield lambda: engine.acknowledge(stream_id, 0)
    yield lambda: engine.reset(stream_id, CANCEL)


def test_after_the_end_nothing_raises_and_goodbye_is_said_once(engine: str) -> None:
    ends = Ends.of(engine)
    stream_id = ends.open()
    with suppress(EngineError):
        ends.server.receive(b"\0\0\5\6\0\0\0\0\0hello")
    for act in _acts(ends.server, stream_id):
        act()
    ends.server.ping(b"12345678")
    ends.server.goaway(NO_ERROR)
    assert b"\0\0\0\0\0\0\0" in ends.server.take()
    assert ends.server.take() == b""
    ends.server.events()
    assert ends.server.finished


def test_a_goaway_of_ours_lets_open_streams_finish_and_takes_no_others(engine: str) -> None:
    ends = Ends.of(engine)
    stream_id = ends.open()
    late = ends.client.request(request_headers())
    in_flight = ends.client.take()
    ends.server.goaway(NO_ERROR)
    _, told = ends.talk()
    assert GoAwayReceived(stream_id, NO_ERROR) in told
    assert StreamClosed(late, REFUSED_STREAM) in told
    assert HeadersReceived not in kinds(ends.server.receive(in_flight))
    with pytest.raises(EngineError):
        ends.client.request(request_headers())
    assert not ends.server.finished
    ends.client.send(stream_id, b"", ended=True)
    ends.server.respond(stream_id, RESPONSE, ended=True)
    _, told = ends.talk()
    assert kinds(told) == [HeadersReceived, StreamClosed]
    ends.server.take()
    ends.server.events()
    assert ends.server.finished


def test_a_ping_is_answered_and_told(engine: str) -> None:
    ends = Ends.of(engine)
    ends.server.ping(b"12345678")
    told, _ = ends.talk()
    assert told == [PingAcknowledged(b"12345678")]
    ends.client.ping(b"87654321")
    assert ends.talk()[1] == [PingAcknowledged(b"87654321")]


def test_a_peer_that_asks_and_never_reads_is_sent_away(engine: str) -> None:
    ends = Ends.of(engine)
    ping = b"\0\0\x08\6\0\0\0\0\0" + bytes(8)

    def ask_and_ask() -> None:
        for _ in range(1000):
            ends.server.receive(ping * 100)

    with pytest.raises(EngineError):
        ask_and_ask()
    assert ends.server.take()
    assert ends.server.finished


# --- the same bytes mean the same -------------------------------------------------------------------------


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """What a client writes in some calls, each of them in its own way."""
    client = engine_factory(draw(st.sampled_from(NAMES)))(True, EngineLimits())
    client.start()
    data = client.take()
    for _ in range(draw(st.integers(1, 5))):
        metadata = draw(st.lists(st.tuples(st.just(b"x-m"), st.binary(max_size=9)), max_size=2))
        hexed = [(name, value.hex().encode()) for name, value in metadata]
        stream_id = client.request(request_headers(metadata=hexed))
        for part in draw(st.lists(st.binary(max_size=40_000), max_size=3)):
            client.send(stream_id, part)
        end = draw(st.sampled_from(["end", "trailers", "reset", "open"]))
        if end == "end":
            client.send(stream_id, b"", ended=True)
        elif end == "trailers":
            client.trailers(stream_id, ((b"x-t", b"1"),))
        data += client.take()
        if end == "reset":
            client.reset(stream_id, CANCEL)
            data += client.take()
    return data


@attrs.define
class Body:
    """Neighbouring parts of a stream's body, joined."""

    stream_id: int
    data: bytes
    ended: bool


def meaning(engine: str, chunks: Iterable[bytes]) -> list[object]:
    """Return what a server is told."""
    server = engine_factory(engine)(False, EngineLimits())
    server.start()
    said: list[object] = []
    for event in (each for chunk in chunks for each in server.receive(chunk)):
        last = said[-1] if said else None
        match event:
            case DataReceived(stream_id=stream_id, data=data, ended=ended):
                if isinstance(last, Body) and last.stream_id == stream_id:
                    last.data, last.ended = last.data + data, ended
                elif data or ended:
                    said.append(Body(stream_id, data, ended))
            case HeadersReceived(stream_id=stream_id, headers=headers, ended=ended):
                said.append((stream_id, tuple(map(tuple, headers)), ended))
            case TrailersReceived(stream_id=stream_id, headers=headers):
                said.append((stream_id, tuple(map(tuple, headers))))
            case _:
                said.append(event)
    return said


@settings(max_examples=60)
@given(conversations(), st.data())
def test_the_same_bytes_however_cut_mean_the_same_to_every_engine(
    data: bytes, draws: st.DataObject
) -> None:
    cuts = sorted(draws.draw(st.lists(st.integers(0, len(data)), max_size=12)))
    chunks = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    whole = meaning("nghttp2", [data])
    assert meaning("nghttp2", chunks) == whole
    assert meaning("h2", chunks) == whole


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150)
@given(conversations(), st.data())
def test_no_bytes_raise_anything_but_an_engine_error(
    name: str, data: bytes, draws: st.DataObject
) -> None:
    broken = bytearray(data)
    for _ in range(draws.draw(st.integers(1, 4))):
        broken[draws.draw(st.integers(24, len(broken) - 1))] = draws.draw(st.integers(0, 255))
    server = engine_factory(name)(False, EngineLimits())
    server.start()
    try:
        for event in server.receive(bytes(broken)):
            if isinstance(event, DataReceived):
                server.acknowledge(event.stream_id, len(event.data))
            elif isinstance(event, HeadersReceived):
                server.respond(event.stream_id, RESPONSE)
                server.send(event.stream_id, b"answer")
                server.trailers(event.stream_id, TRAILERS)
                server.hang_up(event.stream_id)
    except EngineError:
        server.take()
        assert server.finished
    else:
        server.take()
        server.events()


@pytest.mark.parametrize("engine", NAMES)
def test_a_peer_that_offers_a_large_header_table_gets_a_usual_one(engine: str) -> None:
    server = engine_factory(engine)(False, EngineLimits())
    server.start()
    offer = struct.pack(">HI", 1, 2**30)
    server.receive(PREFACE + frame(SETTINGS, 0, 0, offer))
    decoder = hpack.Decoder()
    decoder.max_allowed_table_size = 2**30
    for stream_id in range(1, 200, 2):
        unlike = (b"x-request-id", b"%0100d" % stream_id)
        server.receive(
            frame(HEADERS, END_HEADERS | END_STREAM, stream_id, block(request_headers()))
        )
        server.respond(stream_id, (*RESPONSE, unlike))
        server.trailers(stream_id, TRAILERS)
        blocks = [each for kind, each in _frames(server.take()) if kind == HEADERS]
        assert unlike in list(decoder.decode(blocks[0], raw=True))
        decoder.decode(blocks[1], raw=True)
    assert decoder.header_table_size <= 4096


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        end = 9 + int.from_bytes(data[:3])
        yield data[3], data[9:end]
        data = data[end:]
