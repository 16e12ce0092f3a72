"""Whether it is safe to let the addresses of some settings be reached: one answer for `serve` and `check`."""

from entrypoints.addresses import Address
from entrypoints.loopback import is_loopback
from entrypoints.settings.grpc import GrpcSettings


def exposed(grpc: GrpcSettings) -> str | None:
    """Return which address lets unknown callers of other machines in, and the remedy; None: none does."""
    for address in grpc.addresses:
        if isinstance(address, Address) and not is_loopback(address.host):
            return (
                f"{address if address.host else 'an empty host'} is reachable from other machines,"
                " and callers are not authenticated: listen at 127.0.0.1, or say --insecure"
            )
    return None
