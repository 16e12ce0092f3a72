"""gRPC's test service on our transport.

Source: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import trio
from purerpc import Cardinality, RpcFailedError, RPCSignature, Service, Status, StatusCode

from entrypoints.grpc.transport.call import ServerCall
from tests.support.interop.messages import (
    KINDS,
    SERVICE,
    Empty,
    InputResponse,
    OutputResponse,
    SimpleResponse,
)

_ECHO_INITIAL, _ECHO_TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def _echo(call: ServerCall) -> None:
    for name, value in call.metadata:
        if name == _ECHO_INITIAL:
            call.set_initial_metadata((name, value))
        elif name == _ECHO_TRAILING:
            call.set_trailing_metadata((name, value))


def _obey(request: Any) -> None:
    if request.response_status.code:
        status = request.response_status
        raise RpcFailedError(Status(StatusCode(status.code), status.message))


def _payload(size: int) -> dict[str, Any]:
    return {"payload": {"body": bytes(size)}}


def _empty(message: Any, request: ServerCall) -> Any:
    return Empty()


def _unary(message: Any, request: ServerCall) -> Any:
    _echo(request)
    _obey(message)
    return SimpleResponse(**_payload(message.response_size))


async def _out(message: Any, request: ServerCall) -> None:
    _obey(message)
    for each in message.response_parameters:
        await trio.sleep(each.interval_us / 1e6)
        await request.send(OutputResponse(**_payload(each.size)))


async def _in(messages: AsyncIterator[Any], request: ServerCall) -> Any:
    total = sum([len(each.payload.body) async for each in messages])
    return InputResponse(aggregated_payload_size=total)


async def _both(messages: AsyncIterator[Any], request: ServerCall) -> None:
    _echo(request)
    async for each in messages:
        await _out(each, request)


_METHODS: Mapping[str, tuple[Cardinality, Any]] = {
    "EmptyCall": (Cardinality.UNARY_UNARY, _empty),
    "UnaryCall": (Cardinality.UNARY_UNARY, _unary),
    "StreamingOutputCall": (Cardinality.UNARY_STREAM, _out),
    "StreamingInputCall": (Cardinality.STREAM_UNARY, _in),
    "FullDuplexCall": (Cardinality.STREAM_STREAM, _both),
}


def interop_service() -> Service:
    """Return the service."""
    service = Service(SERVICE)
    for name, (cardinality, handler) in _METHODS.items():
        service.add_method(name, handler, RPCSignature(cardinality, *KINDS[name]))
    return service
