"""A caller's token on its way to the server.

Laws: it is in no repr, no log and no error. Over a connection that others can read it is not sent, unless
whoever has it says so.
"""

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs

from entrypoints.client.target import Target
from entrypoints.loopback import is_loopback

TokenSource: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A token, or what returns the one to send with the next call (so that it may change)."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@attrs.frozen
class Bearer:
    """The token of every call on a connection."""

    _source: TokenSource = attrs.field(repr=False)

    async def header(self) -> tuple[bytes, bytes]:
        """Return the field that says it.

        Raises:
            ValueError: What was given is no token.
        """
        found = self._source if isinstance(self._source, str) else self._source()
        token = await found if inspect.isawaitable(found) else found
        return b"authorization", b"Bearer " + checked_token(token).encode()


def checked_token(token: str) -> str:
    """Return `token`.

    Raises:
        ValueError: It cannot be sent; what it is is not told.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError(
            "the token cannot be sent: it is empty, or has other characters than letters, digits and ._~+/-="
        )
    return token


def refuse_readable(target: Target, *, secure: bool) -> None:
    """See that nobody on the way to `target` can read what is sent.

    Raises:
        ValueError: Somebody could.
    """
    if not (secure or target.path or is_loopback(target.host)):
        raise ValueError(
            f"a token would cross the network to {target} in plain text: use TLS"
            f" (https://{target.authority}), or allow that explicitly"
        )
