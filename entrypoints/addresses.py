"""Where a server listens, as gRPC writes it: ``HOST:PORT``, ``[V6]:PORT``, ``unix:PATH``, ``unix:///PATH``.

Source: https://grpc.github.io/grpc/core/md_doc_naming.html
"""

import os
import sys
from typing import TypeAlias

import attrs

_LONGEST_PATH = 107 if sys.platform == "linux" else 103


@attrs.frozen
class Address:
    """A host (name or address; empty: all of this machine's) and a port; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return ``HOST:PORT``, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@attrs.frozen
class UnixAddress:
    """The path of a socket in the file system."""

    path: str

    def __str__(self) -> str:
        """Return ``unix:PATH``."""
        return f"unix:{self.path}"


AnyAddress: TypeAlias = Address | UnixAddress


def parse_address(text: str) -> AnyAddress:
    """Return the address that `text` writes.

    Raises:
        ValueError: It is none; the message quotes it and says how one is written.
    """
    if text.startswith("unix:"):
        return _unix(text)
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    inner = host[1:-1] if bracketed else host
    if (
        not colon
        or (":" in inner) is not bracketed
        or not all("!" <= character <= "~" and character not in "[]/@" for character in inner)
    ):
        raise ValueError(f"{text!r} is no address: write HOST:PORT, [V6]:PORT or unix:/PATH")
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise ValueError(f"{text!r} is no address: the port must be a number from 0 to 65535")
    return Address(inner, int(port))


def _unix(text: str) -> UnixAddress:
    path = text.removeprefix("unix:")
    if path.startswith("//"):
        path = path.removeprefix("//")
        if not path.startswith("/"):
            raise ValueError(f"{text!r} is no address: after unix:// comes an absolute path")
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError(f"{text!r} is no address: after unix: comes the path of a socket")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ValueError(f"{text!r} is no address: a path has at most {_LONGEST_PATH} bytes")
    return UnixAddress(path)
