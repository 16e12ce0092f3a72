"""Whether it is safe to let the addresses of some settings be reached: one answer for `serve` and `check`."""

from entrypoints.addresses import Address
from entrypoints.loopback import is_loopback
from entrypoints.settings.tree import Settings


def exposed(settings: Settings, *, demanding: bool) -> str | None:
    """Return which address lets unknown callers of other machines in, and the remedy; None: none does.

    Args:
        settings: What is configured.
        demanding: Whether a caller must be known.
    """
    if demanding:
        return None
    # Metrics name models: a token is asked for beyond this machine, and there is nobody who could have one.
    http = settings.http
    for address in http.addresses if http.enabled and not http.metrics_open else ():
        if isinstance(address, Address) and not is_loopback(address.host):
            return (
                f"{address if address.host else 'an empty host'} (http) is reachable from other machines,"
                " and callers are not authenticated: make a key (llmservice keys create), configure"
                " [callers.NAME], set http.host to 127.0.0.1 or http.metrics_open, or say --insecure"
            )
    if settings.grpc.tls.require_client_certificate:
        # Certificates: only those get in whom an authority of our choice knows.
        return None
    for address in settings.grpc.addresses:
        if isinstance(address, Address) and not is_loopback(address.host):
            return (
                f"{address if address.host else 'an empty host'} is reachable from other machines,"
                " and callers are not authenticated: make a key (llmservice keys create), configure"
                " [callers.NAME], listen at 127.0.0.1, or say --insecure"
            )
    return None
