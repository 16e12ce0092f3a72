"""A server's call without a server, and what was sent on it."""

from collections.abc import Sequence
from typing import Any

import attrs
import trio

from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.client_certificate import ClientCertificate
from entrypoints.grpc.transport.headers import CallHead
from entrypoints.grpc.transport.messages import PREFIX_SIZE, MessageReader


@attrs.define
class Sent:
    """An engine that keeps what it is to send.

    Attributes:
        payloads: Messages, without their frames.
    """

    payloads: list[bytes] = attrs.field(factory=list)
    silent: bool = True

    def respond(self, stream_id: int, headers: object) -> None:
        """Begin."""

    def send(self, stream_id: int, data: bytes) -> int:
        """Keep one framed message; nothing ever waits."""
        self.payloads.append(data[PREFIX_SIZE:])
        return 0


class NoPressure:
    """Nothing waits, so nobody has to."""

    high_water = 0


class NoWriter:
    """Nobody needs to be woken."""

    idle = False


@attrs.define
class NoWire:
    """A connection that leads nowhere."""

    engine: Any
    peer: str = "peer:1"
    client: ClientCertificate | None = None
    budget: Budget = attrs.field(factory=Budget)
    pressure: Any = attrs.field(factory=NoPressure)
    writer: Any = attrs.field(factory=NoWriter)


def server_call(
    metadata: Sequence[tuple[str, str | bytes]] = (),
    *,
    request_id: str = "",
    context: object = None,
    sent: Sent | None = None,
    service: str = "llmservice.v1.LLMService",
) -> ServerCall:
    """Return a call of ``Invoke`` as those see it who come before its handler."""
    head = CallHead(service=service, method="Invoke", metadata=tuple(metadata))
    return ServerCall(
        1,
        head,
        trio.CancelScope(),
        NoWire(sent),
        MessageReader(1024),
        request_id=request_id,
        context=context,
    )
