"""gRPC's interoperability cases, played with grpcio.

The messages are plain bytes: a request is the sizes of the answers it asks for.
Source: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
"""

import functools
import queue
from collections.abc import AsyncIterator, Callable, Iterator

import grpc
import pytest
import trio
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import RpcFailedError, Status, StatusCode

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Dispatcher
from tests.support.grpc_real import Stubs, in_thread, serving, sync_channel
from tests.support.grpc_service import dispatcher, payload

LARGE_IN, LARGE_OUT = 271_828, 314_159
SIZES_IN = (27_182, 8, 1_828, 45_904)
SIZES_OUT = (31_415, 9, 2_653, 58_979)


def asking(*sizes: int, padding: int = 0) -> BytesValue:
    return payload(b",".join(b"%d" % size for size in sizes) + b" " * padding)


def sizes(message: BytesValue) -> list[int]:
    return [int(each) for each in message.value.split(b",") if each.strip()]


def unary(message: BytesValue, request: ServerCall) -> BytesValue:
    for name, value in request.metadata:
        if name == "x-grpc-test-echo-initial":
            request.set_initial_metadata((name, value))
        elif name == "x-grpc-test-echo-trailing-bin":
            request.set_trailing_metadata((name, value))
        elif name == "x-status-bin" and isinstance(value, bytes):
            raise RpcFailedError(Status(StatusCode.UNKNOWN, value.decode()))
    return payload(bytes(sum(sizes(message))))


async def out(message: BytesValue, request: ServerCall) -> None:
    for size in sizes(message):
        await request.send(payload(bytes(size)))


async def in_(messages: AsyncIterator[BytesValue], request: ServerCall) -> BytesValue:
    return payload(b"%d" % sum([len(each.value) async for each in messages]))


async def both(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
    async for each in messages:
        for size in sizes(each):
            await request.send(payload(bytes(size)))


def served() -> Dispatcher:
    return dispatcher({"Unary": unary, "Out": out, "In": in_, "Both": both})


Case = Callable[[Stubs], None]


def empty_unary(stubs: Stubs) -> None:
    assert stubs.unary(payload(b"")) == payload(b"")


def large_unary(stubs: Stubs) -> None:
    answer = stubs.unary(asking(LARGE_OUT, padding=LARGE_IN))
    assert len(answer.value) == LARGE_OUT


def client_streaming(stubs: Stubs) -> None:
    assert stubs.in_(payload(bytes(size)) for size in SIZES_IN).value == b"74922"


def client_compressed_unary(stubs: Stubs) -> None:
    question = asking(LARGE_OUT, padding=LARGE_IN)
    assert len(stubs.unary(question, compression=grpc.Compression.Gzip).value) == LARGE_OUT
    assert len(stubs.unary(question, compression=grpc.Compression.Deflate).value) == LARGE_OUT


def server_streaming(stubs: Stubs) -> None:
    assert [len(each.value) for each in stubs.out(asking(*SIZES_OUT))] == list(SIZES_OUT)


def ping_pong(stubs: Stubs) -> None:
    questions: queue.SimpleQueue[BytesValue | None] = queue.SimpleQueue()
    call = stubs.both(iter(questions.get, None))
    for size_in, size_out in zip(SIZES_IN, SIZES_OUT, strict=True):
        questions.put(asking(size_out, padding=size_in))
        assert len(next(call).value) == size_out
    questions.put(None)
    assert list(call) == []
    assert call.code() is grpc.StatusCode.OK


def empty_stream(stubs: Stubs) -> None:
    call = stubs.both(iter(()))
    assert list(call) == []
    assert call.code() is grpc.StatusCode.OK


def custom_metadata(stubs: Stubs) -> None:
    initial = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
    trailing = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
    _, call = stubs.unary.with_call(asking(1), metadata=[initial, trailing])
    assert initial in call.initial_metadata()
    assert trailing in call.trailing_metadata()


def _failed(stubs: Stubs, message: str) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as raised:
        stubs.unary(asking(1), metadata=[("x-status-bin", message.encode())])
    return raised.value


def status_code_and_message(stubs: Stubs) -> None:
    error = _failed(stubs, "test status message")
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert error.details() == "test status message"


def special_status_message(stubs: Stubs) -> None:
    message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    assert _failed(stubs, message).details() == message


def _never_ending(*first: BytesValue) -> tuple[Iterator[BytesValue], Callable[[], None]]:
    """Return requests that stay open, and what ends them."""
    questions: queue.SimpleQueue[BytesValue | None] = queue.SimpleQueue()
    for each in first:
        questions.put(each)
    return iter(questions.get, None), lambda: questions.put(None)


def cancel_after_begin(stubs: Stubs) -> None:
    questions, end = _never_ending()
    call = stubs.in_.future(questions)
    call.cancel()
    assert call.code() is grpc.StatusCode.CANCELLED
    end()


def cancel_after_first_response(stubs: Stubs) -> None:
    questions, end = _never_ending(asking(SIZES_OUT[0]))
    call = stubs.both(questions)
    assert len(next(call).value) == SIZES_OUT[0]
    call.cancel()
    with pytest.raises(grpc.RpcError):
        next(call)
    assert call.code() is grpc.StatusCode.CANCELLED
    end()


def timeout_on_sleeping_server(stubs: Stubs) -> None:
    questions, end = _never_ending(asking(1))
    call = stubs.both(questions, timeout=0.02)
    with pytest.raises(grpc.RpcError):
        list(call)
    assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    end()


CASES: list[Case] = [
    empty_unary,
    large_unary,
    client_streaming,
    client_compressed_unary,
    server_streaming,
    ping_pong,
    empty_stream,
    custom_metadata,
    status_code_and_message,
    special_status_message,
    cancel_after_begin,
    cancel_after_first_response,
    timeout_on_sleeping_server,
]


@pytest.mark.parametrize("case", CASES, ids=[each.__name__ for each in CASES])
async def test_interop(engine: str, case: Case) -> None:
    async with serving(served(), engine) as address:

        def play() -> None:
            with sync_channel(address) as channel:
                case(Stubs.on(channel))

        await in_thread(play)


@pytest.mark.parametrize("path", ["/test.Kinds/UnimplementedCall", "/no.Such/Unary"])
async def test_interop_unimplemented(engine: str, path: str) -> None:
    async with serving(served(), engine) as address:

        def play() -> object:
            with sync_channel(address) as channel, pytest.raises(grpc.RpcError) as raised:
                channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)(
                    b""
                )
            return raised.value.code()

        assert await in_thread(play) is grpc.StatusCode.UNIMPLEMENTED


async def test_the_server_is_not_disturbed_by_its_own_pace(engine: str) -> None:
    """All cases at once, on one channel."""
    async with serving(served(), engine) as address:
        with sync_channel(address) as channel:
            async with trio.open_nursery() as nursery:
                for case in CASES:
                    nursery.start_soon(in_thread, functools.partial(case, Stubs.on(channel)))
