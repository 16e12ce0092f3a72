"""What a client's connection may cost."""

import attrs

from entrypoints.grpc.transport.engine import EngineLimits


@attrs.frozen(kw_only=True)
class Limits:
    """What a connection may cost.

    Attributes:
        engine: Windows, frames, headers; received bytes nobody took yet are at
            most ``connection_window`` on a connection.
        max_message: Longest message taken, in bytes.
        connect_s: Patience with a server that does not accept, in seconds.
    """

    engine: EngineLimits = EngineLimits()
    max_message: int = 16 * 1024 * 1024
    connect_s: float = 10.0
