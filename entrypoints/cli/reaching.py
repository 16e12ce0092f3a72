"""How a command reaches a server: its address, TLS, and the caller's token.

A token comes from a file or from the environment, never from the command line, where `ps` shows it to
everybody.
"""

import argparse
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import attrs

from entrypoints.cli.endings import BadUsage
from entrypoints.client.client import Client, connect
from entrypoints.client.tls import Tls
from entrypoints.client.way import prepared

_TOKEN, _TOKEN_FILE = "LLMSERVICE_TOKEN", "LLMSERVICE_TOKEN_FILE"


@attrs.frozen(kw_only=True)
class Reach:
    """A server and the way to it; see `entrypoints.client.client.connect`."""

    target: str
    tls: Tls | None = None
    token: str | None = attrs.field(default=None, repr=False)
    plain_token: bool = False

    def connect(self) -> AbstractAsyncContextManager[Client]:
        """Connect to the server while the block runs."""
        return connect(self.target, tls=self.tls, token=self.token, plain_token=self.plain_token)


def reach(asked: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Reach:
    """Return the way to the server that the command line and `environment` name.

    Raises:
        BadUsage: It makes no sense, or is not safe.
    """
    named = Tls(
        ca=asked.tls_ca, certificate=asked.tls_cert, key=asked.tls_key, server_name=asked.tls_name
    )
    found = Reach(
        target=asked.target,
        tls=named if asked.tls or named != Tls() else None,
        token=token_of(asked.token_file, environment),
        plain_token=asked.plain_token,
    )
    try:
        prepared(found.target, found.tls, found.token, plain_token=found.plain_token)
    except ValueError as error:
        hint = " (--plain-token)" if "plain text" in str(error) else ""
        raise BadUsage(f"{error}{hint}") from None
    return found


def token_of(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Return the token to call with; None: there is none.

    Raises:
        BadUsage: It cannot be read.
    """
    if file is None and environment.get(_TOKEN):
        return environment[_TOKEN].strip()
    named = file or (Path(environment[_TOKEN_FILE]) if environment.get(_TOKEN_FILE) else None)
    if named is None:
        return None
    try:
        return named.read_text(encoding="ascii").strip()
    except OSError as error:
        raise BadUsage(f"{named}: the token cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadUsage(f"{named}: is no token") from None
