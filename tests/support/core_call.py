"""A server's call without a server: for what looks at calls but sends nothing."""

from collections.abc import Sequence
from typing import Any

import attrs
import trio

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.headers import CallHead
from entrypoints.grpc.transport.messages import MessageReader


@attrs.define
class NoWire:
    """A connection that nothing may be sent on."""

    engine: Any = None
    peer: str = "peer:1"
    high_water: int = 0

    def wake(self) -> None:
        """Nothing was sent, so nobody is woken."""
        raise AssertionError("nothing is to be sent")

    async def drained(self, stream_id: int) -> None:
        """Nothing was sent, so nothing drains."""
        raise AssertionError("nothing is to be sent")


def server_call(
    metadata: Sequence[tuple[str, str | bytes]] = (),
    *,
    request_id: str = "",
    context: object = None,
) -> ServerCall:
    """Return a call of ``Invoke`` as its interceptors see it."""
    head = CallHead(service="llmservice.v1.LLMService", method="Invoke", metadata=tuple(metadata))
    return ServerCall(
        1,
        head,
        trio.CancelScope(),
        NoWire(),
        MessageReader(1024),
        request_id=request_id,
        context=context,
    )
