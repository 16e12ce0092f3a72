"""What is fuzzed: functions from any bytes to nothing, which raise only if a law is broken.

Laws: an engine answers any bytes with events or an `EngineError`, and after one it says goodbye and is
finished. Headers are a call or a rejection that can be sent. Bodies are messages or one failure, the same
ones however they were cut.
"""

from collections.abc import Callable, Mapping

from entrypoints.grpc.transport.engine import (
    DataReceived,
    Engine,
    EngineError,
    EngineLimits,
    HeadersReceived,
    engine_factory,
)
from entrypoints.grpc.transport.headers import (
    CallHead,
    Rejection,
    read_head,
    read_metadata,
    read_status,
    status_trailers,
)
from entrypoints.grpc.transport.messages import MessageReader

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_RESPONSE = ((b":status", b"200"), (b"content-type", b"application/grpc"))
_STATUS = ((b"grpc-status", b"0"),)
_MAX_MESSAGE = 4096


def frames(data: bytes) -> None:
    """Let both engines read `data`, behind a preface, in two pieces, and answer every call in it."""
    cut = data[0] * len(data) // 256 if data else 0
    for name in ("nghttp2", "h2"):
        engine = engine_factory(name)(False, EngineLimits())
        engine.start()
        try:
            for piece in (_PREFACE + data[:cut], data[cut:]):
                _answer(engine, piece)
        except EngineError:
            engine.take()
            assert engine.finished, f"{name} failed, and goes on"
        else:
            engine.take()
            engine.events()


def _answer(engine: Engine, piece: bytes) -> None:
    for event in engine.receive(piece):
        if isinstance(event, DataReceived):
            engine.acknowledge(event.stream_id, len(event.data))
        elif isinstance(event, HeadersReceived):
            read_head(event.headers)
            engine.respond(event.stream_id, _RESPONSE)
            engine.send(event.stream_id, b"answer")
            engine.trailers(event.stream_id, _STATUS)
            engine.hang_up(event.stream_id)
    engine.take()
    engine.events()


def headers(data: bytes) -> None:
    """Read `data`, lines of NAME=VALUE, as a request's headers and as a response's."""
    pairs = [line.partition(b"=") for line in data.split(b"\n")]
    fields = [(name, value) for name, _, value in pairs]
    for each in (fields, [(b":method", b"POST"), (b"content-type", b"application/grpc"), *fields]):
        head = read_head(each)
        assert isinstance(head, CallHead | Rejection)
        if isinstance(head, Rejection):
            told = status_trailers(head.code, head.message)
            assert read_status(head.headers(told)) is not None, "a rejection that cannot be read"
        read_metadata(each)
        read_status(each)


def bodies(data: bytes) -> None:
    """Read `data` as a body, whole and byte by byte."""
    for encoding in ("identity", "gzip"):
        whole, slow = (MessageReader(_MAX_MESSAGE, encoding) for _ in range(2))
        found = whole.split(data)
        cut = [each for n in range(len(data)) for each in slow.split(data[n : n + 1])]
        assert cut == found, "a body means something else when it is cut"
        assert (whole.failure is None) == (slow.failure is None), "only one of them failed"


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "frames": frames,
    "headers": headers,
    "bodies": bodies,
}
