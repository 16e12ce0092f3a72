"""Settings of the HTTP side, section ``[http]``."""

import attrs
from attrs.validators import ge, gt, le

from entrypoints.addresses import Address, AnyAddress, parse_address
from entrypoints.settings.grpc import check_addresses


@attrs.frozen(kw_only=True)
class HttpSettings:
    """Metrics and health over HTTP, at an address of its own.

    Attributes:
        enabled: Whether there is an HTTP side, and anything is counted for it.
        host: Name or address to listen at; empty: all of this machine's.
        port: 0 picks a free one.
        listen: In place of host and port: any of ``HOST:PORT``, ``[V6]:PORT``, ``unix:PATH``.
        max_connections: At once; one more takes the place of the oldest.
        idle_s: A connection without a request is closed after so long; a request has so long to come, too.
        write_stall_s: A client that does not read for so long is gone.
        metrics_open: Beyond this machine, too, whoever gets here may read the metrics: without a token of a
            caller with the scope ``metrics.read``; and on this machine by whatever name.
        console: Whether there is a console, and calls are watched for it.
        caller_metrics: How many callers have metrics of their own; those above share one. 0: none has.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = attrs.field(default=9464, validator=[ge(0), le(65535)])
    listen: tuple[str, ...] = attrs.field(default=(), validator=check_addresses)
    max_connections: int = attrs.field(default=64, validator=ge(1))
    idle_s: float = attrs.field(default=30.0, validator=gt(0))
    write_stall_s: float = attrs.field(default=5.0, validator=[gt(0), le(60)])
    metrics_open: bool = False
    console: bool = True
    caller_metrics: int = attrs.field(default=0, validator=[ge(0), le(10_000)])

    @property
    def addresses(self) -> tuple[AnyAddress, ...]:
        """Where to listen, the first being the one that is told."""
        return tuple(map(parse_address, self.listen)) or (Address(self.host, self.port),)
