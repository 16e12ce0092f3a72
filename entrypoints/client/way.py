"""The way to a server, checked before anything is connected: address, TLS, token."""

import attrs

from entrypoints.client.target import Target
from entrypoints.client.tls import OpenTls, Tls
from entrypoints.client.token import Bearer, TokenSource, checked_token, refuse_readable


@attrs.frozen
class Way:
    """A way to a server.

    Attributes:
        tls: ``None``: none is spoken.
        bearer: Says the token; ``None``: there is none.
    """

    target: Target
    tls: OpenTls | None = None
    bearer: Bearer | None = None


def prepared(
    target: str, tls: Tls | None = None, token: TokenSource | None = None, *, plain_token: bool
) -> Way:
    """Return the way that these name; see `entrypoints.client.client.connect`.

    Raises:
        ValueError: `target` makes no sense, a file of `tls` is no good, or the
            token cannot be sent, or not safely.
    """
    parsed = Target.parse(target)
    if tls is not None and parsed.secure is False:
        raise ValueError(f"target {target!r} says no TLS, and TLS is asked for: use https://")
    opened = (tls or Tls()).opened() if tls is not None or parsed.secure else None
    if token is None:
        return Way(parsed, opened)
    if isinstance(token, str):
        checked_token(token)
    if not plain_token:
        refuse_readable(parsed, secure=opened is not None)
    return Way(parsed, opened, Bearer(token))
