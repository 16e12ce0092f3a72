"""A service with one method of each kind, played by functions the test gives; messages are `BytesValue`."""

from collections.abc import Callable, Sequence

import attrs
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import Cardinality, RpcFailedError, RPCSignature, Service, StatusCode

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import CallStatus, Dispatcher, Endings, Step

NAME = "test.Kinds"
KINDS = {
    "Unary": Cardinality.UNARY_UNARY,
    "Out": Cardinality.UNARY_STREAM,
    "In": Cardinality.STREAM_UNARY,
    "Both": Cardinality.STREAM_STREAM,
}
Handler = Callable[..., object]


@attrs.define
class Ends:
    """How calls ended, as the transport told it."""

    statuses: list[CallStatus | None] = attrs.field(factory=list)
    errors: list[Exception] = attrs.field(factory=list)

    def endings(self) -> Endings:
        return Endings(failed=self._failed, deadline=self._deadline, ended=self._ended)

    def _failed(self, call: ServerCall, error: Exception) -> CallStatus:
        if isinstance(error, RpcFailedError):
            return CallStatus(error.status.status_code, error.status.status_message)
        self.errors.append(error)
        return CallStatus(StatusCode.INTERNAL, "internal error", b"\x08\x0d")

    def _deadline(self, call: ServerCall) -> CallStatus:
        return CallStatus(StatusCode.DEADLINE_EXCEEDED, "too late")

    def _ended(self, call: ServerCall, status: CallStatus | None) -> None:
        self.statuses.append(status)


def dispatcher(
    handlers: dict[str, Handler],
    ends: Ends | None = None,
    first: Sequence[Step] = (),
) -> Dispatcher:
    """Serve `handlers`, by the name of their kind."""
    return Dispatcher.of([service(handlers)], (ends or Ends()).endings(), first)


def service(handlers: dict[str, Handler]) -> Service:
    """Return the service of `handlers`, by the name of their kind."""
    made = Service(NAME)
    for name, handler in handlers.items():
        made.add_method(name, handler, RPCSignature(KINDS[name], BytesValue, BytesValue))
    return made


def payload(value: bytes) -> BytesValue:
    return BytesValue(value=value)
