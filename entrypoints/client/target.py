"""Where a server is, as people and gRPC's own clients write it.

| written | means |
|---|---|
| ``HOST``, ``HOST:PORT``, ``[V6]:PORT``; behind ``dns:``, ``dns:///``, ``ipv4:``, ``ipv6:`` | TCP |
| ``unix:PATH``, ``unix:///ABSOLUTE``, ``unix-abstract:NAME`` | a socket of this machine |
| ``grpc://HOST:PORT``, ``http://HOST:PORT`` | TCP, surely without TLS |
| ``grpcs://HOST:PORT``, ``https://HOST:PORT`` | TCP with TLS |

Source: https://github.com/grpc/grpc/blob/master/doc/naming.md (the first two rows)
"""

from collections.abc import Mapping

import attrs

DEFAULT_PORT = 50051

_SCHEMES: Mapping[str, tuple[bool, int]] = {
    "grpc": (False, DEFAULT_PORT),
    "grpcs": (True, DEFAULT_PORT),
    "http": (False, 80),
    "https": (True, 443),
}
_RESOLVERS = ("dns", "ipv4", "ipv6")
_ABSTRACT = "\0"


@attrs.frozen
class Target:
    """A server's address.

    Attributes:
        host: Name or address; ``localhost`` for a socket of this machine.
        path: Of that socket; one that begins with NUL is abstract. Empty for TCP.
        secure: Whether it is to be spoken to with TLS; ``None``: the address does not say.
    """

    host: str
    port: int = DEFAULT_PORT
    path: str = ""
    secure: bool | None = None

    def __str__(self) -> str:
        """Return ``HOST:PORT``, an IPv6 host in brackets, or ``unix:PATH``."""
        if self.path.startswith(_ABSTRACT):
            return f"unix-abstract:{self.path[1:]}"
        return f"unix:{self.path}" if self.path else self._host_and_port()

    @property
    def authority(self) -> str:
        """What requests call the server."""
        return "localhost" if self.path else self._host_and_port()

    def _host_and_port(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Return what `text` names; see the module.

        Raises:
            ValueError: It names nothing; the message says what is wrong.
        """
        text = text.strip()
        scheme, colon, rest = text.partition(":")
        if colon and scheme in ("unix", "unix-abstract"):
            return cls("localhost", path=_socket_path(text, scheme, rest))
        if rest.startswith("//") and scheme in _SCHEMES:
            secure, port = _SCHEMES[scheme]
            return cls(*_host_and_port(text, rest[2:].removesuffix("/"), port), secure=secure)
        if colon and scheme in _RESOLVERS:
            # An empty authority is allowed; one that names a resolver is not for us to ask.
            return cls(*_host_and_port(text, rest.removeprefix("///"), DEFAULT_PORT))
        return cls(*_host_and_port(text, text, DEFAULT_PORT))


def _socket_path(text: str, scheme: str, rest: str) -> str:
    path = rest.removeprefix("//") if rest.startswith("///") else rest
    if not path or path.startswith("//") or _ABSTRACT in path:
        raise ValueError(f"target {text!r} names no socket, e.g. unix:/run/llmservice.sock")
    return _ABSTRACT + path if scheme == "unix-abstract" else path


def _host_and_port(text: str, address: str, default: int) -> tuple[str, int]:
    if address.startswith("["):
        host, closed, rest = address[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(f"target {text!r} is not HOST:PORT: the bracket is not closed")
        port = rest.removeprefix(":") if rest else None
    elif address.count(":") > 1:
        # An address of version 6 on its own; a port after it would be ambiguous.
        host, port = address, None
    else:
        host, colon, rest = address.partition(":")
        port = rest if colon else None
    if not host or not all("!" <= each <= "~" and each not in "/@,?#" for each in host):
        raise ValueError(f"target {text!r} is not HOST:PORT, e.g. 127.0.0.1:{DEFAULT_PORT}")
    return host, default if port is None else _port(text, port)


def _port(text: str, port: str) -> int:
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"target {text!r}: the port must be a number from 1 to 65535")
    return int(port)
