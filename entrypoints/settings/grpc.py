"""Settings of the gRPC front door, section ``[grpc]``."""

import re

import attrs
from attrs.validators import ge, gt, in_, le

from entrypoints.addresses import Address, AnyAddress, parse_address
from entrypoints.settings.tls import TlsSettings

OPEN_SERVICES = (
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)
"""What tells about the server itself: orchestrators and tools ask it without a token."""


def _addresses(
    _: object, attribute: "attrs.Attribute[tuple[str, ...]]", texts: tuple[str, ...]
) -> None:
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

    Attributes:
        host: Name or address to listen at; empty: all of this machine's.
        port: 0 picks a free one.
        listen: In place of host and port: any of ``HOST:PORT``, ``[V6]:PORT``, ``unix:PATH``.
        unix_mode: Who may connect to a socket in the file system: its permissions, octal.
        reuse_port: Whether other servers may listen at the same ports; the kernel shares connections out.
        handshake_s: Bound on a TLS handshake, in seconds.
        http2_engine: ``nghttp2``, ``h2``, or ``auto`` for the faster one that is there.
        max_message_bytes: Longest message taken from a client.
        max_streams: Calls a client may have open at once on one connection.
        reflection: Whether tools may ask the server what it serves.
        open_services: Full names of the services that anybody may call, even where callers are configured.
    """

    host: str = "127.0.0.1"
    port: int = attrs.field(default=50051, validator=[ge(0), le(65535)])
    listen: tuple[str, ...] = attrs.field(default=(), validator=_addresses)
    unix_mode: str = attrs.field(default="0600", validator=_mode)
    reuse_port: bool = False
    handshake_s: float = attrs.field(default=10.0, validator=gt(0))
    http2_engine: str = attrs.field(default="auto", validator=in_(("auto", "nghttp2", "h2")))
    max_message_bytes: int = attrs.field(default=4 * 1024 * 1024, validator=ge(1024))
    max_streams: int = attrs.field(default=100, validator=ge(1))
    tls: TlsSettings = TlsSettings()
    reflection: bool = True
    open_services: tuple[str, ...] = attrs.field(default=OPEN_SERVICES, validator=_service_names)

    @property
    def addresses(self) -> tuple[AnyAddress, ...]:
        """Where to listen, the first being the one that is told."""
        return tuple(map(parse_address, self.listen)) or (Address(self.host, self.port),)
