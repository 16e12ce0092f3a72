"""Settings of the gRPC front door, section ``[grpc]``."""

import re

import attrs
from attrs.validators import ge, gt, in_, le

from entrypoints.addresses import Address, AnyAddress, parse_address
from entrypoints.settings.tls import TlsSettings

_KIB = 1024
_MIB = 1024 * 1024

OPEN_SERVICES = (
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)
"""What tells about the server itself: orchestrators and tools ask it without a token."""


def check_addresses(
    _: object, attribute: "attrs.Attribute[tuple[str, ...]]", texts: tuple[str, ...]
) -> None:
    """Refuse what is no address, and one that is named twice.

    Raises:
        ValueError: Something is.
    """
    try:
        known = [parse_address(text) for text in texts]
    except ValueError as error:
        raise ValueError(f"'{attribute.name}' {error}") from None
    for address in known:
        if known.count(address) > 1 and not (isinstance(address, Address) and address.port == 0):
            raise ValueError(f"'{attribute.name}' names {address} twice")


def _mode(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not re.fullmatch(r"0?[0-7]{3}", value):
        raise ValueError(f"'{attribute.name}' must be three octal digits, e.g. \"0600\"")


def _service_names(
    _: object, attribute: "attrs.Attribute[tuple[str, ...]]", names: tuple[str, ...]
) -> None:
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name, re.ASCII):
            raise ValueError(
                f"'{attribute.name}' {name!r} is no full name of a service, as {OPEN_SERVICES[0]} is"
            )


@attrs.frozen(kw_only=True)
class GrpcSettings:
    """The gRPC front door.

    What a server holds for one stream that its client does not read stays under twice
    ``stream_queue_bytes`` and two messages; for all clients together under ``max_buffered_bytes`` in each
    direction and a message a stream. Seconds that may be 0 mean "never" then.

    Attributes:
        host: Name or address to listen at; empty: all of this machine's.
        port: 0 picks a free one.
        listen: In place of host and port: any of ``HOST:PORT``, ``[V6]:PORT``, ``unix:PATH``.
        unix_mode: Who may connect to a socket in the file system: its permissions, octal.
        reuse_port: Whether other servers may listen at the same ports; the kernel shares connections out.
        handshake_s: Bound on a TLS handshake, and then on the client's HTTP/2 preface and settings.
        http2_engine: ``nghttp2``, ``h2``, or ``auto`` for the faster one that is there.
        max_connections: Connections at once; those above are closed as soon as they are made.
        max_connections_per_peer: The same from one network address, or one IPv6 network (/64), so that one
            client cannot have them all; 0: no bound of its own. Behind a proxy all come from one address.
        max_streams: Calls a client may have open at once on one connection.
        max_message_bytes: Longest message taken from a client, before and after decompression.
        max_answer_bytes: Longest message sent; a longer one fails its call with RESOURCE_EXHAUSTED.
        max_header_bytes: Longest header list (metadata) of a call, as HTTP/2 counts it.
        max_frame_bytes: Longest HTTP/2 frame taken.
        stream_window_bytes: What a client may send on a stream ahead of the handler.
        connection_window_bytes: The same over all streams of a connection.
        stream_queue_bytes: Queued on a stream above which its handler waits for the client to read.
        connection_queue_bytes: The same over all streams of a connection.
        max_buffered_bytes: Held for all clients together, in each direction. Above it a call that sends
            more ends with SERVICE_OVERLOADED, and handlers wait until their own stream is read.
        reset_burst: Calls that a client may reset before they were answered, at once; each answered
            call permits one more, and it is never below twice ``max_streams``.
        resets_per_s: And then, a second.
        control_burst: Control frames (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA) that a client
            may send at once; every four bytes it is sent permit one more.
        control_per_s: And then, a second.
        write_stall_s: A client that takes not one byte for so long is gone.
        keepalive_s: A client that is silent for so long is asked whether it is there; 0: never.
        keepalive_timeout_s: And is gone if it is silent for so long after that.
        max_connection_idle_s: A client without calls is sent away after so long; 0: never.
        max_connection_age_s: Any client is sent away after so long, so that it finds servers that were
            added since; 0: never.
        max_connection_age_grace_s: From then until what still runs is cut.
        drain_grace_s: From SIGTERM or SIGINT until what still runs is cut.
        compression: ``gzip``: messages are compressed for clients that take it; ``off``: none are.
            Off by default: the chunks of an answer are short, and compressing them costs more than the
            rest of the transport.
        compress_from_bytes: Shortest message that is compressed.
        reflection: Whether tools may ask the server what it serves.
        open_services: Full names of the services that anybody may call, even where callers are configured.
    """

    host: str = "127.0.0.1"
    port: int = attrs.field(default=50051, validator=[ge(0), le(65535)])
    listen: tuple[str, ...] = attrs.field(default=(), validator=check_addresses)
    unix_mode: str = attrs.field(default="0600", validator=_mode)
    reuse_port: bool = False
    handshake_s: float = attrs.field(default=10.0, validator=gt(0))
    http2_engine: str = attrs.field(default="auto", validator=in_(("auto", "nghttp2", "h2")))
    max_connections: int = attrs.field(default=1000, validator=ge(1))
    max_connections_per_peer: int = attrs.field(default=0, validator=ge(0))
    max_streams: int = attrs.field(default=100, validator=[ge(1), le(2**24)])
    max_message_bytes: int = attrs.field(default=4 * _MIB, validator=[ge(1024), le(2**31 - 1)])
    max_answer_bytes: int = attrs.field(default=16 * _MIB, validator=[ge(1024), le(2**31 - 1)])
    max_header_bytes: int = attrs.field(default=16 * _KIB, validator=[ge(1024), le(_MIB)])
    # RFC 9113, 6.5.2
    max_frame_bytes: int = attrs.field(default=16 * _KIB, validator=[ge(2**14), le(2**24 - 1)])
    # 65,535 is what a client may send before it knows of ours.
    stream_window_bytes: int = attrs.field(
        default=256 * _KIB, validator=[ge(65_535), le(2**31 - 1)]
    )
    connection_window_bytes: int = attrs.field(
        default=4 * _MIB, validator=[ge(65_535), le(2**31 - 1)]
    )
    stream_queue_bytes: int = attrs.field(default=256 * _KIB, validator=ge(1024))
    connection_queue_bytes: int = attrs.field(default=4 * _MIB, validator=ge(1024))
    max_buffered_bytes: int = attrs.field(default=256 * _MIB, validator=ge(_MIB))
    reset_burst: int = attrs.field(default=200, validator=ge(1))
    resets_per_s: float = attrs.field(default=50.0, validator=ge(0))
    control_burst: int = attrs.field(default=500, validator=ge(10))
    control_per_s: float = attrs.field(default=50.0, validator=ge(1))
    write_stall_s: float = attrs.field(default=20.0, validator=ge(0.1))
    keepalive_s: float = attrs.field(default=7200.0, validator=ge(0))
    keepalive_timeout_s: float = attrs.field(default=20.0, validator=ge(0.1))
    max_connection_idle_s: float = attrs.field(default=300.0, validator=ge(0))
    max_connection_age_s: float = attrs.field(default=0.0, validator=ge(0))
    max_connection_age_grace_s: float = attrs.field(default=30.0, validator=ge(0))
    drain_grace_s: float = attrs.field(default=30.0, validator=ge(0))
    compression: str = attrs.field(default="off", validator=in_(("off", "gzip")))
    compress_from_bytes: int = attrs.field(default=1024, validator=ge(0))
    tls: TlsSettings = TlsSettings()
    reflection: bool = True
    open_services: tuple[str, ...] = attrs.field(default=OPEN_SERVICES, validator=_service_names)

    @property
    def addresses(self) -> tuple[AnyAddress, ...]:
        """Where to listen, the first being the one that is told."""
        return tuple(map(parse_address, self.listen)) or (Address(self.host, self.port),)
