"""gRPC's interoperability cases, written once for every Python client.

A case calls through a `Caller`, and raises if anything is not as the description says. `UNFIT` says which
cases a client cannot be asked, and why.
Source: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import attrs

from tests.support.interop.messages import Empty, InputRequest, OutputRequest, SimpleRequest

LARGE_IN, LARGE_OUT = 271_828, 314_159
SIZES_IN = (27_182, 8, 1_828, 45_904)
SIZES_OUT = (31_415, 9, 2_653, 58_979)
CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED = 1, 2, 4, 12
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]
SERVICE, NO_SERVICE = "/grpc.testing.TestService/", "/grpc.testing.UnimplementedService/"


class Failed(Exception):
    """A call did not end with OK."""

    def __init__(self, code: int, message: str | None) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message or ""


@attrs.frozen
class Answer:
    """What came back from a unary call."""

    message: Any
    initial: Metadata
    trailing: Metadata


class Both(Protocol):
    """An open call in which both sides stream."""

    async def send(self, message: Any) -> None: ...

    async def end(self) -> None: ...

    async def next(self) -> Any:
        """Return the next answer; None once the call has ended with OK; raise `Failed`."""
        ...

    async def cancel(self) -> None: ...

    async def metadata(self) -> tuple[Metadata, Metadata]:
        """Return initial and trailing metadata, of a call that is over."""
        ...


class Caller(Protocol):
    """A client that is connected."""

    async def unary(
        self, path: str, message: Any, *, metadata: Metadata = (), gzip: bool = False
    ) -> Answer: ...

    async def out(self, path: str, message: Any) -> list[Any]: ...

    async def in_(self, path: str, messages: Sequence[Any], *, gzip: bool = False) -> Any: ...

    async def both(
        self, path: str, *, metadata: Metadata = (), timeout_s: float | None = None
    ) -> Both: ...

    async def cancelled_upload(self, path: str) -> int:
        """Begin a call that streams requests, cancel it, and return its status."""
        ...

    async def close(self) -> None: ...


Case: TypeAlias = Callable[[Caller], Awaitable[None]]


def _asking(*sizes: int, padding: int = 0) -> Any:
    return OutputRequest(
        response_parameters=[{"size": size} for size in sizes], payload={"body": bytes(padding)}
    )


def _sizes(answers: Sequence[Any]) -> list[int]:
    return [len(each.payload.body) for each in answers]


async def _fails(call: Awaitable[object], code: int, message: str | None = None) -> None:
    failed: Failed | None = None
    answered: object = None
    try:
        answered = await call
    except Failed as error:
        failed = error
    assert failed is not None, f"the call did not fail: {answered!r}"
    assert failed.code == code, failed
    assert message is None or failed.message == message, failed


async def empty_unary(caller: Caller) -> None:
    assert (await caller.unary(SERVICE + "EmptyCall", Empty())).message == Empty()


def _large() -> Any:
    return SimpleRequest(response_size=LARGE_OUT, payload={"body": bytes(LARGE_IN)})


async def large_unary(caller: Caller) -> None:
    answer = await caller.unary(SERVICE + "UnaryCall", _large())
    assert answer.message.payload.body == bytes(LARGE_OUT)


async def client_compressed_unary(caller: Caller) -> None:
    answer = await caller.unary(SERVICE + "UnaryCall", _large(), gzip=True)
    assert answer.message.payload.body == bytes(LARGE_OUT)


def _uploads() -> list[Any]:
    return [InputRequest(payload={"body": bytes(size)}) for size in SIZES_IN]


async def client_streaming(caller: Caller) -> None:
    answer = await caller.in_(SERVICE + "StreamingInputCall", _uploads())
    assert answer.aggregated_payload_size == sum(SIZES_IN)


async def client_compressed_streaming(caller: Caller) -> None:
    answer = await caller.in_(SERVICE + "StreamingInputCall", _uploads(), gzip=True)
    assert answer.aggregated_payload_size == sum(SIZES_IN)


async def server_streaming(caller: Caller) -> None:
    answers = await caller.out(SERVICE + "StreamingOutputCall", _asking(*SIZES_OUT))
    assert _sizes(answers) == list(SIZES_OUT)


async def ping_pong(caller: Caller) -> None:
    call = await caller.both(SERVICE + "FullDuplexCall")
    for size_in, size_out in zip(SIZES_IN, SIZES_OUT, strict=True):
        await call.send(_asking(size_out, padding=size_in))
        assert _sizes([await call.next()]) == [size_out]
    await call.end()
    assert await call.next() is None


async def empty_stream(caller: Caller) -> None:
    call = await caller.both(SERVICE + "FullDuplexCall")
    await call.end()
    assert await call.next() is None


async def cancel_after_begin(caller: Caller) -> None:
    assert await caller.cancelled_upload(SERVICE + "StreamingInputCall") == CANCELLED


async def cancel_after_first_response(caller: Caller) -> None:
    call = await caller.both(SERVICE + "FullDuplexCall")
    await call.send(_asking(SIZES_OUT[0], padding=SIZES_IN[0]))
    assert _sizes([await call.next()]) == [SIZES_OUT[0]]
    await call.cancel()
    await _fails(call.next(), CANCELLED)


async def timeout_on_sleeping_server(caller: Caller) -> None:
    async def late() -> None:
        call = await caller.both(SERVICE + "FullDuplexCall", timeout_s=0.02)
        await call.send(_asking(padding=SIZES_IN[0]))
        await call.next()

    await _fails(late(), DEADLINE_EXCEEDED)


async def status_code_and_message(caller: Caller) -> None:
    status = {"code": UNKNOWN, "message": "test status message"}
    request = SimpleRequest(response_status=status)
    await _fails(caller.unary(SERVICE + "UnaryCall", request), UNKNOWN, "test status message")
    call = await caller.both(SERVICE + "FullDuplexCall")
    await call.send(OutputRequest(response_status=status))
    await _fails(call.next(), UNKNOWN, "test status message")


async def special_status_message(caller: Caller) -> None:
    request = SimpleRequest(response_status={"code": UNKNOWN, "message": SPECIAL})
    await _fails(caller.unary(SERVICE + "UnaryCall", request), UNKNOWN, SPECIAL)


async def custom_metadata(caller: Caller) -> None:
    answer = await caller.unary(
        SERVICE + "UnaryCall", SimpleRequest(response_size=1), metadata=(INITIAL, TRAILING)
    )
    assert INITIAL in answer.initial, answer.initial
    assert TRAILING in answer.trailing, answer.trailing
    call = await caller.both(SERVICE + "FullDuplexCall", metadata=(INITIAL, TRAILING))
    await call.send(_asking(1))
    await call.next()
    await call.end()
    assert await call.next() is None
    initial, trailing = await call.metadata()
    assert INITIAL in initial, initial
    assert TRAILING in trailing, trailing


async def unimplemented_method(caller: Caller) -> None:
    await _fails(caller.unary(SERVICE + "UnimplementedCall", Empty()), UNIMPLEMENTED)


async def unimplemented_service(caller: Caller) -> None:
    await _fails(caller.unary(NO_SERVICE + "UnimplementedCall", Empty()), UNIMPLEMENTED)


CASES: Mapping[str, Case] = {
    each.__name__: each
    for each in (
        empty_unary,
        large_unary,
        client_compressed_unary,
        client_streaming,
        client_compressed_streaming,
        server_streaming,
        ping_pong,
        empty_stream,
        cancel_after_begin,
        cancel_after_first_response,
        timeout_on_sleeping_server,
        status_code_and_message,
        special_status_message,
        custom_metadata,
        unimplemented_method,
        unimplemented_service,
    )
}
