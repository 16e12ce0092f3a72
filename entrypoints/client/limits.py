"""What a client's connection may cost."""

import attrs
from attrs.validators import gt, optional

from entrypoints.grpc.transport.engine import EngineLimits


@attrs.frozen(kw_only=True)
class Limits:
    """What a connection may cost.

    Attributes:
        engine: Windows, frames, headers; received bytes nobody took yet are at
            most ``connection_window`` on a connection.
        max_message: Longest message taken, in bytes. The default is what our
            server sends at most: a whole answer says its text twice.
        connect_s: Patience with a server that does not accept, in seconds; TLS
            and the first frame included.
        keepalive_s: Silence, in seconds, after which a server that owes an
            answer is asked whether it is alive; ``None``: never. Servers send
            away those who ask too often.
        keepalive_timeout_s: Patience with that question, in seconds.
    """

    engine: EngineLimits = EngineLimits()
    max_message: int = 16 * 1024 * 1024
    connect_s: float = attrs.field(default=10.0, validator=gt(0))
    keepalive_s: float | None = attrs.field(default=None, validator=optional(gt(0)))
    keepalive_timeout_s: float = attrs.field(default=20.0, validator=gt(0))
