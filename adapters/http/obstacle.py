"""What stands between us and a provider, told apart for people who set it up."""

import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum

import httpx


class Obstacle(StrEnum):
    """Why an address cannot be reached; the word says what to look at."""

    NAME = "its name cannot be resolved"
    REFUSED = "it refuses the connection"
    CERTIFICATE = "its TLS certificate is not trusted"
    TLS = "it does not speak TLS"
    TIMEOUT = "it does not answer in time"
    UNREACHABLE = "there is no connection to it"


def obstacle(error: BaseException) -> Obstacle | None:
    """Return what `error`, of a request, came from; None: the other side was reached."""
    causes = list(_causes(error))
    for kinds, meaning in _TABLE:
        if any(isinstance(cause, kinds) for cause in causes):
            return meaning
    return None


_TABLE: tuple[tuple[tuple[type[BaseException], ...], Obstacle], ...] = (
    ((socket.gaierror,), Obstacle.NAME),
    ((ssl.SSLCertVerificationError,), Obstacle.CERTIFICATE),
    # Before TLS: a handshake that was waited for in vain leaves an SSLError behind too.
    ((httpx.ConnectTimeout,), Obstacle.TIMEOUT),
    ((ssl.SSLError,), Obstacle.TLS),
    ((ConnectionRefusedError,), Obstacle.REFUSED),
    ((httpx.ConnectError, httpx.ProxyError), Obstacle.UNREACHABLE),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give `error` and all that led to it, the branches of groups included."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
