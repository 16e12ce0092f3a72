"""Where a server is, as people write it."""

import attrs

DEFAULT_PORT = 50051


@attrs.frozen
class Target:
    """A server's host (name or address) and port."""

    host: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        """Return ``HOST:PORT``, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Return what ``HOST``, ``HOST:PORT``, ``[V6]`` or ``[V6]:PORT`` names.

        Raises:
            ValueError: It is none of these; the message says what is wrong.
        """
        text = text.strip()
        if text.startswith("["):
            host, closed, rest = text[1:].partition("]")
            if not closed or (rest and not rest.startswith(":")):
                raise ValueError(f"target {text!r} is not HOST:PORT: the bracket is not closed")
            port = rest.removeprefix(":") if rest else None
        elif text.count(":") > 1:
            # An address of version 6 on its own; a port after it would be ambiguous.
            host, port = text, None
        else:
            host, colon, rest = text.partition(":")
            port = rest if colon else None
        if not host or not all(
            "!" <= character <= "~" and character not in "/@" for character in host
        ):
            raise ValueError(f"target {text!r} is not HOST:PORT, e.g. 127.0.0.1:{DEFAULT_PORT}")
        return cls(host, DEFAULT_PORT if port is None else _port(text, port))


def _port(text: str, port: str) -> int:
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"target {text!r}: the port must be a number from 1 to 65535")
    return int(port)
