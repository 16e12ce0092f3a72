"""Settings of the gRPC front door, section ``[grpc]``."""

import attrs
from attrs.validators import ge, in_, le


@attrs.frozen(kw_only=True)
class GrpcSettings:
    """The gRPC front door.

    Attributes:
        host: Name or address to listen at.
        port: 0 picks a free one.
        http2_engine: ``nghttp2``, ``h2``, or ``auto`` for the faster one that is there.
        max_message_bytes: Longest message taken from a client.
        max_streams: Calls a client may have open at once on one connection.
    """

    host: str = "127.0.0.1"
    port: int = attrs.field(default=50051, validator=[ge(0), le(65535)])
    http2_engine: str = attrs.field(default="auto", validator=in_(("auto", "nghttp2", "h2")))
    max_message_bytes: int = attrs.field(default=4 * 1024 * 1024, validator=ge(1024))
    max_streams: int = attrs.field(default=100, validator=ge(1))
